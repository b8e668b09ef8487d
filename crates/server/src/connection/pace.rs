//! The least rate at which a client takes what is sent to it.
//!
//! Who reads a byte now and then keeps the memory of a reply as well as one who reads nothing. Rates of
//! an instant say little: what the system keeps on the way frees itself in lumps of a megabyte. So a client
//! has a time that it may be behind, which shrinks while it is waited for and grows by what it takes.

use std::time::Duration;

/// How long a connection may make no progress in either direction. Longer than clients commonly
/// keep unused connections, so that it is mostly they who close; the longest silence that the
/// service itself makes is the wait for memory, half a minute.
pub(super) const IDLE_PATIENCE: Duration = Duration::from_secs(75);

/// The least rate of a body in either direction, of a request or of a reply: that of a poor mobile line.
pub(crate) const LEAST_BYTES_PER_SECOND: u64 = 16 << 10;

/// How long a client may still be waited for.
#[derive(Debug)]
pub(super) struct Pace {
    /// At most [`IDLE_PATIENCE`]: who takes nothing is given up as one who says nothing is.
    left: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { left: IDLE_PATIENCE }
    }
}

impl Pace {
    /// How long it may still be waited for until it has to take something.
    pub(super) fn left(&self) -> Duration {
        self.left
    }

    /// It was waited for.
    pub(super) fn waited(&mut self, time: Duration) {
        self.left = self.left.saturating_sub(time);
    }

    /// It has taken something.
    pub(super) fn took(&mut self, bytes: usize) {
        let micros = (bytes as u64).saturating_mul(1_000_000) / LEAST_BYTES_PER_SECOND;
        self.rested(Duration::from_micros(micros));
    }

    /// There was nothing for it to take.
    pub(super) fn rested(&mut self, time: Duration) {
        self.left = self.left.saturating_add(time).min(IDLE_PATIENCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds for which a client is waited for that takes so much at once, so often.
    fn waited_for(bytes: usize, every: Duration) -> Option<u64> {
        let mut pace = Pace::default();
        let mut waited = Duration::ZERO;
        while waited < Duration::from_secs(3600) {
            if pace.left() < every {
                return Some((waited + pace.left()).as_secs());
            }
            waited += every;
            pace.waited(every);
            pace.took(bytes);
        }
        None
    }

    #[test]
    fn who_takes_less_than_the_least_rate_is_given_up() {
        let least = LEAST_BYTES_PER_SECOND as usize;
        let second = Duration::from_secs(1);
        assert_eq!(waited_for(0, second), Some(75));
        assert_eq!(waited_for(1, second), Some(75));
        assert_eq!(waited_for(least / 2, second), Some(149));
        assert_eq!(waited_for(least, second), None);
        assert_eq!(waited_for(70 * least, 70 * second), None);
        assert_eq!(waited_for(60 * least, 70 * second), Some(135));
    }

    #[test]
    fn nobody_saves_up_patience() {
        let mut pace = Pace::default();
        pace.took(usize::MAX);
        pace.rested(Duration::MAX);
        assert_eq!(pace.left(), IDLE_PATIENCE);
    }
}
