//! What was measured, with the keys of `anabranch bench --json`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anabranch_testkit::process;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::task::{JoinSet, LocalSet};

use crate::arguments::Common;

/// As `anabranch bench`.
const WARM_UP: Duration = Duration::from_secs(1);

/// The part of the run that counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    from: Instant,
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

    fn add(&mut self, other: &Self) {
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
struct Usage {
    at: Instant,
    client: Option<f64>,
    server: Option<f64>,
}

impl Usage {
    fn now(common: &Common) -> Self {
        Self {
            at: Instant::now(),
            client: process::cpu_seconds("self"),
            server: common.server_pid.and_then(process::cpu_seconds),
        }
    }
}

/// Runs what connections do on this thread until the window is over, and prints the report.
pub(crate) async fn measure(
    common: &Common,
    window: Window,
    connections: impl IntoIterator<Item: Future<Output = Tally> + 'static>,
) -> anyhow::Result<()> {
    let local = LocalSet::new();
    let mut running = JoinSet::new();
    for connection in connections {
        running.spawn_local_on(connection, &local);
    }
    local
        .run_until(async {
            tokio::time::sleep_until(window.from.into()).await;
            let before = Usage::now(common);
            tokio::time::sleep_until(window.until.into()).await;
            let after = Usage::now(common);
            let mut total = Tally::new();
            while let Some(tally) = running.join_next().await {
                total.add(&tally?);
            }
            println!("{}", report(&total, before, after, common));
            Ok(())
        })
        .await
}

/// The report of a run in which a request is a record.
fn report(tally: &Tally, before: Usage, after: Usage, common: &Common) -> Value {
    let seconds = (after.at - before.at).as_secs_f64();
    let spent = |before: Option<f64>, after: Option<f64>| Some(after? - before?);
    let server_cpu = spent(before.server, after.server);
    let server_memory = common.server_pid.and_then(process::memory);
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
            "peak_rss_bytes": server_memory.map(|memory| memory.peak),
        },
    })
}
