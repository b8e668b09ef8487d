//! Counters and latencies. Each worker has its own and they are added at the end, so that
//! workers share nothing while they are measured.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

/// Latencies in microseconds, exact to three significant digits from 1 µs to an hour.
#[derive(Debug, Clone)]
pub(crate) struct Latency(Histogram<u64>);

impl Latency {
    pub(crate) fn new() -> Self {
        let hour_us = 3_600_000_000;
        let histogram = Histogram::new_with_bounds(1, hour_us, 3);
        Latency(histogram.expect("bounds and digits are constants that hdrhistogram accepts"))
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn add(&mut self, other: &Latency) {
        // Both have the same bounds, the one condition of adding.
        self.0.add(&other.0).expect("histograms of the same bounds can be added");
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    pub(crate) fn quantile_ms(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1_000.0
    }

    pub(crate) fn max_ms(&self) -> f64 {
        self.0.max() as f64 / 1_000.0
    }

    pub(crate) fn mean_ms(&self) -> f64 {
        self.0.mean() / 1_000.0
    }
}

/// What one worker saw inside the measured window.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    /// Requests that were answered with status 200.
    pub(crate) requests: u64,
    /// Records that were written or read.
    pub(crate) records: u64,
    /// Their data, before base64.
    pub(crate) bytes: u64,
    /// Records and requests refused for throughput.
    pub(crate) throttled_records: u64,
    /// Failures by name: error codes of the service, transport failures.
    pub(crate) errors: BTreeMap<String, u64>,
    /// From the intended start, in open loop, else from the start, to the end of the reply.
    pub(crate) latency: Latency,
    /// From the actual start to the end of the reply.
    pub(crate) service_time: Latency,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Tally {
            requests: 0,
            records: 0,
            bytes: 0,
            throttled_records: 0,
            errors: BTreeMap::new(),
            latency: Latency::new(),
            service_time: Latency::new(),
        }
    }

    pub(crate) fn error(&mut self, name: &str) {
        self.errors(name, 1);
    }

    pub(crate) fn errors(&mut self, name: &str, count: u64) {
        match self.errors.get_mut(name) {
            Some(total) => *total += count,
            None => {
                self.errors.insert(name.to_owned(), count);
            }
        }
    }

    pub(crate) fn add(&mut self, other: &Tally) {
        self.requests += other.requests;
        self.records += other.records;
        self.bytes += other.bytes;
        self.throttled_records += other.throttled_records;
        for (name, count) in &other.errors {
            self.errors(name, *count);
        }
        self.latency.add(&other.latency);
        self.service_time.add(&other.service_time);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn adds_up() {
        let mut total = Tally::new();
        for worker in 1..=2u64 {
            let mut tally = Tally::new();
            tally.requests = worker;
            tally.error("timeout");
            tally.latency.record(Duration::from_millis(worker));
            total.add(&tally);
        }
        assert_eq!(total.requests, 3);
        assert_eq!(total.errors["timeout"], 2);
        assert_eq!(total.latency.count(), 2);
        assert!((total.latency.max_ms() - 2.0).abs() < 0.01);
        assert!((total.latency.quantile_ms(0.5) - 1.0).abs() < 0.01);
    }

    #[test]
    fn a_latency_beyond_the_bounds_counts_as_the_bound() {
        let mut latency = Latency::new();
        latency.record(Duration::from_secs(100_000));
        assert!(latency.max_ms() >= 3_500_000.0);
    }
}
