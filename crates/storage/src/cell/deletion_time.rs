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
