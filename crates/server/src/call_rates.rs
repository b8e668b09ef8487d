//! How often control operations may be called.
//!
//! The service limits most of them to a few calls a second for an account and Region, some for a
//! stream. A limiter that is off costs nothing; one that is on keeps a bucket for each caller
//! that called within the last second, for a bucket older than that is a full one.

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
    /// For an account in a Region.
    Account(u32),
    /// For a resource: a stream, a table.
    Resource(u32),
}

/// A bucket that was not touched for this long is full again, whatever its rate.
const REFILL_US: u64 = 1_000_000;
/// Buckets at which the full ones are first thrown out: a few hundred KiB.
const SWEEP_BUCKETS: usize = 4096;

/// Who shares a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    operation: &'static str,
    scope: Scope,
    resource: Option<Arc<str>>,
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
    /// bucket costs the same however many there are.
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
            self.by_key.retain(|_, bucket| bucket.touched_us + REFILL_US > now_us);
            self.sweep_at = (2 * self.by_key.len()).max(SWEEP_BUCKETS);
        }
        let full = || Bucket { tokens: TokenBucket::full(per_second, now_us), touched_us: now_us };
        self.by_key.entry(key).or_insert_with(full)
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

    /// Takes one call, for the resource of this name if it is about one.
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
        let (per_second, shared_by) = match rate {
            CallRate::Unlimited => return Ok(()),
            CallRate::Account(per_second) => (u64::from(per_second), None),
            CallRate::Resource(per_second) => (u64::from(per_second), resource.cloned()),
        };
        let key = Key { operation, scope: scope.clone(), resource: shared_by };
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
}
