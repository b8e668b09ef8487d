//! What a run found, for people and for machines.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::bench::stats::{Latency, Tally};

/// The result of a run. Field names are the keys of `--json` and are not changed lightly.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    pub(crate) workload: &'static str,
    pub(crate) endpoint: String,
    pub(crate) stream: String,
    pub(crate) open_shards: usize,
    pub(crate) connections: usize,
    pub(crate) http2: bool,
    pub(crate) signed: bool,
    pub(crate) record_bytes: usize,
    pub(crate) batch: usize,
    /// Intended requests per second of an open loop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rate: Option<f64>,
    pub(crate) seconds: f64,
    pub(crate) requests: u64,
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) requests_per_s: f64,
    pub(crate) records_per_s: f64,
    pub(crate) mib_per_s: f64,
    pub(crate) throttled_records: u64,
    pub(crate) errors: BTreeMap<String, u64>,
    /// Requests of the open loop that were due in the window but never started.
    pub(crate) unsent: u64,
    pub(crate) latency_ms: Option<Quantiles>,
    pub(crate) service_time_ms: Option<Quantiles>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_to_end: Option<EndToEnd>,
    pub(crate) client_cpu_seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<Server>,
}

/// A latency distribution in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Quantiles {
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

/// From put to read.
#[derive(Debug, Serialize)]
pub(crate) struct EndToEnd {
    pub(crate) records_read: u64,
    /// Acknowledged but not read before the readers gave up.
    pub(crate) records_missing: u64,
    pub(crate) reads: u64,
    pub(crate) read_errors: BTreeMap<String, u64>,
    pub(crate) put_to_read_ms: Option<Quantiles>,
}

/// The server's process during the window.
#[derive(Debug, Serialize)]
pub(crate) struct Server {
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) cpu_seconds_per_million_records: Option<f64>,
    /// Since the process started, not only in the window.
    pub(crate) peak_rss_bytes: Option<u64>,
}

impl Quantiles {
    /// `None` if nothing was recorded.
    pub(crate) fn of(latency: &Latency) -> Option<Self> {
        (latency.count() > 0).then(|| Quantiles {
            mean: latency.mean_ms(),
            p50: latency.quantile_ms(0.5),
            p90: latency.quantile_ms(0.9),
            p99: latency.quantile_ms(0.99),
            p999: latency.quantile_ms(0.999),
            max: latency.max_ms(),
        })
    }

    fn line(&self) -> String {
        format!(
            "p50 {:.3}  p90 {:.3}  p99 {:.3}  p99.9 {:.3}  max {:.3}  mean {:.3} ms",
            self.p50, self.p90, self.p99, self.p999, self.max, self.mean
        )
    }
}

impl Report {
    /// Fills in what the tally and the length of the window say.
    pub(crate) fn count(&mut self, tally: &Tally, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        let per_second = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        self.seconds = seconds;
        self.requests = tally.requests;
        self.records = tally.records;
        self.bytes = tally.bytes;
        self.requests_per_s = per_second(tally.requests);
        self.records_per_s = per_second(tally.records);
        self.mib_per_s = per_second(tally.bytes) / f64::from(1 << 20);
        self.throttled_records = tally.throttled_records;
        self.errors = tally.errors.clone();
        self.latency_ms = Quantiles::of(&tally.latency);
        self.service_time_ms = Quantiles::of(&tally.service_time);
    }

    pub(crate) fn to_text(&self) -> String {
        let protocol = if self.http2 { "HTTP/2" } else { "HTTP/1.1" };
        let signed = if self.signed { "signed" } else { "unsigned" };
        let mut lines = vec![
            format!(
                "{} on {} ({}, {} shards), {} connections, {protocol}, {signed}",
                self.workload, self.endpoint, self.stream, self.open_shards, self.connections
            ),
            format!(
                "{:<12} {:.2} s{}",
                "window",
                self.seconds,
                self.rate.map_or_else(String::new, |rate| format!(", open loop at {rate}/s"))
            ),
            format!("{:<12} {} ({:.1}/s)", "requests", self.requests, self.requests_per_s),
            format!("{:<12} {} ({:.1}/s)", "records", self.records, self.records_per_s),
            format!("{:<12} {:.2} MiB/s", "data", self.mib_per_s),
        ];
        let label = if self.rate.is_some() { "from due" } else { "latency" };
        if let Some(quantiles) = &self.latency_ms {
            lines.push(format!("{label:<12} {}", quantiles.line()));
        }
        if let (Some(_), Some(quantiles)) = (self.rate, &self.service_time_ms) {
            lines.push(format!("{:<12} {}", "from sent", quantiles.line()));
        }
        if self.unsent > 0 {
            lines.push(format!(
                "{:<12} {} requests were due but never sent: the rate is too high for so many \
                 connections, and latencies are a lower bound",
                "unsent", self.unsent
            ));
        }
        if let Some(end_to_end) = &self.end_to_end {
            lines.extend(end_to_end.lines());
        }
        if self.throttled_records > 0 {
            lines.push(format!("{:<12} {} records", "throttled", self.throttled_records));
        }
        lines.extend(self.errors.iter().map(|(name, n)| format!("{:<12} {n} {name}", "error")));
        if let Some(cpu) = self.client_cpu_seconds {
            lines.push(format!("{:<12} {cpu:.2} s of CPU", "this client"));
        }
        if let Some(server) = &self.server {
            lines.push(server.line());
        }
        lines.join("\n") + "\n"
    }
}

impl EndToEnd {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!(
            "{:<12} {} records in {} calls, {} missing",
            "read", self.records_read, self.reads, self.records_missing
        )];
        if let Some(quantiles) = &self.put_to_read_ms {
            lines.push(format!("{:<12} {}", "put to read", quantiles.line()));
        }
        for (name, count) in &self.read_errors {
            lines.push(format!("{:<12} {count} {name}", "read error"));
        }
        lines
    }
}

impl Server {
    fn line(&self) -> String {
        let mut parts = Vec::new();
        if let Some(cpu) = self.cpu_seconds {
            parts.push(format!("{cpu:.2} s of CPU"));
        }
        if let Some(cpu) = self.cpu_seconds_per_million_records {
            parts.push(format!("{cpu:.3} s per million records"));
        }
        if let Some(peak) = self.peak_rss_bytes {
            parts.push(format!("peak memory {:.1} MiB", peak as f64 / f64::from(1 << 20)));
        }
        if parts.is_empty() {
            parts.push("no such process, or not Linux".to_owned());
        }
        format!("{:<12} {}", "server", parts.join(", "))
    }
}

#[cfg(test)]
pub(crate) fn sample() -> Report {
    Report {
        workload: "put-records",
        endpoint: "http://127.0.0.1:4567".to_owned(),
        stream: "load".to_owned(),
        open_shards: 4,
        connections: 2,
        http2: false,
        signed: false,
        record_bytes: 1024,
        batch: 500,
        client_cpu_seconds: Some(0.5),
        ..Report::default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn computes_rates_over_the_window() {
        let mut tally = Tally::new();
        tally.requests = 10;
        tally.records = 5_000;
        tally.bytes = 5_000 * 1024;
        tally.throttled_records = 3;
        tally.errors("record: X", 3);
        tally.latency.record(Duration::from_millis(4));
        let mut report = sample();
        report.count(&tally, Duration::from_secs(2));
        report.server = Some(Server {
            cpu_seconds: Some(1.0),
            cpu_seconds_per_million_records: Some(200.0),
            peak_rss_bytes: Some(3 << 20),
        });
        assert_eq!(report.records_per_s, 2_500.0);
        let text = report.to_text();
        for expected in [
            "records      5000 (2500.0/s)",
            "data         2.44 MiB/s",
            "latency      p50 4.0",
            "throttled    3 records",
            "error        3 record: X",
            "this client  0.50 s of CPU",
            "server       1.00 s of CPU, 200.000 s per million records, peak memory 3.0 MiB",
        ] {
            assert!(text.contains(expected), "{expected:?} is missing in\n{text}");
        }
    }

    #[test]
    fn machine_output_has_stable_names() {
        let value = serde_json::to_value(sample()).unwrap();
        for key in ["records_per_s", "latency_ms", "errors", "client_cpu_seconds", "unsent"] {
            assert!(value.get(key).is_some(), "{key}");
        }
        assert!(value.get("end_to_end").is_none());
    }

    #[test]
    fn an_empty_window_divides_by_nothing() {
        let mut report = sample();
        report.count(&Tally::new(), Duration::ZERO);
        assert_eq!(report.requests_per_s, 0.0);
        assert!(!report.to_text().contains("latency"));
    }
}
