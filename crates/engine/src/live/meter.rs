//! What a shard lets through, and counts.
//!
//! Counters stand in the meter itself, so that a put touches one place for each shard; what only
//! limits need is made when one is first asked about. Counting takes no lock.

use crate::settings::ShardRates;
use anabranch_model::token_bucket::TokenBucket;
use anabranch_model::write_budget::WriteBudget;
use parking_lot::{Mutex, MutexGuard};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The throughput of one shard.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct ShardMeter {
    counters: Counters,
    limits: OnceLock<Box<Limits>>,
}

/// What a put touches comes first, and so lies together.
#[derive(Debug, Default)]
#[repr(C)]
struct Counters {
    /// Says nothing (see [`ShardMeter::fetch`]).
    fetched: AtomicBool,
    incoming_bytes: AtomicU64,
    incoming_records: AtomicU64,
    outgoing_bytes: AtomicU64,
    outgoing_records: AtomicU64,
    write_throttles: AtomicU64,
    read_throttles: AtomicU64,
    /// Of the last GetRecords call.
    iterator_age_ms: AtomicU64,
}

/// What went through a shard since the process began. Bytes are those of data and partition keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardTraffic {
    /// Bytes stored.
    pub incoming_bytes: u64,
    /// Records stored.
    pub incoming_records: u64,
    /// Bytes read.
    pub outgoing_bytes: u64,
    /// Records read.
    pub outgoing_records: u64,
    /// Records refused because the shard's rate was used up.
    pub write_throttles: u64,
    /// Calls refused because the shard's rate was used up.
    pub read_throttles: u64,
    /// How far behind the tip the last GetRecords call was, in milliseconds; not a sum.
    pub iterator_age_ms: u64,
}

/// What one GetRecords call or event gave to its reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadCount {
    pub records: u64,
    /// Bytes of data and partition keys.
    pub bytes: u64,
}

impl std::iter::Sum for ReadCount {
    fn sum<I: Iterator<Item = Self>>(counts: I) -> Self {
        counts.fold(Self::default(), |sum, count| Self {
            records: sum.records + count.records,
            bytes: sum.bytes + count.bytes,
        })
    }
}

/// What only limits need.
#[derive(Debug)]
struct Limits {
    buckets: Mutex<Buckets>,
    /// Held by the one GetRecords call that reads.
    turn_to_read: Turn,
}

type Turn = tokio::sync::Mutex<()>;

#[derive(Debug)]
struct Buckets {
    write_bytes: WriteBudget,
    write_records: TokenBucket,
    read_bytes: TokenBucket,
    read_calls: TokenBucket,
    iterator_calls: TokenBucket,
}

impl Buckets {
    fn full(rates: &ShardRates, now_us: u64) -> Self {
        Self {
            write_bytes: WriteBudget::full(rates.write_bytes, now_us),
            write_records: TokenBucket::full(rates.write_records, now_us),
            read_bytes: TokenBucket::full(rates.read_bytes, now_us),
            read_calls: TokenBucket::full(rates.read_calls, now_us),
            iterator_calls: TokenBucket::full(rates.read_calls, now_us),
        }
    }
}

/// Counters stand alone: nothing is read from their order.
fn add(counter: &AtomicU64, count: u64) {
    if count > 0 {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

impl ShardMeter {
    fn limits(&self, rates: &ShardRates, now_us: u64) -> &Limits {
        self.limits.get_or_init(|| {
            let buckets = Mutex::new(Buckets::full(rates, now_us));
            Box::new(Limits { buckets, turn_to_read: Turn::new(()) })
        })
    }

    fn buckets(&self, rates: &ShardRates, now_us: u64) -> MutexGuard<'_, Buckets> {
        self.limits(rates, now_us).buckets.lock()
    }

    /// What went through so far.
    #[must_use]
    pub fn traffic(&self) -> ShardTraffic {
        let counters = &self.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ShardTraffic {
            incoming_bytes: read(&counters.incoming_bytes),
            incoming_records: read(&counters.incoming_records),
            outgoing_bytes: read(&counters.outgoing_bytes),
            outgoing_records: read(&counters.outgoing_records),
            write_throttles: read(&counters.write_throttles),
            read_throttles: read(&counters.read_throttles),
            iterator_age_ms: read(&counters.iterator_age_ms),
        }
    }

    /// Decides for each record, by its bytes, whether it may be written now.
    pub fn write(
        &self,
        rates: &ShardRates,
        now_us: u64,
        record_bytes: impl Iterator<Item = u64>,
        mut decide: impl FnMut(bool),
    ) {
        if rates.write_bytes == 0 && rates.write_records == 0 {
            return record_bytes.for_each(|_| decide(true));
        }
        let mut buckets = self.buckets(rates, now_us);
        let mut refused = 0;
        for bytes in record_bytes {
            let counted = rates.write_records == 0
                || buckets.write_records.try_take(rates.write_records, now_us, 1);
            let passes = counted
                && (rates.write_bytes == 0
                    || buckets.write_bytes.try_take(rates.write_bytes, now_us, bytes));
            if counted && !passes && rates.write_records != 0 {
                buckets.write_records.give_back(rates.write_records, 1);
            }
            refused += u64::from(!passes);
            decide(passes);
        }
        add(&self.counters.write_throttles, refused);
    }

    /// Has the counters of [`ShardMeter::written`] at hand without waiting for them: a store asks
    /// for the cache line as one to write to, and nothing waits for a store.
    pub fn fetch(&self) {
        self.counters.fetched.store(true, Ordering::Relaxed);
    }

    /// Counts records that were stored.
    pub fn written(&self, records: u64, bytes: u64) {
        add(&self.counters.incoming_records, records);
        add(&self.counters.incoming_bytes, bytes);
    }

    /// Gives back what [`ShardMeter::write`] took for records that were not written after all.
    pub fn write_undone(&self, rates: &ShardRates, records: u64, bytes: u64) {
        if let Some(mut buckets) = self.limits.get().map(|limits| limits.buckets.lock()) {
            buckets.write_records.give_back(rates.write_records, records);
            buckets.write_bytes.give_back(rates.write_bytes, bytes);
        }
    }

    /// Waits until no other GetRecords call reads. Without a limit on bytes there is nothing to wait for.
    pub async fn turn_to_read(
        &self,
        rates: &ShardRates,
        now_us: u64,
    ) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        match rates.read_bytes {
            0 => None,
            _ => Some(self.limits(rates, now_us).turn_to_read.lock().await),
        }
    }

    /// Whether a GetRecords call may be made now.
    pub fn read_call(&self, rates: &ShardRates, now_us: u64) -> bool {
        if rates.read_calls == 0 && rates.read_bytes == 0 {
            return true;
        }
        let mut buckets = self.buckets(rates, now_us);
        let solvent =
            rates.read_bytes == 0 || buckets.read_bytes.is_solvent(rates.read_bytes, now_us);
        let passes = solvent
            && (rates.read_calls == 0 || buckets.read_calls.try_take(rates.read_calls, now_us, 1));
        add(&self.counters.read_throttles, u64::from(!passes));
        passes
    }

    /// Whether what earlier calls got leaves anything to a GetRecords call now.
    pub fn may_read_bytes(&self, rates: &ShardRates, now_us: u64) -> bool {
        if rates.read_bytes == 0 {
            return true;
        }
        let passes = self.buckets(rates, now_us).read_bytes.is_solvent(rates.read_bytes, now_us);
        add(&self.counters.read_throttles, u64::from(!passes));
        passes
    }

    /// Counts a GetRecords reply, and its bytes against the calls that follow.
    pub fn read_done(&self, rates: &ShardRates, read: ReadCount, age_ms: u64) {
        self.delivered(read);
        self.counters.iterator_age_ms.store(age_ms, Ordering::Relaxed);
        if rates.read_bytes != 0
            && let Some(limits) = self.limits.get()
        {
            limits.buckets.lock().read_bytes.take_at_once(rates.read_bytes, read.bytes);
        }
    }

    /// Counts records that a reader got, whatever the way.
    pub fn delivered(&self, read: ReadCount) {
        add(&self.counters.outgoing_records, read.records);
        add(&self.counters.outgoing_bytes, read.bytes);
    }

    /// Whether a GetShardIterator call may be made now.
    pub fn iterator_call(&self, rates: &ShardRates, now_us: u64) -> bool {
        if rates.read_calls == 0 {
            return true;
        }
        let mut buckets = self.buckets(rates, now_us);
        buckets.iterator_calls.try_take(rates.read_calls, now_us, 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: ShardRates = ShardRates::AWS;

    fn write(meter: &ShardMeter, now_us: u64, sizes: &[u64]) -> Vec<bool> {
        let mut decisions = Vec::new();
        meter.write(&RATES, now_us, sizes.iter().copied(), |passes| decisions.push(passes));
        decisions
    }

    #[test]
    fn small_records_stop_at_a_thousand() {
        let meter = ShardMeter::default();
        assert!(write(&meter, 0, &[1; 1000]).iter().all(|passes| *passes));
        assert_eq!(write(&meter, 0, &[1]), [false]);
        assert_eq!(write(&meter, 1_000, &[1, 1]), [true, false]);
    }

    #[test]
    fn large_records_stop_at_a_mebibyte_and_small_ones_still_pass() {
        let meter = ShardMeter::default();
        assert_eq!(write(&meter, 0, &[600_000, 600_000, 400_000]), [true, false, true]);
    }

    #[test]
    fn a_large_reply_silences_the_shard_for_its_time() {
        let meter = ShardMeter::default();
        assert!(meter.read_call(&RATES, 0));
        meter.read_done(&RATES, ReadCount { records: 10, bytes: 10 << 20 }, 0);
        assert!(!meter.read_call(&RATES, 5_000_000));
        assert!(meter.read_call(&RATES, 5_000_001));
        // One second's worth is what a second saves.
        meter.read_done(&RATES, ReadCount { records: 10, bytes: 2 << 20 }, 0);
        assert!(!meter.read_call(&RATES, 5_900_000));
        assert!(meter.read_call(&RATES, 6_100_000));
    }

    #[test]
    fn lifted_limits_let_all_pass() {
        let meter = ShardMeter::default();
        for _ in 0..100 {
            assert!(meter.read_call(&ShardRates::OFF, 0));
            assert!(meter.iterator_call(&ShardRates::OFF, 0));
            let read = ReadCount { records: 1, bytes: u64::MAX / 256 };
            meter.read_done(&ShardRates::OFF, read, 0);
        }
        meter.write(&ShardRates::OFF, 0, [u64::MAX].into_iter(), |passes| assert!(passes));
    }

    #[test]
    fn the_largest_record_passes_and_the_rate_goes_on_behind_it() {
        let meter = ShardMeter::default();
        assert_eq!(write(&meter, 0, &[10 << 20, 1]), [true, false]);
        assert_eq!(write(&meter, 1_000_000, &[10 << 20, 1 << 20]), [false, true]);
    }

    #[test]
    fn counts_what_went_through_and_what_was_refused() {
        let meter = ShardMeter::default();
        assert_eq!(meter.traffic(), ShardTraffic::default());
        meter.delivered(ReadCount::default());
        assert!(meter.limits.get().is_none(), "an idle shard has nothing but the meter");
        write(&meter, 0, &[1; 1002]);
        meter.written(1000, 3000);
        for _ in 0..6 {
            meter.read_call(&RATES, 0);
        }
        meter.read_done(&RATES, ReadCount { records: 7, bytes: 70 }, 5);
        meter.delivered(ReadCount { records: 1, bytes: 2 });
        let expected = ShardTraffic {
            incoming_bytes: 3000,
            incoming_records: 1000,
            outgoing_bytes: 72,
            outgoing_records: 8,
            write_throttles: 2,
            read_throttles: 1,
            iterator_age_ms: 5,
        };
        assert_eq!(meter.traffic(), expected);
    }
}
