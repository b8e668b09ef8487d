//! Token buckets: throughput limits without timers.

/// A bucket that holds one second's worth of tokens and refills continuously.
///
/// A new bucket is full. Taking is exact to a millionth of a token; an empty bucket regains its
/// burst after one idle second. A bucket may go into debt (see [`TokenBucket::take_into_debt`]),
/// which delays what comes after instead of what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBucket {
    /// Millionths of a token, at most one second's worth.
    micro_tokens: i64,
    /// Monotonic time of the last refill in microseconds.
    refilled_us: u64,
}

const MICRO: i64 = 1_000_000;

/// One second's worth of tokens, in millionths.
fn burst(per_second: u64) -> i64 {
    i64::try_from(per_second).unwrap_or(i64::MAX).saturating_mul(MICRO)
}

impl TokenBucket {
    /// A full bucket. Rates over 2^43 tokens a second count as that.
    #[must_use]
    pub fn full(per_second: u64, now_us: u64) -> Self {
        Self { micro_tokens: burst(per_second), refilled_us: now_us }
    }

    fn refill(&mut self, per_second: u64, now_us: u64) {
        // Longer gaps than the burst fill the bucket anyway; capping keeps the product in range.
        let elapsed_us = now_us.saturating_sub(self.refilled_us).min(3_600 * MICRO as u64);
        let burst = burst(per_second);
        let gained = (elapsed_us as i128 * i128::from(per_second)).min(i128::from(i64::MAX)) as i64;
        self.micro_tokens = self.micro_tokens.saturating_add(gained).min(burst);
        self.refilled_us = self.refilled_us.max(now_us);
    }

    /// Takes `count` tokens if they are there.
    ///
    /// More than one second's worth can be taken from a full bucket, into debt: otherwise a
    /// single item over the rate could never pass.
    pub fn try_take(&mut self, per_second: u64, now_us: u64, count: u64) -> bool {
        self.refill(per_second, now_us);
        let wanted = (count as i64).saturating_mul(MICRO);
        let burst = burst(per_second);
        let passes = self.micro_tokens >= wanted.min(burst);
        if passes {
            self.micro_tokens -= wanted;
        }
        passes
    }

    /// Whether the bucket is out of debt, so that [`TokenBucket::take_into_debt`] is allowed.
    pub fn is_solvent(&mut self, per_second: u64, now_us: u64) -> bool {
        self.refill(per_second, now_us);
        self.micro_tokens > 0
    }

    /// Microseconds until the bucket is out of debt; 0 if it is.
    pub fn solvent_in_us(&mut self, per_second: u64, now_us: u64) -> u64 {
        self.refill(per_second, now_us);
        // One token a second is a millionth of a token in a microsecond.
        (1 - self.micro_tokens).max(0).cast_unsigned().div_ceil(per_second.max(1))
    }

    /// Takes tokens whose number is known only after the fact (bytes of a reply).
    pub fn take_into_debt(&mut self, count: u64) {
        self.micro_tokens = self.micro_tokens.saturating_sub((count as i64).saturating_mul(MICRO));
    }

    /// As [`TokenBucket::take_into_debt`], for what comes at once: more than one second's worth is
    /// paid for in full, whatever the bucket had saved.
    pub fn take_at_once(&mut self, per_second: u64, count: u64) {
        if count > per_second {
            self.micro_tokens = self.micro_tokens.min(0);
        }
        self.take_into_debt(count);
    }

    /// Gives back tokens of an item that was refused for another reason.
    pub fn give_back(&mut self, per_second: u64, count: u64) {
        let burst = burst(per_second);
        self.micro_tokens =
            self.micro_tokens.saturating_add((count as i64).saturating_mul(MICRO)).min(burst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn gives_one_second_of_burst_and_then_the_rate() {
        let mut bucket = TokenBucket::full(1000, 0);
        assert!(bucket.try_take(1000, 0, 1000));
        assert!(!bucket.try_take(1000, 999, 1));
        assert!(bucket.try_take(1000, 1000, 1));
        assert!(bucket.try_take(1000, 2 * SECOND, 1000));
        assert!(!bucket.try_take(1000, 2 * SECOND, 1));
    }

    #[test]
    fn lets_one_item_over_the_rate_pass_when_full_and_pays_it_off() {
        let mut bucket = TokenBucket::full(10, 0);
        assert!(bucket.try_take(10, 0, 50));
        assert!(!bucket.try_take(10, 4 * SECOND, 1));
        assert!(bucket.try_take(10, 5 * SECOND + SECOND / 10, 1));
    }

    #[test]
    fn debt_delays_the_next_call() {
        let mut bucket = TokenBucket::full(2, 0);
        assert!(bucket.is_solvent(2, 0));
        bucket.take_into_debt(10);
        assert!(!bucket.is_solvent(2, 4 * SECOND));
        assert_eq!(bucket.solvent_in_us(2, 4 * SECOND), 1);
        assert!(bucket.is_solvent(2, 4 * SECOND + 1));
        assert_eq!(bucket.solvent_in_us(2, 4 * SECOND + 1), 0);
    }

    #[test]
    fn a_clock_that_steps_back_gives_nothing() {
        let mut bucket = TokenBucket::full(10, 10 * SECOND);
        assert!(bucket.try_take(10, 10 * SECOND, 10));
        assert!(!bucket.try_take(10, 0, 1));
        assert!(!bucket.try_take(10, 10 * SECOND, 1));
    }

    proptest! {
        #[test]
        fn never_passes_more_than_rate_and_burst(
            steps in prop::collection::vec((0u64..300_000, 1u64..50), 1..200),
        ) {
            let (mut bucket, mut now, mut passed) = (TokenBucket::full(100, 0), 0, 0);
            for (wait_us, count) in steps {
                now += wait_us;
                if bucket.try_take(100, now, count) {
                    passed += count;
                }
            }
            prop_assert!(passed * SECOND <= 100 * (now + SECOND));
        }
    }
}
