//! Keeping up to which time data may be deleted, and telling when that is not what the wall clock
//! says.

use crate::medium::shelf::Shelf;
use anabranch_env::{Clock, DELETED_AFTER_MS};

/// How often the time is kept for the next process. That much of it is lost in a crash, and then
/// that much is deleted later.
const KEEP_EVERY_MS: u64 = 10 * 60 * 1000;
/// Deletion is held if it is further behind the wall clock than this.
const HELD_MS: u64 = 10 * 60 * 1000;

/// What the maintenance thread knows of it.
#[derive(Debug, Default)]
pub(crate) struct DeletionTime {
    kept_ms: Option<u64>,
    /// How far behind the wall clock deletion was, when that was told last.
    told_ms: Option<u64>,
}

/// How far deletion is behind the wall clock, in milliseconds, if that is worth telling.
pub(crate) fn held_ms(clock: &dyn Clock) -> Option<u64> {
    let behind_ms = clock.wall_ms().saturating_sub(clock.deletion_ms());
    (behind_ms > HELD_MS).then_some(behind_ms)
}

impl DeletionTime {
    /// Compares the clocks, says what has changed, and keeps the time now and then.
    pub(crate) fn look(&mut self, clock: &dyn Clock, shelf: &dyn Shelf) {
        clock.observe();
        self.tell(held_ms(clock));
        let now_ms = clock.agreed_ms();
        // It goes back, too, when a clock that was ahead for long turns out to have been wrong.
        if self.kept_ms.is_none_or(|kept_ms| now_ms.abs_diff(kept_ms) >= KEEP_EVERY_MS) {
            self.keep(now_ms, shelf);
        }
    }

    /// Keeps the time for the next process.
    pub(crate) fn end(&mut self, clock: &dyn Clock, shelf: &dyn Shelf) {
        self.keep(clock.agreed_ms(), shelf);
    }

    fn keep(&mut self, now_ms: u64, shelf: &dyn Shelf) {
        match shelf.keep_deletion_time(now_ms) {
            Ok(()) => self.kept_ms = Some(now_ms),
            // The next process deletes later.
            Err(error) => tracing::debug!(%error, "cannot keep the time of deletion"),
        }
    }

    fn tell(&mut self, held_ms: Option<u64>) {
        let secs = |ms: u64| ms / 1000;
        match (self.told_ms, held_ms) {
            (None, None) => return,
            (Some(told_ms), Some(held_ms)) if held_ms.abs_diff(told_ms) <= HELD_MS => return,
            (_, Some(held_ms)) => tracing::warn!(
                ahead_secs = secs(held_ms),
                believed_after_secs = secs(DELETED_AFTER_MS),
                "the wall clock is ahead of the time that has passed: the machine was off, or its \
                 clock was set. What expires by that is not deleted until it has lasted, or the \
                 operator resumes deletion"
            ),
            (Some(_), None) => tracing::info!("deletion is no longer held"),
        }
        self.told_ms = held_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::common::Common;
    use crate::medium::memory::MemoryMedium;
    use crate::medium::opened::Medium;
    use crate::options::StoreOptions;
    use anabranch_env::{AgreedClock, ManualClock};
    use anabranch_testkit::log_lines::LogLines;
    use std::path::PathBuf;
    use std::sync::Arc;

    const START_MS: u64 = 1_800_000_000_000;
    const MINUTE_MS: u64 = 60 * 1000;
    const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

    /// A process that begins where another one left off, and looks every minute.
    struct World {
        hands: Arc<ManualClock>,
        clock: AgreedClock,
        shelf: Arc<dyn Shelf>,
        deletion_time: DeletionTime,
        log: LogLines,
    }

    impl World {
        fn after_ms(off_ms: u64) -> Self {
            let hands = Arc::new(ManualClock::at_ms(START_MS + off_ms));
            let clock = AgreedClock::new(hands.clone());
            clock.begin(START_MS, START_MS);
            let medium = MemoryMedium::new(&StoreOptions::new(PathBuf::from("/data")));
            let shelf = medium.open(&Common::default()).expect("opened").shelf;
            let (deletion_time, log) = (DeletionTime::default(), LogLines::begin());
            Self { hands, clock, shelf, deletion_time, log }
        }

        /// By how much the lines since the last call say that the wall clock is ahead, in seconds.
        /// `None`: deletion is no longer held.
        fn told(&mut self, minutes: u64) -> Vec<Option<u64>> {
            for _ in 0..minutes {
                self.hands.advance_ms(MINUTE_MS);
                self.deletion_time.look(&self.clock, &*self.shelf);
            }
            let lines =
                std::mem::replace(&mut self.log, LogLines::begin()).with(&["deletion_time"]);
            let ahead = |line: &String| match line.split_once(" ahead_secs=") {
                Some((before, rest)) => {
                    assert!(before.contains("WARN") && rest.contains("believed_after_secs=43200"));
                    rest.split(' ').next().and_then(|secs| secs.parse().ok())
                }
                None => {
                    assert!(line.contains("INFO") && line.contains("deletion is no longer held"));
                    None
                }
            };
            lines.iter().map(ahead).collect()
        }

        fn jump_ms(&self, ms: i64) {
            self.hands.set_ms(self.hands.now_ms().saturating_add_signed(ms));
        }
    }

    // One test, for the lines do not say which clock they are about.
    #[test]
    fn that_deletion_is_held_is_told_once_and_that_it_goes_on_once() {
        let mut world = World::after_ms(0);
        assert_eq!(world.told(100), []);
        world.jump_ms(10 * 60_000);
        assert_eq!(world.told(100), [], "not worth telling");
        world.jump_ms(60_000);
        assert_eq!(world.told(100), [Some(660)]);
        // Only what is another matter is told again.
        world.jump_ms(10 * 60_000);
        assert_eq!(world.told(100), []);
        world.jump_ms(60_000);
        assert_eq!(world.told(100), [Some(1320)]);
        world.jump_ms(-12 * 60_000);
        assert_eq!(world.told(100), [None], "the clock went back");
        world.jump_ms(2 * 86_400_000);
        assert_eq!(world.told(100), [Some(2 * 86_400 + 600)]);
        world.clock.believe_wall();
        assert_eq!(world.told(100), [None], "the operator has said so");

        let mut world = World::after_ms(7 * DAY_MS);
        assert_eq!(world.told(11 * 60), [Some(7 * 86_400)], "the machine was off");
        assert_eq!(world.told(100), [None], "it has lasted");
    }
}
