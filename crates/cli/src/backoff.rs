//! How long to wait before trying again.

use std::time::Duration;

/// The pause after a failed attempt: doubling from 100 ms to 5 s, between half and all of it by
/// `jitter` in 0..1, so that throttled clients do not return together.
pub(crate) fn backoff(attempt: u32, jitter: f64) -> Duration {
    let full_ms = 100u64.saturating_mul(1 << attempt.saturating_sub(1).min(10)).min(5_000);
    Duration::from_millis(full_ms).mul_f64(0.5 + jitter / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backs_off_within_bounds() {
        assert_eq!(backoff(1, 0.0), Duration::from_millis(50));
        assert_eq!(backoff(1, 1.0), Duration::from_millis(100));
        assert_eq!(backoff(3, 1.0), Duration::from_millis(400));
        assert_eq!(backoff(60, 1.0), Duration::from_secs(5));
    }
}
