//! What was measured, with the keys of `anabranch bench --json`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use crate::Common;

/// As `anabranch bench`.
pub(crate) const WARM_UP: Duration = Duration::from_secs(1);

/// The part of the run that counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

impl Window {
    pub(crate) fn new(common: &Common) -> Self {
        let from = Instant::now() + WARM_UP;
        Self { from, until: from + common.span() }
    }

    pub(crate) fn counts(&self, at: Instant) -> bool {
        self.from <= at && at < self.until
    }
}

/// What one connection saw in the window.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
    pub(crate) errors: BTreeMap<String, u64>,
    /// Microseconds.
    latency: Histogram<u64>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        let latency = Histogram::new_with_bounds(1, 3_600_000_000, 3);
        let latency = latency.expect("bounds and digits that hdrhistogram accepts");
        Self { requests: 0, bytes: 0, errors: BTreeMap::new(), latency }
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        self.latency.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.bytes += other.bytes;
        for (name, count) in &other.errors {
            *self.errors.entry(name.clone()).or_default() += count;
        }
        self.latency.add(&other.latency).expect("histograms of the same bounds can be added");
    }
}

/// Processor times at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    at: Instant,
    client: Option<f64>,
    server: Option<f64>,
}

impl Usage {
    pub(crate) fn now(common: &Common) -> Self {
        Self {
            at: Instant::now(),
            client: cpu_seconds("self"),
            server: common.server_pid.and_then(|pid| cpu_seconds(&pid.to_string())),
        }
    }
}

/// The report of a run in which a request is a record.
pub(crate) fn report(tally: &Tally, before: Usage, after: Usage, common: &Common) -> Value {
    let seconds = (after.at - before.at).as_secs_f64();
    let spent = |before: Option<f64>, after: Option<f64>| Some(after? - before?);
    let server_cpu = spent(before.server, after.server);
    let millions = tally.requests as f64 / 1e6;
    let quantile = |share| tally.latency.value_at_quantile(share) as f64 / 1e3;
    let latency = (!tally.latency.is_empty()).then(|| {
        json!({
            "mean": tally.latency.mean() / 1e3,
            "p50": quantile(0.5),
            "p90": quantile(0.9),
            "p99": quantile(0.99),
            "max": tally.latency.max() as f64 / 1e3,
        })
    });
    json!({
        "seconds": seconds,
        "requests": tally.requests,
        "records": tally.requests,
        "bytes": tally.bytes,
        "requests_per_s": tally.requests as f64 / seconds,
        "records_per_s": tally.requests as f64 / seconds,
        "mib_per_s": tally.bytes as f64 / f64::from(1 << 20) / seconds,
        "errors": tally.errors,
        "latency_ms": latency,
        "client_cpu_seconds": spent(before.client, after.client),
        "server": {
            "cpu_seconds": server_cpu,
            "cpu_seconds_per_million_records": server_cpu.map(|cpu| cpu / millions),
            "peak_rss_bytes": common.server_pid.and_then(peak_rss_bytes),
        },
    })
}

/// User and system time of a process, from /proc; see `anabranch bench`.
fn cpu_seconds(process: &str) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields = after_name.split_ascii_whitespace().skip(11).take(2);
    Some(fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0)
}

fn peak_rss_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
