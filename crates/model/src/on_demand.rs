//! How an on-demand stream gets its shards: decisions about loads, without a clock or a stream.
//!
//! The service's rules: capacity for twice the highest write rate of the last 30 days, at least
//! four shards; a shard with more than 500 KB a second is split evenly. Ours: a shard is hot when
//! it was over that in each of the last [`HOT_PERIODS`] periods; shards are taken away when the
//! stream could have done with fewer for a whole day.
//!
//! Half of what a shard takes is about the rate at which it is hot, so that splitting hot shards
//! also makes room for twice the rate wherever the load is.

use crate::hash_key::{HashKeyRange, uniform_ranges};
use crate::limits::{ON_DEMAND_SHARDS, SHARD_WRITE_BYTES, STREAM_SHARDS_MAX};
use crate::shard_id::ShardId;

/// Bytes a second over which a shard is split.
pub const HOT_BYTES_PER_S: u64 = 500 * 1024;
/// Periods in a row for which a shard must be over that.
pub const HOT_PERIODS: usize = 3;
/// How long fewer shards must have been enough before there are fewer, in milliseconds.
pub const COLD_MS: u64 = 24 * 3_600_000;
/// A stream whose peak rises grows by one part in so many at least.
const GROWTH_PARTS: u32 = 4;
/// Days for which a peak counts.
pub const PEAK_DAYS: u32 = 30;
/// A narrower range is not split: what makes it hot is hardly more than one key.
const SPLIT_SIZE_MIN: u128 = u128::MAX / STREAM_SHARDS_MAX as u128;

/// An open shard and what was written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardLoad {
    /// The shard.
    pub shard: ShardId,
    /// Its hash keys.
    pub range: HashKeyRange,
    /// Bytes a second in the last periods, the newest first.
    pub bytes_per_s: [u64; HOT_PERIODS],
}

impl ShardLoad {
    /// The rate that it had for all of the last periods.
    fn sustained(&self) -> u64 {
        self.bytes_per_s.into_iter().min().unwrap_or(0)
    }

    fn is_hot(&self) -> bool {
        let size = self.range.end_inclusive - self.range.start;
        self.sustained() > HOT_BYTES_PER_S && size >= SPLIT_SIZE_MIN
    }
}

/// An on-demand stream's load.
#[derive(Clone, Copy, Debug)]
pub struct StreamLoad<'a> {
    /// The open shards, in the order of their ranges, which cover the ring.
    pub shards: &'a [ShardLoad],
    /// Highest bytes a second of the last 30 days.
    pub peak_bytes_per_s: u64,
    /// Shards that the warm throughput asks for.
    pub warm_shards: u32,
    /// Shards that the stream may have.
    pub shards_max: u32,
    /// How long [`StreamLoad::is_cold`] has been so, in milliseconds.
    pub cold_ms: u64,
}

/// What to do with a stream's shards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing.
    Keep,
    /// Split these evenly; the hottest first.
    Split(Vec<ShardId>),
    /// Go to so many shards of equal size.
    Rescale(u32),
}

impl StreamLoad<'_> {
    /// Shards that the stream needs by its history and settings, however the load is spread.
    #[must_use]
    pub fn needed(&self) -> u32 {
        let for_peak = self.peak_bytes_per_s.saturating_mul(2).div_ceil(SHARD_WRITE_BYTES);
        let for_peak = u32::try_from(for_peak).unwrap_or(u32::MAX);
        for_peak.max(self.warm_shards).max(ON_DEMAND_SHARDS).min(self.shards_max).max(1)
    }

    /// Whether as few equal shards as it needs would be enough now, each of them at half of what
    /// makes a shard hot at most.
    #[must_use]
    pub fn is_cold(&self) -> bool {
        let needed = self.needed();
        (needed as usize) < self.shards.len()
            && self.projected(needed).into_iter().all(|rate| rate <= HOT_BYTES_PER_S as f64 / 2.0)
    }

    /// The present rates on `count` equal shards, if the load within a shard is even.
    fn projected(&self, count: u32) -> Vec<f64> {
        let mut from = 0;
        let mut rates = Vec::with_capacity(count as usize);
        for target in uniform_ranges(count) {
            let mut rate = 0.0;
            for load in &self.shards[from..] {
                if load.range.start > target.end_inclusive {
                    break;
                }
                let start = load.range.start.max(target.start);
                let end = load.range.end_inclusive.min(target.end_inclusive);
                let size = |start: u128, end: u128| (end - start) as f64 + 1.0;
                let share = size(start, end) / size(load.range.start, load.range.end_inclusive);
                rate += load.bytes_per_s[0] as f64 * share;
                from += usize::from(load.range.end_inclusive <= target.end_inclusive);
            }
            rates.push(rate);
        }
        rates
    }

    /// What to do now.
    #[must_use]
    pub fn decide(&self) -> Decision {
        let open = self.shards.len() as u32;
        let mut hot: Vec<&ShardLoad> = self.shards.iter().filter(|load| load.is_hot()).collect();
        hot.sort_by_key(|load| std::cmp::Reverse((load.sustained(), load.shard)));
        hot.truncate(self.shards_max.saturating_sub(open) as usize);
        if !hot.is_empty() {
            return Decision::Split(hot.into_iter().map(|load| load.shard).collect());
        }
        let needed = self.needed();
        if needed > open && needed > self.warm_shards.max(ON_DEMAND_SHARDS) {
            // A rate that rises slowly must not move all the boundaries every time.
            let step = open + open.div_ceil(GROWTH_PARTS);
            return Decision::Rescale(needed.max(step).min(self.shards_max));
        }
        if needed > open || (self.cold_ms >= COLD_MS && self.is_cold()) {
            return Decision::Rescale(needed);
        }
        Decision::Keep
    }
}

/// The highest write rate of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DailyPeak {
    /// Days since 1970.
    pub day: u32,
    /// Bytes a second.
    pub bytes_per_s: u64,
}

/// The highest write rates of recent days. At most [`PEAK_DAYS`] of them.
///
/// Rates for which the fewest shards are enough are not kept, and within a day only ones that
/// are a tenth higher than the last: writing peaks down is rare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WritePeaks(Vec<DailyPeak>);

impl WritePeaks {
    /// Peaks as they were written down.
    #[must_use]
    pub fn new(days: Vec<DailyPeak>) -> Self {
        Self(days)
    }

    /// The peaks, the oldest first.
    #[must_use]
    pub fn days(&self) -> &[DailyPeak] {
        &self.0
    }

    /// The highest rate of the days that count on `day`.
    #[must_use]
    pub fn highest(&self, day: u32) -> u64 {
        let counts = |peak: &&DailyPeak| peak.day.saturating_add(PEAK_DAYS) > day;
        self.0.iter().filter(counts).map(|peak| peak.bytes_per_s).max().unwrap_or(0)
    }

    /// Whether a rate is worth writing down.
    #[must_use]
    pub fn is_worth_keeping(&self, new: DailyPeak) -> bool {
        let of_day = self.0.iter().rfind(|peak| peak.day == new.day);
        let known = of_day.map_or(0, |peak| peak.bytes_per_s);
        new.bytes_per_s > u64::from(ON_DEMAND_SHARDS) * SHARD_WRITE_BYTES / 2
            && new.bytes_per_s > known.saturating_add(known / 10)
    }

    /// Writes a rate down, and drops what counts no more.
    pub fn note(&mut self, new: DailyPeak) {
        self.0.retain(|peak| peak.day.saturating_add(PEAK_DAYS) > new.day);
        let is_full = self.0.len() >= PEAK_DAYS as usize;
        match self.0.iter_mut().find(|peak| peak.day == new.day) {
            Some(peak) => peak.bytes_per_s = peak.bytes_per_s.max(new.bytes_per_s),
            // More days than that can only come from a clock that was set back.
            None if is_full => {}
            None => self.0.push(new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MIB: u64 = SHARD_WRITE_BYTES;
    const KIB: u64 = 1024;

    fn loads(rates: &[u64]) -> Vec<ShardLoad> {
        let ranges = uniform_ranges(rates.len() as u32);
        let loads = ranges.into_iter().zip(rates).zip(0..).map(|((range, rate), shard)| {
            ShardLoad { shard: ShardId(shard), range, bytes_per_s: [*rate; HOT_PERIODS] }
        });
        loads.collect()
    }

    fn stream(shards: &[ShardLoad]) -> StreamLoad<'_> {
        StreamLoad { shards, peak_bytes_per_s: 0, warm_shards: 0, shards_max: 10_000, cold_ms: 0 }
    }

    #[test]
    fn keeps_four_shards_ready_for_nothing() {
        for open in 1..4 {
            assert_eq!(stream(&loads(&vec![0; open])).decide(), Decision::Rescale(4));
        }
        assert_eq!(stream(&loads(&[0; 4])).decide(), Decision::Keep);
    }

    #[test]
    fn splits_what_is_hot_for_long_enough() {
        let mut shards = loads(&[0, 501 * KIB, 500 * KIB, 600 * KIB]);
        let split = Decision::Split(vec![ShardId(3), ShardId(1)]);
        assert_eq!(stream(&shards).decide(), split);
        shards[3].bytes_per_s[2] = 0;
        assert_eq!(stream(&shards).decide(), Decision::Split(vec![ShardId(1)]));
        shards[1].bytes_per_s[0] = 0;
        assert_eq!(stream(&shards).decide(), Decision::Keep);
    }

    #[test]
    fn does_not_split_a_single_key_for_ever() {
        let mut shards = loads(&[0, 900 * KIB, 0, 0]);
        let mut splits = 0;
        while let Decision::Split(hot) = stream(&shards).decide() {
            assert_eq!(hot.len(), 1);
            let place = shards.iter().position(|load| load.shard == hot[0]).expect("there");
            let middle = shards[place].range.start
                + (shards[place].range.end_inclusive - shards[place].range.start) / 2;
            let upper = ShardLoad {
                shard: ShardId(100 + splits),
                range: HashKeyRange { start: middle + 1, ..shards[place].range },
                bytes_per_s: [0; HOT_PERIODS],
            };
            shards[place].range.end_inclusive = middle;
            shards.insert(place + 1, upper);
            splits += 1;
            assert!(splits < 20);
        }
        assert_eq!(splits, 12);
    }

    #[test]
    fn makes_room_for_twice_the_peak_and_for_what_shall_be_warm() {
        let shards = loads(&[0; 4]);
        for (peak, warm, expected) in [
            (2 * MIB, 0, Decision::Keep),
            (2 * MIB + 1, 0, Decision::Rescale(5)),
            (50 * MIB, 0, Decision::Rescale(100)),
            (u64::MAX, 0, Decision::Rescale(10_000)),
            (0, 4, Decision::Keep),
            (0, 7, Decision::Rescale(7)),
            (50 * MIB, 7, Decision::Rescale(100)),
        ] {
            let load = StreamLoad { peak_bytes_per_s: peak, warm_shards: warm, ..stream(&shards) };
            assert_eq!(load.decide(), expected, "{peak} {warm}");
        }
    }

    #[test]
    fn grows_by_a_quarter_at_least() {
        let shards = loads(&[0; 100]);
        let at = |peak, shards_max| {
            let load = StreamLoad { peak_bytes_per_s: peak, shards_max, ..stream(&shards) };
            load.decide()
        };
        assert_eq!(at(50 * MIB, 10_000), Decision::Keep);
        assert_eq!(at(50 * MIB + 1, 10_000), Decision::Rescale(125));
        assert_eq!(at(70 * MIB, 10_000), Decision::Rescale(140));
        assert_eq!(at(50 * MIB + 1, 110), Decision::Rescale(110));
    }

    #[test]
    fn stops_at_the_ceiling() {
        let shards = loads(&[600 * KIB, 700 * KIB, 800 * KIB, 0]);
        let capped = |shards_max| StreamLoad { shards_max, ..stream(&shards) }.decide();
        assert_eq!(capped(5), Decision::Split(vec![ShardId(2)]));
        assert_eq!(capped(4), Decision::Keep);
        assert_eq!(capped(2), Decision::Keep, "a ceiling takes nothing away");
    }

    #[test]
    fn merges_after_a_cold_day_down_to_what_is_needed() {
        let shards = loads(&[0; 40]);
        let cold = |cold_ms, peak| {
            StreamLoad { cold_ms, peak_bytes_per_s: peak, ..stream(&shards) }.decide()
        };
        assert_eq!(cold(COLD_MS - 1, 0), Decision::Keep);
        assert_eq!(cold(COLD_MS, 0), Decision::Rescale(4));
        assert_eq!(cold(COLD_MS, 10 * MIB), Decision::Rescale(20));
        assert_eq!(cold(COLD_MS, 20 * MIB), Decision::Keep);
        let warm = StreamLoad { warm_shards: 30, cold_ms: COLD_MS, ..stream(&shards) };
        assert_eq!(warm.decide(), Decision::Rescale(30));
    }

    #[test]
    fn does_not_merge_what_would_be_hot_together() {
        let mut rates = [0; 8];
        (rates[2], rates[3]) = (150 * KIB, 150 * KIB);
        let shards = loads(&rates);
        let load = StreamLoad { cold_ms: COLD_MS, ..stream(&shards) };
        assert!(!load.is_cold());
        assert_eq!(load.decide(), Decision::Keep);
        rates[3] = 100 * KIB;
        let shards = loads(&rates);
        let load = StreamLoad { cold_ms: COLD_MS, ..stream(&shards) };
        assert!(load.is_cold());
        assert_eq!(load.decide(), Decision::Rescale(4));
    }

    #[test]
    fn peaks_count_for_thirty_days() {
        let mut peaks = WritePeaks::default();
        let peak = |day, mib| DailyPeak { day, bytes_per_s: mib * MIB };
        assert!(!peaks.is_worth_keeping(peak(100, 2)), "four shards are enough for that");
        assert!(peaks.is_worth_keeping(peak(100, 10)));
        peaks.note(peak(100, 10));
        assert!(!peaks.is_worth_keeping(peak(100, 11)));
        assert!(peaks.is_worth_keeping(peak(100, 12)));
        assert!(peaks.is_worth_keeping(peak(101, 3)), "the day before counts a day less");
        peaks.note(peak(101, 3));
        assert_eq!((peaks.highest(129), peaks.highest(130)), (10 * MIB, 3 * MIB));
        peaks.note(peak(130, 4));
        assert_eq!(peaks.days(), [peak(101, 3), peak(130, 4)]);
        assert_eq!(peaks.highest(500), 0);
    }

    proptest! {
        #[test]
        fn decisions_stay_within_bounds(
            rates in prop::collection::vec(0u64..2_000_000, 1..60),
            peak in 0u64..200_000_000,
            warm_shards in 0u32..300,
            shards_max in 1u32..300,
            cold_ms in prop::sample::select(vec![0, COLD_MS]),
        ) {
            let shards = loads(&rates);
            let open = shards.len() as u32;
            let load =
                StreamLoad { shards: &shards, peak_bytes_per_s: peak, warm_shards, shards_max, cold_ms };
            match load.decide() {
                Decision::Keep => {}
                Decision::Split(hot) => {
                    prop_assert!(!hot.is_empty() && open + hot.len() as u32 <= shards_max);
                }
                Decision::Rescale(target) => {
                    prop_assert!(target != open && target <= shards_max);
                    prop_assert!(target > open || cold_ms >= COLD_MS);
                    prop_assert!(target >= warm_shards.min(shards_max));
                    prop_assert!(u64::from(target) * MIB >= 2 * peak || target == shards_max);
                }
            }
            let total: f64 = rates.iter().map(|rate| *rate as f64).sum();
            for count in [1, open, open + 3] {
                let projected: f64 = load.projected(count).iter().sum();
                prop_assert!((projected - total).abs() <= total * 1e-9 + 1e-6);
            }
        }

        #[test]
        fn peaks_are_bounded_and_never_forget_a_higher_one_too_soon(
            days in prop::collection::vec((0u32..3, 0u64..100), 1..200),
        ) {
            let (mut peaks, mut all, mut day) = (WritePeaks::default(), Vec::new(), 0);
            for (step, mib) in days {
                day += step;
                let new = DailyPeak { day, bytes_per_s: mib * MIB };
                all.push(new);
                if peaks.is_worth_keeping(new) {
                    peaks.note(new);
                }
                prop_assert!(peaks.days().len() <= PEAK_DAYS as usize);
                let recent = all.iter().filter(|peak| peak.day + PEAK_DAYS > day);
                let highest = recent.map(|peak| peak.bytes_per_s).max().unwrap_or(0);
                let known = peaks.highest(day);
                prop_assert!(known <= highest);
                prop_assert!(known + known / 10 >= highest || highest <= 2 * MIB);
            }
        }
    }
}
