//! The minimum throughput billing commitment of an account in a Region.
//!
//! It lasts at least a day. Ended before, it stays in force until the day is over; enabled again
//! meanwhile, it goes on as if it had not been ended. Its end comes by itself: it is a time, not
//! an event.

use crate::limits::COMMITMENT_MS;

/// A commitment; the default is that of an account that never had one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Commitment {
    /// When it was last enabled, epoch milliseconds.
    pub started_ms: Option<u64>,
    /// From when on it is not in force, epoch milliseconds.
    pub ends_ms: Option<u64>,
}

/// What a commitment is at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitmentStatus {
    /// In force.
    Enabled,
    /// In force until the earliest allowed end, which has been asked for.
    EnabledUntilEarliestAllowedEnd,
    /// Not in force.
    Disabled,
}

impl Commitment {
    /// What it is at `now_ms`.
    #[must_use]
    pub fn status(&self, now_ms: u64) -> CommitmentStatus {
        match (self.started_ms, self.ends_ms) {
            (Some(_), None) => CommitmentStatus::Enabled,
            (Some(_), Some(ends_ms)) if now_ms < ends_ms => {
                CommitmentStatus::EnabledUntilEarliestAllowedEnd
            }
            _ => CommitmentStatus::Disabled,
        }
    }

    /// Whether what it unlocks is there.
    #[must_use]
    pub fn is_in_force(&self, now_ms: u64) -> bool {
        self.status(now_ms) != CommitmentStatus::Disabled
    }

    /// The first moment at which it may end, epoch milliseconds.
    #[must_use]
    pub fn earliest_end_ms(&self) -> Option<u64> {
        self.started_ms.map(|started_ms| started_ms.saturating_add(COMMITMENT_MS))
    }

    /// The commitment once it is enabled at `now_ms`; an end that was asked for is called off.
    #[must_use]
    pub fn enabled(&self, now_ms: u64) -> Self {
        let goes_on = self.started_ms.filter(|_| self.is_in_force(now_ms));
        Self { started_ms: Some(goes_on.unwrap_or(now_ms)), ends_ms: None }
    }

    /// The commitment once its end is asked for at `now_ms`.
    #[must_use]
    pub fn disabled(&self, now_ms: u64) -> Self {
        match self.status(now_ms) {
            CommitmentStatus::Enabled => {
                let ends_ms = self.earliest_end_ms().map(|end_ms| end_ms.max(now_ms));
                Self { ends_ms, ..*self }
            }
            CommitmentStatus::EnabledUntilEarliestAllowedEnd | CommitmentStatus::Disabled => *self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CommitmentStatus::*;
    use super::*;

    const DAY: u64 = COMMITMENT_MS;

    #[test]
    fn lasts_a_day_at_least() {
        let never = Commitment::default();
        assert_eq!((never.status(0), never.disabled(5)), (Disabled, never));
        let enabled = never.enabled(1_000);
        assert_eq!(
            (enabled.status(1_000), enabled.earliest_end_ms()),
            (Enabled, Some(1_000 + DAY))
        );
        assert_eq!(enabled.enabled(2_000), enabled, "enabling twice changes nothing");
        let ending = enabled.disabled(2_000);
        assert_eq!(ending.status(2_000), EnabledUntilEarliestAllowedEnd);
        assert_eq!(ending.status(999 + DAY), EnabledUntilEarliestAllowedEnd);
        assert_eq!(ending.status(1_000 + DAY), Disabled);
        assert_eq!(ending.disabled(3_000), ending, "asking twice does not move the end");
    }

    #[test]
    fn an_end_that_was_asked_for_can_be_called_off_until_it_comes() {
        let enabled = Commitment::default().enabled(0);
        let ending = enabled.disabled(10);
        assert_eq!(ending.enabled(20), enabled);
        let begun_anew = ending.enabled(DAY);
        assert_eq!(begun_anew, Commitment { started_ms: Some(DAY), ends_ms: None });
    }

    #[test]
    fn ends_at_once_after_the_day() {
        let ended = Commitment::default().enabled(0).disabled(DAY + 5);
        assert_eq!((ended.ends_ms, ended.status(DAY + 5)), (Some(DAY + 5), Disabled));
        assert!(!ended.is_in_force(DAY + 5));
    }
}
