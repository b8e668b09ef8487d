//! What a shard lets through, and counts.
//!
//! A meter that was never used costs a lock and a pointer.

use crate::settings::ShardRates;
use anabranch_model::token_bucket::TokenBucket;
use parking_lot::Mutex;

/// The throughput of one shard.
#[derive(Debug, Default)]
pub struct ShardMeter(Mutex<Option<Box<Buckets>>>);

#[derive(Debug)]
struct Buckets {
    write_bytes: TokenBucket,
    write_records: TokenBucket,
    read_bytes: TokenBucket,
    read_calls: TokenBucket,
    iterator_calls: TokenBucket,
}

impl Buckets {
    fn full(rates: &ShardRates, now_us: u64) -> Box<Self> {
        Box::new(Self {
            write_bytes: TokenBucket::full(rates.write_bytes, now_us),
            write_records: TokenBucket::full(rates.write_records, now_us),
            read_bytes: TokenBucket::full(rates.read_bytes, now_us),
            read_calls: TokenBucket::full(rates.read_calls, now_us),
            iterator_calls: TokenBucket::full(rates.read_calls, now_us),
        })
    }
}

impl ShardMeter {
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
        let mut guard = self.0.lock();
        let buckets = guard.get_or_insert_with(|| Buckets::full(rates, now_us));
        for bytes in record_bytes {
            let counted = rates.write_records == 0
                || buckets.write_records.try_take(rates.write_records, now_us, 1);
            let passes = counted
                && (rates.write_bytes == 0
                    || buckets.write_bytes.try_take(rates.write_bytes, now_us, bytes));
            if counted && !passes && rates.write_records != 0 {
                buckets.write_records.give_back(rates.write_records, 1);
            }
            decide(passes);
        }
    }

    /// Gives back what [`ShardMeter::write`] took for records that were not written after all.
    pub fn write_undone(&self, rates: &ShardRates, records: u64, bytes: u64) {
        if let Some(buckets) = &mut *self.0.lock() {
            buckets.write_records.give_back(rates.write_records, records);
            buckets.write_bytes.give_back(rates.write_bytes, bytes);
        }
    }

    /// Whether a GetRecords call may be made now.
    pub fn read_call(&self, rates: &ShardRates, now_us: u64) -> bool {
        if rates.read_calls == 0 && rates.read_bytes == 0 {
            return true;
        }
        let mut guard = self.0.lock();
        let buckets = guard.get_or_insert_with(|| Buckets::full(rates, now_us));
        let solvent =
            rates.read_bytes == 0 || buckets.read_bytes.is_solvent(rates.read_bytes, now_us);
        solvent
            && (rates.read_calls == 0 || buckets.read_calls.try_take(rates.read_calls, now_us, 1))
    }

    /// Counts the bytes of a GetRecords reply against the calls that follow.
    pub fn read_done(&self, rates: &ShardRates, bytes: u64) {
        if rates.read_bytes != 0
            && let Some(buckets) = &mut *self.0.lock()
        {
            buckets.read_bytes.take_into_debt(bytes);
        }
    }

    /// Whether a GetShardIterator call may be made now.
    pub fn iterator_call(&self, rates: &ShardRates, now_us: u64) -> bool {
        if rates.read_calls == 0 {
            return true;
        }
        let mut guard = self.0.lock();
        let buckets = guard.get_or_insert_with(|| Buckets::full(rates, now_us));
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
        meter.read_done(&RATES, 10 << 20);
        assert!(!meter.read_call(&RATES, 3_900_000));
        assert!(meter.read_call(&RATES, 4_100_000));
    }

    #[test]
    fn lifted_limits_let_all_pass() {
        let meter = ShardMeter::default();
        for _ in 0..100 {
            assert!(meter.read_call(&ShardRates::OFF, 0));
            assert!(meter.iterator_call(&ShardRates::OFF, 0));
            meter.read_done(&ShardRates::OFF, u64::MAX / 2);
        }
        meter.write(&ShardRates::OFF, 0, [u64::MAX].into_iter(), |passes| assert!(passes));
    }
}
