//! Counting calls whose caller is not known, and telling of them in the log: the first at once, then so
//! many seconds' worth in a line.

use crate::auth::AuthError;
use parking_lot::Mutex;
use std::net::IpAddr;

/// Between two lines in the log, milliseconds.
const EVERY_MS: u64 = 10_000;

/// The count.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    total: u64,
    /// Of them, in no line yet.
    untold: u64,
    told_ms: Option<u64>,
}

impl Count {
    /// Counts one. How many a line has to tell of, if it is time for one.
    fn add(&mut self, now_ms: u64) -> Option<u64> {
        self.total += 1;
        self.untold += 1;
        // A clock that goes back is no reason to be silent.
        if self.told_ms.is_some_and(|told| now_ms.abs_diff(told) < EVERY_MS) {
            return None;
        }
        self.told_ms = Some(now_ms);
        Some(std::mem::take(&mut self.untold))
    }
}

impl Strangers {
    /// Counts a call that was refused because of this.
    pub(crate) fn note(&self, source: IpAddr, error: &AuthError, now_ms: u64) {
        let Some(count) = self.0.lock().add(now_ms) else { return };
        let error = error.kind().name();
        tracing::warn!(count, last_source = %source, last_error = error, "callers were not known");
    }

    /// How many there were since the start.
    pub(crate) fn total(&self) -> u64 {
        self.0.lock().total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_told_at_once_and_then_one_line_stands_for_many() {
        let mut count = Count::default();
        let told: Vec<u64> = (0..100).filter_map(|i| count.add(5_000 + i * 1000)).collect();
        assert_eq!(told, [1, 10, 10, 10, 10, 10, 10, 10, 10, 10]);
        assert_eq!(count.total, 100);
        assert_eq!(count.add(0), Some(10), "the clock was set back");
    }
}
