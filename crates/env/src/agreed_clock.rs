//! What of the wall clock can be believed, when somebody sets it wrong.
//!
//! The monotonic clock says how much time has passed, the wall clock which time it is. Where they
//! contradict each other, two things are to be decided:
//!
//! - *When is it?* Records get their arrival times by it, and readers their horizon. It follows the
//!   wall clock, but no more than [`AHEAD_MS`] ahead of what the monotonic clock expects, until the
//!   difference has lasted for [`DATED_AFTER_MS`].
//! - *What may be deleted?* What had expired by the time that both clocks agree on. It begins where
//!   the last process left off, goes on with the monotonic clock, and takes over what the wall clock
//!   is ahead by, such as the time that the machine was off, only when that has lasted for
//!   [`DELETED_AFTER_MS`], or when the operator says that the wall clock is right.
//!
//! Neither is ever later than the wall clock.

use crate::clock::Clock;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// How far the time of records may be ahead of what is expected.
pub const AHEAD_MS: u64 = 5 * 60 * 1000;
/// How long a difference must last to be believed when records are dated.
pub const DATED_AFTER_MS: u64 = 15 * 60 * 1000;
/// How long a difference must last to be believed when data is deleted. Less than a day, for some
/// machines set their clock once a day.
pub const DELETED_AFTER_MS: u64 = 12 * 60 * 60 * 1000;
/// A clock that shows less was not set yet: there was no such server in 2024.
const SET_MS: u64 = 1_704_067_200_000;
/// From one look to the next the clocks go alike if they differ by no more than this; in the long
/// run, also by a thousandth of the time: so much do clocks drift, and are they slewed.
const STEADY_MS: u64 = 500;
/// A look that took longer says nothing: the two clocks were not read at one moment.
const LOOK_MS: u64 = 100;
/// No expectation: what the wall clock says is taken.
const NOTHING_EXPECTED: i64 = i64::MAX;

/// A clock that believes neither of its two clocks alone.
#[derive(Debug)]
pub struct AgreedClock {
    inner: Arc<dyn Clock>,
    /// Expected wall time minus monotonic time, in milliseconds, of each kind.
    dated: AtomicI64,
    deleted: AtomicI64,
    /// As far as the time of records could go at the last look. It can only go further since, so that
    /// up to there the wall clock need not be compared: every request asks for this time, more than once.
    dated_until_ms: AtomicU64,
    steady: Mutex<Steady>,
}

/// Since when the two clocks have gone alike.
#[derive(Clone, Copy, Debug)]
struct Steady {
    since_ms: u64,
    /// Wall time minus monotonic time, then and at the last look.
    offset_ms: i64,
    last_ms: i64,
    /// Below this, nothing is expected of the wall clock: it is known to be wrong.
    floor_ms: u64,
}

impl AgreedClock {
    /// Both times begin with the wall clock, until [`Clock::begin`] says what is known.
    #[must_use]
    pub fn new(inner: Arc<dyn Clock>) -> Self {
        let (wall_ms, passed_ms) = read(&*inner);
        let offset_ms = offset(wall_ms, passed_ms);
        let dated = if wall_ms >= SET_MS { offset_ms } else { NOTHING_EXPECTED };
        Self {
            dated: AtomicI64::new(dated),
            dated_until_ms: AtomicU64::new(dated_until_ms(dated, passed_ms)),
            deleted: AtomicI64::new(offset_ms),
            steady: Mutex::new(Steady {
                since_ms: passed_ms,
                offset_ms,
                last_ms: offset_ms,
                floor_ms: SET_MS,
            }),
            inner,
        }
    }

    /// Dates records by this expectation from now on.
    fn date_by(&self, offset_ms: i64, passed_ms: u64) {
        self.dated.store(offset_ms, Ordering::Relaxed);
        self.dated_until_ms.store(dated_until_ms(offset_ms, passed_ms), Ordering::Relaxed);
    }
}

impl Clock for AgreedClock {
    fn now_ms(&self) -> u64 {
        let wall_ms = self.inner.wall_ms();
        if wall_ms <= self.dated_until_ms.load(Ordering::Relaxed) {
            return wall_ms;
        }
        let (wall_ms, passed_ms) = read(&*self.inner);
        wall_ms.min(dated_until_ms(self.dated.load(Ordering::Relaxed), passed_ms))
    }

    fn monotonic_us(&self) -> u64 {
        self.inner.monotonic_us()
    }

    fn wall_ms(&self) -> u64 {
        self.inner.wall_ms()
    }

    fn deletion_ms(&self) -> u64 {
        self.inner.wall_ms().min(self.agreed_ms())
    }

    fn agreed_ms(&self) -> u64 {
        at(self.deleted.load(Ordering::Relaxed), self.inner.monotonic_us() / 1000)
    }

    fn begin(&self, deletion_ms: u64, newest_ms: u64) {
        let (wall_ms, passed_ms) = read(&*self.inner);
        self.deleted.store(offset(deletion_ms, passed_ms), Ordering::Relaxed);
        let floor_ms = SET_MS.max(newest_ms.saturating_sub(AHEAD_MS));
        self.steady.lock().floor_ms = floor_ms;
        if wall_ms < floor_ms {
            self.date_by(NOTHING_EXPECTED, passed_ms);
        }
    }

    fn observe(&self) {
        let (wall_ms, passed_ms) = read(&*self.inner);
        if (self.inner.monotonic_us() / 1000).saturating_sub(passed_ms) > LOOK_MS {
            return;
        }
        let offset_ms = offset(wall_ms, passed_ms);
        let mut expected = self.dated.load(Ordering::Relaxed);
        let mut steady = self.steady.lock();
        let for_ms = passed_ms.saturating_sub(steady.since_ms);
        let is_jump = offset_ms.abs_diff(steady.last_ms) > STEADY_MS;
        let is_drift = offset_ms.abs_diff(steady.offset_ms) > STEADY_MS + for_ms / 1000;
        steady.last_ms = offset_ms;
        if is_jump || is_drift {
            *steady = Steady { since_ms: passed_ms, offset_ms, ..*steady };
        } else if wall_ms >= SET_MS {
            if for_ms >= DELETED_AFTER_MS {
                self.deleted.store(offset_ms, Ordering::Relaxed);
                // The newest record was dated by a clock that was wrong, and proves nothing.
                steady.floor_ms = SET_MS;
            }
            if for_ms >= DATED_AFTER_MS && wall_ms >= steady.floor_ms {
                expected = offset_ms;
            }
        }
        if expected == NOTHING_EXPECTED && wall_ms >= steady.floor_ms {
            expected = offset_ms;
        }
        self.date_by(expected, passed_ms);
    }

    fn believe_wall(&self) {
        let (wall_ms, passed_ms) = read(&*self.inner);
        let offset_ms = offset(wall_ms, passed_ms);
        self.date_by(offset_ms, passed_ms);
        self.deleted.store(offset_ms, Ordering::Relaxed);
    }
}

/// The wall clock, and the time that has passed, in milliseconds.
fn read(clock: &dyn Clock) -> (u64, u64) {
    let passed_ms = clock.monotonic_us() / 1000;
    (clock.wall_ms(), passed_ms)
}

fn offset(wall_ms: u64, passed_ms: u64) -> i64 {
    i64::try_from(i128::from(wall_ms) - i128::from(passed_ms)).unwrap_or(NOTHING_EXPECTED - 1)
}

/// The wall time that is expected when so much time has passed.
fn at(offset_ms: i64, passed_ms: u64) -> u64 {
    if offset_ms == NOTHING_EXPECTED {
        return u64::MAX;
    }
    passed_ms.saturating_add_signed(offset_ms)
}

/// How far the time of records may go when so much time has passed.
fn dated_until_ms(offset_ms: i64, passed_ms: u64) -> u64 {
    at(offset_ms, passed_ms).saturating_add(AHEAD_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use proptest::prelude::*;

    const START_MS: u64 = 1_800_000_000_000;
    const SECOND: i64 = 1000;
    const HOUR: i64 = 3600 * SECOND;
    const DAY: i64 = 24 * HOUR;

    struct World {
        hands: Arc<ManualClock>,
        clock: AgreedClock,
    }

    impl World {
        /// A process that begins where another one left off at [`START_MS`].
        fn after(off_ms: i64) -> Self {
            let hands = Arc::new(ManualClock::at_ms(START_MS.saturating_add_signed(off_ms)));
            let clock = AgreedClock::new(hands.clone());
            clock.begin(START_MS, START_MS);
            Self { hands, clock }
        }

        fn jump(&self, ms: i64) {
            self.hands.set_ms(self.hands.now_ms().saturating_add_signed(ms));
        }

        /// Time passes, and is observed as often as a server does.
        fn pass(&self, ms: i64) {
            let mut left = ms.unsigned_abs();
            while left > 0 {
                let step = left.min(60_000);
                self.hands.advance_ms(step);
                self.clock.observe();
                left -= step;
            }
        }

        /// How far the two times are from the start, in milliseconds.
        fn times(&self) -> (i64, i64) {
            let since = |ms: u64| ms.cast_signed() - START_MS.cast_signed();
            (since(self.clock.now_ms()), since(self.clock.deletion_ms()))
        }
    }

    #[test]
    fn time_passes_while_the_clocks_agree() {
        let world = World::after(0);
        world.pass(40 * DAY);
        assert_eq!(world.times(), (40 * DAY, 40 * DAY));
    }

    #[test]
    fn a_jump_ahead_dates_nothing_far_ahead_and_deletes_nothing() {
        for jump in [SECOND, HOUR, 2 * DAY, 3650 * DAY] {
            let world = World::after(0);
            world.pass(HOUR);
            world.jump(jump);
            world.pass(12 * SECOND);
            let passed = HOUR + 12 * SECOND;
            assert_eq!(world.times(), (passed + jump.min(AHEAD_MS.cast_signed()), passed));
            world.jump(-jump);
            assert_eq!(world.times(), (passed, passed), "and back");
        }
    }

    #[test]
    fn a_jump_back_deletes_later_and_not_sooner() {
        for jump in [SECOND, HOUR, 2 * DAY, 3650 * DAY] {
            let world = World::after(0);
            world.jump(-jump);
            assert_eq!(world.times(), (-jump, -jump));
            world.pass(HOUR);
            world.jump(jump);
            assert_eq!(world.times().1, HOUR, "no more than has passed");
        }
    }

    #[test]
    fn what_lasts_is_believed() {
        let world = World::after(0);
        world.jump(2 * DAY);
        world.pass(14 * 60 * SECOND);
        assert_eq!(world.times().0, (14 + 5) * 60 * SECOND);
        world.pass(2 * 60 * SECOND);
        assert_eq!(world.times(), (2 * DAY + 16 * 60 * SECOND, 16 * 60 * SECOND));
        world.pass(11 * HOUR);
        assert_eq!(world.times().1, 11 * HOUR + 16 * 60 * SECOND, "not yet");
        world.pass(HOUR);
        assert_eq!(world.times().1, 2 * DAY + 12 * HOUR + 16 * 60 * SECOND);
    }

    #[test]
    fn a_clock_that_was_right_for_long_gets_no_credit_for_it() {
        let world = World::after(0);
        world.pass(60 * DAY);
        world.jump(40 * 60 * SECOND);
        world.pass(60 * SECOND);
        assert_eq!(world.times().1, 60 * DAY + 60 * SECOND);
        world.jump(SECOND);
        world.pass(60 * SECOND);
        assert_eq!(world.times().1, 60 * DAY + 120 * SECOND);
    }

    #[test]
    fn what_comes_and_goes_is_not_believed() {
        let world = World::after(0);
        for _ in 0..100 {
            world.jump(DAY);
            world.pass(HOUR);
            world.jump(-DAY);
            world.pass(HOUR);
        }
        assert_eq!(world.times(), (200 * HOUR, 200 * HOUR));
    }

    #[test]
    fn small_steps_add_up_to_nothing_until_they_end() {
        let world = World::after(0);
        for _ in 0..1000 {
            world.jump(60 * SECOND);
            world.pass(SECOND);
        }
        let passed = 1000 * SECOND;
        assert_eq!(world.times(), (passed + AHEAD_MS.cast_signed(), passed));
    }

    #[test]
    fn the_time_that_a_machine_was_off_dates_at_once_and_deletes_after_half_a_day() {
        for off in [SECOND, HOUR, 7 * DAY] {
            let world = World::after(off);
            assert_eq!(world.times(), (off, 0));
            world.pass(11 * HOUR);
            assert_eq!(world.times(), (off + 11 * HOUR, 11 * HOUR));
            world.pass(HOUR);
            assert_eq!(world.times(), (off + 12 * HOUR, off + 12 * HOUR));
        }
    }

    #[test]
    fn the_operator_is_believed() {
        let world = World::after(7 * DAY);
        world.jump(DAY);
        world.clock.believe_wall();
        assert_eq!(world.times(), (8 * DAY, 8 * DAY));
    }

    #[test]
    fn a_clock_that_is_set_after_the_start_is_believed_when_it_is() {
        for wall_ms in [0, START_MS - 3_600_000] {
            let world = World::after(0);
            world.hands.set_ms(wall_ms);
            let clock = AgreedClock::new(world.hands.clone());
            clock.begin(START_MS, START_MS);
            let world = World { clock, ..world };
            world.pass(SECOND);
            assert_eq!(world.clock.now_ms(), wall_ms + 1000);
            world.hands.set_ms(START_MS + 20 * 3_600_000);
            assert_eq!(world.times(), (20 * HOUR, SECOND), "{wall_ms}");
            world.pass(SECOND);
            world.jump(DAY);
            let ahead = AHEAD_MS.cast_signed();
            assert_eq!(world.times(), (20 * HOUR + SECOND + ahead, 2 * SECOND), "only once");
        }
    }

    #[test]
    fn a_record_that_was_dated_far_ahead_does_not_keep_the_clock_from_being_believed() {
        let hands = Arc::new(ManualClock::at_ms(START_MS));
        let clock = AgreedClock::new(hands.clone());
        let ahead = START_MS.saturating_add_signed(3650 * DAY);
        clock.begin(START_MS - HOUR.unsigned_abs(), ahead);
        let world = World { hands, clock };
        world.pass(13 * HOUR);
        assert_eq!(world.times(), (13 * HOUR, 13 * HOUR));
        world.jump(3650 * DAY);
        let dated = 13 * HOUR + AHEAD_MS.cast_signed();
        assert_eq!(world.times(), (dated, 13 * HOUR), "what follows is compared again");
    }

    #[test]
    fn drift_is_followed() {
        let world = World::after(0);
        for _ in 0..60 {
            world.pass(DAY);
            world.jump(5 * SECOND);
        }
        let (now, deletion) = world.times();
        assert_eq!(now, 60 * DAY + 300 * SECOND);
        assert!(now - deletion < 20 * SECOND, "{}", now - deletion);
    }

    /// A machine's clock, and how often it was asked for the time that has passed.
    #[derive(Debug)]
    struct Counted(ManualClock, AtomicU64);

    impl Clock for Counted {
        fn now_ms(&self) -> u64 {
            self.0.now_ms()
        }

        fn monotonic_us(&self) -> u64 {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.monotonic_us()
        }
    }

    #[test]
    fn while_the_clocks_agree_the_time_is_one_look_at_the_wall_clock() {
        let hands = Arc::new(Counted(ManualClock::at_ms(START_MS), AtomicU64::new(0)));
        let clock = AgreedClock::new(hands.clone());
        clock.begin(START_MS, START_MS);
        for _ in 0..1000 {
            hands.0.advance_ms(60_000);
            clock.observe();
            let before = hands.1.load(Ordering::Relaxed);
            assert_eq!(clock.now_ms(), hands.0.now_ms());
            assert_eq!(hands.1.load(Ordering::Relaxed), before);
        }
        hands.0.set_ms(START_MS);
        assert_eq!(clock.now_ms(), START_MS, "a clock that was set back is believed");
    }

    /// What happens to a clock.
    #[derive(Clone, Copy, Debug)]
    enum Act {
        Pass(u32),
        Jump(i32),
        Observe,
        Believe,
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (0..1_200_000_u32).prop_map(Act::Pass),
            (-1_200_000..1_200_000_i32).prop_map(Act::Jump),
            any::<i32>().prop_map(Act::Jump),
            Just(Act::Observe),
            Just(Act::Observe),
            Just(Act::Believe),
        ]
    }

    proptest! {
        #[test]
        fn a_time_that_is_not_compared_is_what_a_comparison_would_say(
            off_ms in -3_600_000..3_600_000_i64,
            acts in prop::collection::vec(act(), 0..40),
        ) {
            let World { hands, clock } = World::after(off_ms);
            for act in acts {
                match act {
                    Act::Pass(ms) => hands.advance_ms(ms.into()),
                    Act::Jump(ms) => hands.set_ms(hands.now_ms().saturating_add_signed(ms.into())),
                    Act::Observe => clock.observe(),
                    Act::Believe => clock.believe_wall(),
                }
                let (wall_ms, passed_ms) = read(&*hands);
                let until_ms = dated_until_ms(clock.dated.load(Ordering::Relaxed), passed_ms);
                prop_assert_eq!(clock.now_ms(), wall_ms.min(until_ms));
            }
        }
    }
}
