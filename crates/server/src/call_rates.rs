//! How often control operations may be called.
//!
//! The service limits most of them to a few calls a second for an account and Region, some for a
//! stream. Here an account has as many in all Regions together as in one, for Regions are free names to
//! whoever signs. A limiter that is off costs nothing; one that is on keeps a bucket for each caller that
//! called within the last second, for a bucket older than that is a full one, and no more than
//! [`BUCKETS_MAX`].

use anabranch_engine::Scope;
use anabranch_model::token_bucket::TokenBucket;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Calls of one operation in a second. Sources: the API reference's page of each operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallRate {
    /// The service documents none.
    Unlimited,
    /// For an account, whatever Regions it names.
    Account(u32),
    /// For a resource: a stream, a table.
    Resource(u32),
}

/// A bucket that was not touched for this long is full again, whatever its rate.
const REFILL_US: u64 = 1_000_000;
/// Buckets at which the full ones are first thrown out: a few hundred KiB.
const SWEEP_BUCKETS: usize = 4096;
/// Most buckets: a few MiB. So many names are called by nobody who is to be slowed down; when they are,
/// those that were not called for longest are full again.
const BUCKETS_MAX: usize = 8 * SWEEP_BUCKETS;

/// What has a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    operation: &'static str,
    callers: Callers,
}

/// Who shares a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Callers {
    OfAccount(Arc<str>),
    OfResource(Scope, Arc<str>),
}

/// The rate is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateExceeded;

#[derive(Debug)]
struct Bucket {
    tokens: TokenBucket,
    touched_us: u64,
}

#[derive(Debug)]
struct Buckets {
    by_key: HashMap<Key, Bucket>,
    /// With so many, full ones are thrown out. Twice what was left the last time, so that a new
    /// bucket costs the same however many there are; at most [`BUCKETS_MAX`].
    sweep_at: usize,
}

impl Default for Buckets {
    fn default() -> Self {
        Self { by_key: HashMap::new(), sweep_at: SWEEP_BUCKETS }
    }
}

impl Buckets {
    fn bucket(&mut self, key: Key, per_second: u64, now_us: u64) -> &mut Bucket {
        if self.by_key.len() >= self.sweep_at && !self.by_key.contains_key(&key) {
            self.sweep(now_us);
        }
        let full = || Bucket { tokens: TokenBucket::full(per_second, now_us), touched_us: now_us };
        self.by_key.entry(key).or_insert_with(full)
    }

    /// Throws out the full ones, and of too many that are left those that were not called for longest.
    fn sweep(&mut self, now_us: u64) {
        self.by_key.retain(|_, bucket| bucket.touched_us + REFILL_US > now_us);
        if self.by_key.len() > BUCKETS_MAX / 2 {
            let mut touched_us: Vec<_> = self.by_key.values().map(|it| it.touched_us).collect();
            let half = touched_us.len() - BUCKETS_MAX / 2;
            let (_, last_us, _) = touched_us.select_nth_unstable(half - 1);
            self.by_key.retain(|_, bucket| bucket.touched_us > *last_us);
        }
        self.sweep_at = (2 * self.by_key.len()).max(SWEEP_BUCKETS);
    }
}

/// Counts calls.
#[derive(Debug)]
pub(crate) struct CallLimiter {
    buckets: Option<Mutex<Buckets>>,
}

impl CallLimiter {
    /// A limiter; one that is off lets everything pass.
    pub(crate) fn new(is_on: bool) -> Self {
        Self { buckets: is_on.then(Mutex::default) }
    }

    /// Takes one call, for the resource of this name if it is about one. Without a name, whatever is
    /// counted by resource is counted by account.
    ///
    /// # Errors
    /// When the rate is used up.
    pub(crate) fn take(
        &self,
        operation: &'static str,
        rate: CallRate,
        scope: &Scope,
        resource: Option<&Arc<str>>,
        now_us: u64,
    ) -> Result<(), RateExceeded> {
        let Some(buckets) = &self.buckets else { return Ok(()) };
        let (per_second, name) = match rate {
            CallRate::Unlimited => return Ok(()),
            CallRate::Account(per_second) => (u64::from(per_second), None),
            CallRate::Resource(per_second) => (u64::from(per_second), resource),
        };
        let callers = match name {
            Some(name) => Callers::OfResource(scope.clone(), name.clone()),
            None => Callers::OfAccount(scope.account.clone()),
        };
        let key = Key { operation, callers };
        let mut buckets = buckets.lock();
        let bucket = buckets.bucket(key, per_second, now_us);
        bucket.touched_us = now_us;
        match bucket.tokens.try_take(per_second, now_us, 1) {
            true => Ok(()),
            false => Err(RateExceeded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(account: &str) -> Scope {
        Scope { account: Arc::from(account), region: Arc::from("eu-north-1") }
    }

    fn passing(limiter: &CallLimiter, rate: CallRate, stream: &str, now_us: u64) -> usize {
        let stream = Arc::from(stream);
        let call = |_: &u32| limiter.take("Op", rate, &scope("1"), Some(&stream), now_us).is_ok();
        (0..100).filter(call).count()
    }

    #[test]
    fn accounts_share_a_rate_and_streams_have_their_own() {
        let limiter = CallLimiter::new(true);
        assert_eq!(passing(&limiter, CallRate::Account(5), "a", 0), 5);
        assert_eq!(passing(&limiter, CallRate::Account(5), "b", 0), 0);
        assert_eq!(passing(&limiter, CallRate::Account(5), "b", 400_000), 2);
        assert!(limiter.take("Op", CallRate::Account(5), &scope("2"), None, 400_000).is_ok());
        assert!(limiter.take("Other", CallRate::Account(5), &scope("1"), None, 0).is_ok());
        let limiter = CallLimiter::new(true);
        assert_eq!(passing(&limiter, CallRate::Resource(20), "a", 0), 20);
        assert_eq!(passing(&limiter, CallRate::Resource(20), "b", 0), 20);
    }

    #[test]
    fn an_account_has_one_rate_in_all_regions_and_a_stream_its_own_in_each() {
        let limiter = CallLimiter::new(true);
        let passing = |rate| {
            let call = |number: &u32| {
                let scope = Scope { region: Arc::from(format!("r-{number}")), ..scope("1") };
                limiter.take("Op", rate, &scope, Some(&Arc::from("a")), 0).is_ok()
            };
            (0..20).filter(call).count()
        };
        assert_eq!(passing(CallRate::Account(5)), 5);
        assert_eq!(passing(CallRate::Resource(1)), 20);
    }

    #[test]
    fn nothing_is_counted_when_it_is_off_or_unlimited() {
        assert_eq!(passing(&CallLimiter::new(false), CallRate::Account(1), "a", 0), 100);
        let limiter = CallLimiter::new(true);
        assert_eq!(passing(&limiter, CallRate::Unlimited, "a", 0), 100);
        assert!(limiter.buckets.is_some_and(|buckets| buckets.lock().by_key.is_empty()));
    }

    #[test]
    fn callers_that_went_away_take_no_memory() {
        let limiter = CallLimiter::new(true);
        for second in 0..3 {
            for stream in 0..SWEEP_BUCKETS {
                let name = Arc::from(format!("{second}-{stream}"));
                let now_us = second * REFILL_US * 2;
                let taken =
                    limiter.take("Op", CallRate::Resource(1), &scope("1"), Some(&name), now_us);
                assert!(taken.is_ok());
            }
        }
        let kept = limiter.buckets.map(|buckets| buckets.lock().by_key.len());
        assert_eq!(kept, Some(SWEEP_BUCKETS));
    }

    #[test]
    fn however_many_names_are_called_memory_is_bounded_and_who_calls_on_is_counted() {
        let limiter = CallLimiter::new(true);
        let scope = scope("1");
        let take = |name: &str, now_us| {
            limiter.take("Op", CallRate::Resource(1), &scope, Some(&Arc::from(name)), now_us)
        };
        assert!(take("busy", 0).is_ok());
        for number in 0..3 * BUCKETS_MAX {
            let now_us = (number / 100) as u64;
            assert!(take(&number.to_string(), now_us).is_ok());
            if number % 50 == 0 {
                assert!(take("busy", now_us).is_err(), "{number}");
            }
            let buckets = limiter.buckets.as_ref().expect("it is on").lock();
            assert!(buckets.by_key.len() <= BUCKETS_MAX);
        }
        // All in one instant: nobody is older than the others.
        for number in 0..2 * BUCKETS_MAX {
            assert!(take(&format!("other {number}"), 100_000).is_ok());
        }
        let kept = limiter.buckets.map(|buckets| buckets.lock().by_key.len());
        assert!(kept.is_some_and(|kept| kept <= BUCKETS_MAX), "{kept:?}");
    }
}
