//! Retention: what of a stream can still be read.

/// Milliseconds in an hour.
pub const HOUR_MS: u64 = 3_600_000;

/// A stream's retention period and the mark below which its records are gone for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// The period in hours, 24..=8760.
    pub hours: u32,
    /// Records that arrived before this (epoch milliseconds) had expired when the period was
    /// last changed. It only rises: a longer period does not bring expired records back.
    pub floor_ms: u64,
}

impl Retention {
    /// Arrival time from which records can be read at `now_ms`.
    #[must_use]
    pub fn trim_horizon_ms(&self, now_ms: u64) -> u64 {
        self.floor_ms.max(now_ms.saturating_sub(u64::from(self.hours) * HOUR_MS))
    }

    /// The same stream after its period was set to `hours` at `now_ms`.
    #[must_use]
    pub fn changed(&self, hours: u32, now_ms: u64) -> Self {
        let floor_ms = self.trim_horizon_ms(now_ms);
        let changed = Self { hours, floor_ms };
        Self { hours, floor_ms: changed.trim_horizon_ms(now_ms) }
    }
}

/// Streams whose records share segments because they expire at about the same time.
///
/// Without classes, one record of a stream with a year's retention would keep a whole segment
/// of day-old records alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RetentionClass {
    /// Up to one day.
    Day,
    /// Up to seven days.
    Week,
    /// Longer.
    Year,
}

impl RetentionClass {
    /// The class of a period in hours.
    #[must_use]
    pub fn of_hours(hours: u32) -> Self {
        match hours {
            0..=24 => Self::Day,
            25..=168 => Self::Week,
            _ => Self::Year,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_longer_period_does_not_revive() {
        let day = Retention { hours: 24, floor_ms: 0 };
        let now = 100 * HOUR_MS;
        let longer = day.changed(48, now);
        assert_eq!(longer.trim_horizon_ms(now), 76 * HOUR_MS);
        assert_eq!(longer.trim_horizon_ms(now + 30 * HOUR_MS), 82 * HOUR_MS);
    }

    #[test]
    fn a_shorter_period_hides_at_once_and_for_good() {
        let week = Retention { hours: 168, floor_ms: 0 };
        let now = 1000 * HOUR_MS;
        let day = week.changed(24, now);
        assert_eq!(day.trim_horizon_ms(now), 976 * HOUR_MS);
        assert_eq!(day.changed(168, now).trim_horizon_ms(now), 976 * HOUR_MS);
    }

    proptest! {
        #[test]
        fn the_horizon_never_goes_back(
            steps in prop::collection::vec((0..100 * HOUR_MS, 24u32..8760), 1..50),
        ) {
            let (mut retention, mut now, mut horizon) =
                (Retention { hours: 24, floor_ms: 0 }, 0, 0);
            for (wait_ms, hours) in steps {
                now += wait_ms;
                retention = retention.changed(hours, now);
                prop_assert!(retention.trim_horizon_ms(now) >= horizon);
                horizon = retention.trim_horizon_ms(now);
            }
        }
    }
}
