//! The cell's time: what arrival times, states and limits go by.
//!
//! It is the clock, as long as that is not before anything journaled. Else the clock was ahead, or is
//! behind. Then the cell's time goes on from the newest arrival with the time that passes, a little
//! slower, until the clock is there again. So arrival times never decrease, and whatever a clock did, what
//! shall last for a while does not last for years.

use anabranch_env::Clock;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// So much slower does the cell's time go while it is ahead: one part of this many.
const SLOWER_BY: u64 = 16;
/// The clock may be read before something arrives, and looked at afterwards.
const READ_MS: u64 = 10;

/// The time of one cell.
#[derive(Debug, Default)]
pub(crate) struct CellTime {
    /// Highest arrival time assigned so far, epoch milliseconds. Written under the queue's lock.
    last_ms: AtomicU64,
    is_ahead: AtomicBool,
    ahead: Mutex<Option<Ahead>>,
}

/// From where the cell's time goes on by itself.
#[derive(Clone, Copy, Debug)]
struct Ahead {
    from_ms: u64,
    since_us: u64,
}

impl CellTime {
    pub(crate) fn begin_at(&self, last_ms: u64) {
        self.last_ms.store(last_ms, Ordering::Release);
    }

    /// Highest arrival time assigned so far, epoch milliseconds.
    pub(crate) fn last_ms(&self) -> u64 {
        self.last_ms.load(Ordering::Acquire)
    }

    /// The cell's time, epoch milliseconds.
    pub(crate) fn now_ms(&self, clock: &dyn Clock) -> u64 {
        let (clock_ms, last_ms) = (clock.now_ms(), self.last_ms());
        if clock_ms < last_ms.saturating_sub(READ_MS) || self.is_ahead.load(Ordering::Acquire) {
            return self.ahead_ms(clock_ms, clock.monotonic_us());
        }
        clock_ms.max(last_ms)
    }

    /// Assigns an arrival time. To be called by one at a time.
    pub(crate) fn arrive(&self, now_ms: u64) -> u64 {
        let arrival_ms = self.last_ms().max(now_ms);
        self.last_ms.store(arrival_ms, Ordering::Release);
        arrival_ms
    }

    fn ahead_ms(&self, clock_ms: u64, monotonic_us: u64) -> u64 {
        let mut ahead = self.ahead.lock();
        let last_ms = self.last_ms();
        let Ahead { from_ms, since_us } =
            *ahead.get_or_insert(Ahead { from_ms: last_ms, since_us: monotonic_us });
        let passed_ms = monotonic_us.saturating_sub(since_us) / 1000;
        let goes_ms = from_ms.saturating_add(passed_ms - passed_ms / SLOWER_BY);
        let is_ahead = clock_ms < goes_ms.max(last_ms);
        self.is_ahead.store(is_ahead, Ordering::Release);
        if !is_ahead {
            *ahead = None;
        }
        clock_ms.max(goes_ms).max(last_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_env::ManualClock;

    const START_MS: u64 = 1_800_000_000_000;
    const HOUR_MS: u64 = 3_600_000;

    #[test]
    fn the_time_is_the_clock() {
        let (time, clock) = (CellTime::default(), ManualClock::at_ms(START_MS));
        time.begin_at(START_MS);
        for _ in 0..10 {
            assert_eq!(time.arrive(time.now_ms(&clock)), clock.now_ms());
            clock.advance_ms(HOUR_MS);
            assert_eq!(time.now_ms(&clock), clock.now_ms());
        }
    }

    #[test]
    fn while_it_is_ahead_it_goes_on_a_little_slower_until_the_clock_is_there() {
        let (time, clock) = (CellTime::default(), ManualClock::at_ms(START_MS));
        time.begin_at(START_MS + HOUR_MS);
        let mut before_ms = time.now_ms(&clock);
        assert_eq!(before_ms, START_MS + HOUR_MS);
        for _ in 0..15 {
            clock.advance_ms(HOUR_MS);
            let now_ms = time.arrive(time.now_ms(&clock));
            assert_eq!(now_ms, before_ms + HOUR_MS - HOUR_MS / SLOWER_BY);
            before_ms = now_ms;
        }
        for _ in 0..3 {
            clock.advance_ms(HOUR_MS);
            assert_eq!(time.arrive(time.now_ms(&clock)), clock.now_ms());
        }
    }

    #[test]
    fn it_never_runs_back_and_begins_anew_each_time() {
        let (time, clock) = (CellTime::default(), ManualClock::at_ms(START_MS));
        for _ in 0..3 {
            let before_ms = time.arrive(time.now_ms(&clock));
            clock.set_ms(clock.now_ms() - 10 * HOUR_MS);
            assert_eq!(time.now_ms(&clock), before_ms);
            clock.advance_ms(16_000);
            assert_eq!(time.now_ms(&clock), before_ms + 15_000, "whether something arrives or not");
            clock.set_ms(clock.now_ms() + 20 * HOUR_MS);
            assert_eq!(time.now_ms(&clock), clock.now_ms());
        }
    }
}
