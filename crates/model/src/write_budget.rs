//! What one shard takes in, in bytes: a steady rate, and a reserve for large records.
//!
//! The bucket of the rate holds one second's worth, and records of that size and smaller go
//! through it alone. A larger record could never pass it: for those there is a reserve of ten
//! seconds' worth, filled only by what the bucket cannot hold, that is by what the shard was
//! offered and did not use. So large records pass now and then, small ones behind them go on at
//! the rate, and in the long run no more passes than the rate.
//!
//! Invariant: within any span of t seconds at most `rate * (t + 1 + RESERVE_SECONDS)` bytes pass,
//! except that a record over bucket and reserve together passes when both are full, into debt.

/// Seconds' worth of bytes in the reserve: with the service's rate, its largest record.
pub const RESERVE_SECONDS: u64 = 10;

const MICRO: i128 = 1_000_000;

/// The state of a shard's budget. A new one is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteBudget {
    /// Millionths of a byte that can be written at the rate; negative while in debt.
    bucket: i128,
    /// Millionths of a byte that large records may take beyond that.
    reserve: i128,
    /// Monotonic time of the last refill in microseconds.
    refilled_us: u64,
}

fn second(rate: u64) -> i128 {
    i128::from(rate) * MICRO
}

impl WriteBudget {
    /// A full budget for a rate in bytes a second.
    #[must_use]
    pub fn full(rate: u64, now_us: u64) -> Self {
        let (bucket, reserve) = (second(rate), second(rate) * i128::from(RESERVE_SECONDS));
        Self { bucket, reserve, refilled_us: now_us }
    }

    fn refill(&mut self, rate: u64, now_us: u64) {
        let elapsed_us = now_us.saturating_sub(self.refilled_us);
        self.fill(rate, i128::from(elapsed_us) * i128::from(rate));
        self.refilled_us = self.refilled_us.max(now_us);
    }

    /// Fills the bucket, and the reserve with what it cannot hold.
    fn fill(&mut self, rate: u64, millionths: i128) {
        let full = second(rate);
        let filled = self.bucket + millionths;
        self.bucket = filled.min(full);
        let overflow = filled - self.bucket;
        self.reserve = (self.reserve + overflow).min(full * i128::from(RESERVE_SECONDS));
    }

    /// Gives back the bytes of records that were not written after all.
    pub fn give_back(&mut self, rate: u64, bytes: u64) {
        self.fill(rate, i128::from(bytes) * MICRO);
    }

    /// Takes a record's bytes if they may pass now.
    pub fn try_take(&mut self, rate: u64, now_us: u64, bytes: u64) -> bool {
        self.refill(rate, now_us);
        let wanted = i128::from(bytes) * MICRO;
        let full = second(rate);
        if wanted <= full {
            let passes = self.bucket >= wanted;
            self.bucket -= if passes { wanted } else { 0 };
            return passes;
        }
        let most = full * i128::from(1 + RESERVE_SECONDS);
        if self.bucket + self.reserve < wanted.min(most) {
            return false;
        }
        // What the bucket holds goes first: what it cannot hold later fills the reserve again.
        let from_bucket = self.bucket.clamp(0, wanted);
        let from_reserve = (wanted - from_bucket).min(self.reserve);
        self.reserve -= from_reserve;
        self.bucket -= wanted - from_reserve;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000;
    const MIB: u64 = 1 << 20;

    #[test]
    fn records_up_to_the_rate_see_nothing_but_the_rate() {
        let mut budget = WriteBudget::full(MIB, 0);
        assert!(budget.try_take(MIB, 0, MIB));
        assert!(!budget.try_take(MIB, 0, 1), "the reserve is not for small records");
        assert!(!budget.try_take(MIB, SECOND - 1, MIB));
        assert!(budget.try_take(MIB, SECOND, MIB));
        // However long nothing came, one second's worth is all that passes at once.
        assert!(budget.try_take(MIB, 100 * SECOND, MIB));
        assert!(!budget.try_take(MIB, 100 * SECOND, 1));
    }

    #[test]
    fn the_largest_record_passes_a_rested_shard_and_not_twice() {
        let mut budget = WriteBudget::full(MIB, 0);
        assert!(budget.try_take(MIB, 0, 10 * MIB));
        assert!(!budget.try_take(MIB, SECOND, 10 * MIB));
        assert!(!budget.try_take(MIB, 9 * SECOND - 1, 10 * MIB), "9 MiB of reserve come in 9 s");
        assert!(budget.try_take(MIB, 9 * SECOND, 10 * MIB));
    }

    #[test]
    fn small_records_pass_behind_a_large_one() {
        let mut budget = WriteBudget::full(MIB, 0);
        assert!(budget.try_take(MIB, 0, 10 * MIB));
        assert!(!budget.try_take(MIB, 0, 1));
        assert!(budget.try_take(MIB, SECOND / 2, MIB / 2), "the rate goes on at once");
    }

    #[test]
    fn a_busy_shard_gains_no_reserve() {
        let mut budget = WriteBudget::full(MIB, 0);
        assert!(budget.try_take(MIB, 0, 10 * MIB));
        for second in 1..1000 {
            assert!(budget.try_take(MIB, second * SECOND, MIB));
        }
        assert!(!budget.try_take(MIB, 999 * SECOND, 3 * MIB));
    }

    #[test]
    fn a_record_over_everything_passes_a_full_budget_into_debt() {
        let mut budget = WriteBudget::full(10, 0);
        assert!(budget.try_take(10, 0, 200));
        assert!(!budget.try_take(10, 9 * SECOND, 1));
        assert!(budget.try_take(10, 10 * SECOND, 1), "the debt is paid off at the rate");
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let mut budget = WriteBudget::full(MIB, 0);
        for bytes in [10 * MIB, MIB] {
            budget = WriteBudget::full(MIB, 0);
            assert!(budget.try_take(MIB, 0, bytes));
            budget.give_back(MIB, bytes);
            assert_eq!(budget, WriteBudget::full(MIB, 0));
        }
        budget.give_back(MIB, u64::MAX);
        assert_eq!(budget, WriteBudget::full(MIB, 0), "never more than full");
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing() {
        let mut budget = WriteBudget::full(10, 10 * SECOND);
        assert!(budget.try_take(10, 10 * SECOND, 10));
        assert!(!budget.try_take(10, 0, 1));
        assert!(!budget.try_take(10, 10 * SECOND, 1));
    }

    proptest! {
        #[test]
        fn never_passes_more_than_rate_bucket_and_reserve(
            steps in prop::collection::vec((0u64..3_000_000, 1u64..1100), 1..200),
        ) {
            let (mut budget, mut now, mut passed) = (WriteBudget::full(100, 0), 0, 0);
            for (wait_us, bytes) in steps {
                now += wait_us;
                if budget.try_take(100, now, bytes) {
                    passed += bytes;
                }
                prop_assert!(passed * SECOND <= 100 * (now + (1 + RESERVE_SECONDS) * SECOND));
            }
        }

        #[test]
        fn small_records_see_a_plain_bucket(
            waits in prop::collection::vec((0u64..2_000_000, 1u64..=100), 1..100),
        ) {
            let mut budget = WriteBudget::full(100, 0);
            let mut plain = crate::token_bucket::TokenBucket::full(100, 0);
            let mut now = 0;
            for (wait_us, bytes) in waits {
                now += wait_us;
                prop_assert_eq!(
                    budget.try_take(100, now, bytes),
                    plain.try_take(100, now, bytes)
                );
            }
        }
    }
}
