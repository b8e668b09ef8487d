//! How fast records may go to one shard.
//!
//! Two buckets, of records and of bytes, that hold a second's worth. `RateLimit` is in percent of what the
//! service takes; over 100 on purpose, since several producers share a shard. Where the service throttles
//! all the same, the shard is left alone for a moment, and its rate is lowered and rises again slowly.

use super::backoff::backoff;
use super::rules::Micros;

/// What the service takes for a shard in a second.
const RECORDS_PER_SECOND: f64 = 1_000.0;
const BYTES_PER_SECOND: f64 = (1 << 20) as f64;

/// The first pause after a shard throttled, doubled each time, and the longest.
const FIRST_PAUSE: Micros = 100_000;
const PAUSE_MAX: Micros = 2_000_000;

/// What is left of the rate after a throttled answer; how much of the whole comes back in a second; what
/// it never falls below; how long answers of requests that went at the old rate are not counted again.
const LOWERED: f64 = 0.8;
const RAISED_PER_SECOND: f64 = 0.05;
const SHARE_MIN: f64 = 0.05;
const LOWERED_AGAIN_AFTER: Micros = 250_000;

/// The pace of a shard.
#[derive(Debug)]
pub(crate) struct Pace {
    /// In hundredths of what the service takes; `None`: as fast as it can.
    percent: Option<u32>,
    /// Tokens left; below 0 after something that is larger than a bucket.
    records: f64,
    bytes: f64,
    refilled_at: Micros,
    /// What part of the rate is used.
    share: f64,
    lowered_at: Micros,
    paused_until: Micros,
    throttled_in_a_row: u32,
}

impl Pace {
    /// Full buckets.
    pub(crate) fn new(percent: Option<u32>, now: Micros) -> Self {
        let factor = percent.map_or(1.0, |percent| f64::from(percent) / 100.0);
        Self {
            percent,
            records: RECORDS_PER_SECOND * factor,
            bytes: BYTES_PER_SECOND * factor,
            refilled_at: now,
            share: 1.0,
            lowered_at: 0,
            paused_until: 0,
            throttled_in_a_row: 0,
        }
    }

    /// When a record of so many bytes may go, at the earliest. One larger than a bucket goes when that is
    /// full.
    pub(crate) fn ready_at(&mut self, bytes: usize, now: Micros) -> Micros {
        let Some(percent) = self.percent else {
            return now.max(self.paused_until);
        };
        self.refill(percent, now);
        let rate = self.rate(percent);
        let wait = |missing: f64, per_second: f64| {
            if missing <= 0.0 { 0 } else { (missing / per_second * 1e6).ceil() as Micros }
        };
        let records = wait(1.0 - self.records, RECORDS_PER_SECOND * rate);
        let wanted = (bytes as f64).min(BYTES_PER_SECOND * rate);
        let bytes = wait(wanted - self.bytes, BYTES_PER_SECOND * rate);
        now.saturating_add(records.max(bytes)).max(self.paused_until)
    }

    /// A record of so many bytes goes.
    pub(crate) fn take(&mut self, bytes: usize, now: Micros) {
        if let Some(percent) = self.percent {
            self.refill(percent, now);
            self.records -= 1.0;
            self.bytes -= bytes as f64;
        }
    }

    /// The shard throttled a record. `jitter` is from 0 to 1.
    pub(crate) fn throttled(&mut self, now: Micros, jitter: f64) {
        if now >= self.paused_until {
            self.paused_until =
                now + backoff(FIRST_PAUSE, PAUSE_MAX, self.throttled_in_a_row, jitter);
            self.throttled_in_a_row += 1;
        }
        if let Some(percent) = self.percent
            && now >= self.lowered_at + LOWERED_AGAIN_AFTER
        {
            self.refill(percent, now);
            self.share = (self.share * LOWERED).max(SHARE_MIN);
            self.lowered_at = now;
        }
    }

    /// The shard took a record.
    pub(crate) fn stored(&mut self) {
        self.throttled_in_a_row = 0;
    }

    fn rate(&self, percent: u32) -> f64 {
        f64::from(percent) / 100.0 * self.share
    }

    fn refill(&mut self, percent: u32, now: Micros) {
        let seconds = now.saturating_sub(self.refilled_at) as f64 / 1e6;
        self.refilled_at = now.max(self.refilled_at);
        self.share = (self.share + RAISED_PER_SECOND * seconds).min(1.0);
        let rate = self.rate(percent);
        let grow = |tokens: f64, per_second: f64| (tokens + per_second * seconds).min(per_second);
        self.records = grow(self.records, RECORDS_PER_SECOND * rate);
        self.bytes = grow(self.bytes, BYTES_PER_SECOND * rate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;

    /// How many records of so many bytes go in so many seconds.
    fn taken(pace: &mut Pace, bytes: usize, from: Micros, seconds: u64) -> u64 {
        let (mut now, mut count) = (from, 0);
        loop {
            let ready = pace.ready_at(bytes, now);
            now = ready;
            if now >= from + seconds * SECOND {
                return count;
            }
            pace.take(bytes, now);
            count += 1;
        }
    }

    #[test]
    fn goes_at_the_rate_of_records_and_of_bytes() {
        for (percent, bytes, per_second) in [
            (100, 10, 1_000),
            (150, 10, 1_500),
            (100, 64 << 10, 16),
            (200, 1 << 20, 2),
            (100, 4 << 20, 0),
        ] {
            let mut pace = Pace::new(Some(percent), 0);
            // A second's worth at once, and then as it comes.
            let count = taken(&mut pace, bytes, 0, 20);
            let expected = if per_second == 0 { 20 / 4 } else { 21 * per_second };
            assert!(count.abs_diff(expected) <= 1, "{percent} {bytes}: {count}, not {expected}");
        }
    }

    #[test]
    fn without_a_limit_only_throttling_holds_it() {
        let mut pace = Pace::new(None, 0);
        for _ in 0..10_000 {
            assert_eq!(pace.ready_at(1 << 20, 5), 5);
            pace.take(1 << 20, 5);
        }
        pace.throttled(5, 1.0);
        assert_eq!(pace.ready_at(1, 5), 5 + FIRST_PAUSE);
    }

    #[test]
    fn pauses_grow_and_are_forgotten() {
        let mut pace = Pace::new(Some(100), 0);
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..8 {
            pace.throttled(now, 0.0);
            // Other records of the same request.
            pace.throttled(now, 0.0);
            pauses.push(pace.paused_until - now);
            now = pace.paused_until;
        }
        assert_eq!(pauses[..3], [50_000, 100_000, 200_000]);
        assert_eq!(pauses[7], PAUSE_MAX / 2);
        pace.stored();
        pace.throttled(now, 1.0);
        assert_eq!(pace.paused_until - now, FIRST_PAUSE);
    }

    #[test]
    fn the_rate_falls_where_it_is_throttled_and_rises_again() {
        let mut pace = Pace::new(Some(100), 0);
        taken(&mut pace, 10, 0, 10);
        pace.throttled(10 * SECOND, 0.0);
        let lowered = taken(&mut pace, 10, 10 * SECOND, 1);
        assert!((790..=860).contains(&lowered), "{lowered}");
        let risen = taken(&mut pace, 10, 20 * SECOND, 1);
        assert!((1_990..=2_010).contains(&risen), "a full bucket and a second: {risen}");
        for i in 0..1_000 {
            pace.throttled((30 + i) * SECOND, 0.0);
        }
        assert!(pace.share >= SHARE_MIN);
    }
}
