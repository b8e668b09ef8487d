//! Who holds the subscription of a consumer to a shard: one at a time.
//!
//! A holder may be replaced once its call is five seconds old. What is known of a seat is kept
//! that long after the holder went, as the service does, and forgotten at some time later.

use crate::settings::ShardRates;
use anabranch_model::ShardKey;
use anabranch_model::limits::SUBSCRIPTION_HOLD_MS;
use anabranch_model::token_bucket::TokenBucket;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::oneshot;

const HOLD_US: u64 = SUBSCRIPTION_HOLD_MS * 1000;
/// Seats from which the abandoned ones are thrown out.
const SWEEP_SEATS_MIN: usize = 1024;

/// The subscription of one consumer to one shard.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SeatKey {
    pub(crate) shard: ShardKey,
    pub(crate) consumer: Arc<str>,
    /// Consumers of one name are told apart by it.
    pub(crate) created_secs: u64,
}

/// Why a seat cannot be taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SeatError {
    /// Calls come faster than the rate.
    TooOften,
    /// The last call that succeeded is too recent.
    Taken,
}

/// Resolves when somebody else has taken the seat. Dropping it leaves the seat.
pub(crate) type Seat = oneshot::Receiver<()>;

#[derive(Debug, Default)]
pub(crate) struct Seats(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    seats: HashMap<SeatKey, Holder>,
    sweep_at: usize,
}

#[derive(Debug)]
struct Holder {
    calls: TokenBucket,
    called_us: u64,
    /// The last call that succeeded, and the other end of its [`Seat`].
    taken: Option<(u64, oneshot::Sender<()>)>,
}

impl Seats {
    /// Takes a seat, from its holder if there is one. `None`: it could have been taken, but only
    /// that was asked (`dry_run`).
    ///
    /// # Errors
    /// See [`SeatError`].
    pub(crate) fn take(
        &self,
        key: SeatKey,
        rates: &ShardRates,
        now_us: u64,
        dry_run: bool,
    ) -> Result<Option<Seat>, SeatError> {
        let mut inner = self.0.lock();
        inner.maybe_sweep(now_us);
        let holder = inner.seats.entry(key).or_insert_with(|| Holder {
            calls: TokenBucket::full(rates.subscribe_calls, now_us),
            called_us: now_us,
            taken: None,
        });
        holder.called_us = now_us;
        if rates.subscribe_calls != 0 {
            if !holder.calls.try_take(rates.subscribe_calls, now_us, 1) {
                return Err(SeatError::TooOften);
            }
            let is_recent = |taken_us: u64| now_us < taken_us.saturating_add(HOLD_US);
            if holder.taken.as_ref().is_some_and(|(taken_us, _)| is_recent(*taken_us)) {
                return Err(SeatError::Taken);
            }
        }
        if dry_run {
            return Ok(None);
        }
        let (replaced, seat) = oneshot::channel();
        // The former holder learns of it by the end of its channel.
        holder.taken = Some((now_us, replaced));
        Ok(Some(seat))
    }
}

impl Inner {
    fn maybe_sweep(&mut self, now_us: u64) {
        if self.seats.len() < self.sweep_at.max(SWEEP_SEATS_MIN) {
            return;
        }
        self.seats.retain(|_, holder| {
            let is_held = holder.taken.as_ref().is_some_and(|(_, replaced)| !replaced.is_closed());
            is_held || now_us < holder.called_us.saturating_add(HOLD_US)
        });
        self.sweep_at = self.seats.len() * 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot::error::TryRecvError;

    const MS: u64 = 1000;

    fn key(consumer: &str) -> SeatKey {
        SeatKey { shard: ShardKey(1), consumer: Arc::from(consumer), created_secs: 7 }
    }

    fn take(seats: &Seats, at_us: u64) -> Result<Seat, SeatError> {
        let taken = seats.take(key("c"), &ShardRates::AWS, at_us, false);
        taken.map(|seat| seat.expect("not a dry run"))
    }

    #[test]
    fn calls_have_a_rate_and_a_holder_five_seconds() {
        let seats = Seats::default();
        let mut first = take(&seats, 0).expect("free");
        assert_eq!(take(&seats, 999 * MS).map(drop), Err(SeatError::TooOften));
        assert_eq!(take(&seats, 1_000 * MS).map(drop), Err(SeatError::Taken));
        assert_eq!(take(&seats, 4_999 * MS).map(drop), Err(SeatError::Taken));
        assert_eq!(first.try_recv(), Err(TryRecvError::Empty));
        let mut second = take(&seats, 6_000 * MS).expect("five seconds are over");
        assert_eq!(first.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(second.try_recv(), Err(TryRecvError::Empty));
        drop(second);
        assert_eq!(take(&seats, 10_999 * MS).map(drop), Err(SeatError::Taken));
        take(&seats, 12_000 * MS).expect("free");
    }

    #[test]
    fn other_consumers_have_other_seats_and_a_dry_run_takes_none() {
        let seats = Seats::default();
        let mut first = take(&seats, 0).expect("free");
        seats.take(key("d"), &ShardRates::AWS, 0, false).expect("another");
        let dry = seats.take(key("c"), &ShardRates::AWS, 6_000 * MS, true);
        assert!(dry.expect("free").is_none());
        assert_eq!(first.try_recv(), Err(TryRecvError::Empty));
    }

    #[test]
    fn without_limits_the_newest_call_has_the_seat() {
        let seats = Seats::default();
        let take = || seats.take(key("c"), &ShardRates::OFF, 0, false).expect("free");
        let mut first = take().expect("a seat");
        let mut second = take().expect("a seat");
        assert_eq!(first.try_recv(), Err(TryRecvError::Closed));
        assert_eq!(second.try_recv(), Err(TryRecvError::Empty));
    }

    #[test]
    fn abandoned_seats_are_forgotten_and_held_ones_are_not() {
        let seats = Seats::default();
        let held = take(&seats, 0).expect("free");
        for number in 0..5 * SWEEP_SEATS_MIN {
            let at_us = 10_000 * MS * number as u64;
            let seat = seats.take(key(&format!("x{number}")), &ShardRates::AWS, at_us, false);
            drop(seat.expect("free"));
        }
        let inner = seats.0.lock();
        assert!(inner.seats.len() <= SWEEP_SEATS_MIN + 1 && inner.seats.contains_key(&key("c")));
        drop(held);
    }
}
