//! More load than a server can take: what it does with the rest.
//!
//! First a few connections in closed loop find what the server sustains. Then requests come at a
//! multiple of that rate, whether or not earlier ones are answered (open loop), over many
//! connections. Reported are the throughput beside what was sustained, the latency of admitted and
//! of refused requests, what the refused ones were told, the server's memory over time, and how
//! long the health endpoint takes. The client shares the machine: its requests are built before the
//! clock starts, and it looks for success in a reply by searching bytes.

mod client;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anabranch_testkit::TestServer;
use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use client::{Connection, Outcome, Requests};
use watch::{Watch, Watched};

/// How often the open loop lets requests start.
const TICK: Duration = Duration::from_millis(2);
/// Throughput is also told for spans of this length.
const BUCKET: Duration = Duration::from_secs(10);

/// Offers a server more than it can take, and tells what it does.
#[derive(Debug, Parser)]
#[command(name = "overload")]
struct Arguments {
    /// How long too much is offered
    #[arg(long, value_name = "N", default_value_t = 5.0)]
    minutes: f64,
    /// How many times what is sustained is offered
    #[arg(long, value_name = "N", default_value_t = 4.0)]
    factor: f64,
    /// How long what is sustained is measured
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    sustained_seconds: u64,
    /// Connections that find what is sustained
    #[arg(long, value_name = "N", default_value_t = 16)]
    sustained_connections: usize,
    /// Connections of the overload: as many requests can wait for an answer
    #[arg(long, value_name = "N", default_value_t = 2048)]
    connections: usize,
    /// Records of a request
    #[arg(long, value_name = "N", default_value_t = 500)]
    batch: usize,
    /// Data of a record
    #[arg(long, value_name = "BYTES", default_value_t = 1024)]
    record_bytes: usize,
    /// Shards of the stream
    #[arg(long, value_name = "N", default_value_t = 16)]
    shards: u32,
    /// The server's limits: `aws` to see what is throttled by shard, `off` to see what the machine takes
    #[arg(long, value_name = "PRESET", default_value = "off")]
    limits: String,
    /// Further flags of the server, separated by spaces
    #[arg(long, value_name = "FLAGS", default_value = "", allow_hyphen_values = true)]
    server_flags: String,
    /// Where the server has its data: it decides which disk is used
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// What the requests of a span came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Records that were stored.
    records: u64,
    /// By [`BUCKET`], when their requests were answered.
    buckets: Vec<u64>,
    /// Requests that were sent.
    sent: u64,
    /// Microseconds of requests that were stored whole, and of the others.
    admitted_us: Vec<u32>,
    refused_us: Vec<u32>,
    /// Refused records by what was said.
    refused: BTreeMap<String, u64>,
}

impl Tally {
    pub(crate) fn add(&mut self, at: Duration, took: Duration, records: u64, outcome: Outcome) {
        let took_us = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        self.sent += 1;
        let stored = match outcome {
            Outcome::Stored { failed: 0, .. } => records,
            Outcome::Stored { failed, code } => {
                *self.refused.entry(format!("200, {code}")).or_default() += failed;
                records - failed
            }
            Outcome::Refused { status, code } => {
                *self.refused.entry(format!("{status}, {code}")).or_default() += records;
                0
            }
            Outcome::Broken(why) => {
                *self.refused.entry(format!("no answer, {why}")).or_default() += records;
                0
            }
        };
        match stored == records {
            true => self.admitted_us.push(took_us),
            false => self.refused_us.push(took_us),
        }
        self.records += stored;
        let bucket = (at.as_secs_f64() / BUCKET.as_secs_f64()) as usize;
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += stored;
    }

    fn merge(&mut self, other: Self) {
        self.records += other.records;
        self.sent += other.sent;
        self.admitted_us.extend(other.admitted_us);
        self.refused_us.extend(other.refused_us);
        for (code, count) in other.refused {
            *self.refused.entry(code).or_default() += count;
        }
        let buckets = self.buckets.len().max(other.buckets.len());
        self.buckets.resize(buckets, 0);
        self.buckets.iter_mut().zip(other.buckets).for_each(|(sum, one)| *sum += one);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Some(directory) = &arguments.data_dir {
        std::fs::create_dir_all(directory)?;
    }
    let admin = free_address()?;
    let mut flags =
        vec!["--limits", &arguments.limits, "--transition-ms", "0", "--admin-listen", &admin];
    flags.extend(arguments.server_flags.split_whitespace());
    let server = match &arguments.data_dir {
        Some(directory) => TestServer::start_below(directory, flags).await?,
        None => TestServer::start_with(flags).await?,
    };
    let address = server.endpoint().strip_prefix("http://").context("not http")?.to_owned();
    let pid = server.pid().context("the server has ended")?;
    let requests = Arc::new(Requests::new(arguments.batch, arguments.record_bytes));
    create_stream(&address, arguments.shards).await?;

    let span = Duration::from_secs(arguments.sustained_seconds);
    let watch = Watch::start(admin.clone(), pid);
    let connections = arguments.sustained_connections;
    let warm = Duration::from_secs(3);
    run(&address, &requests, connections, warm, Pace::Closed).await?;
    let sustained = run(&address, &requests, connections, span, Pace::Closed).await?;
    let watched = watch.stop()?;
    let peak = sustained.records as f64 / span.as_secs_f64();
    println!("sustained by {connections} connections, closed loop, {} s:", span.as_secs());
    print(&sustained, span, None, &watched);
    ensure!(peak > 0.0, "nothing was stored");

    let span = Duration::from_secs_f64(arguments.minutes * 60.0);
    let rate = peak * arguments.factor / arguments.batch as f64;
    let connections = arguments.connections;
    println!(
        "\n{} times as much offered, {rate:.0} requests/s, over {connections} connections, open \
         loop, {:.0} s:",
        arguments.factor,
        span.as_secs_f64()
    );
    let watch = Watch::start(admin.clone(), pid);
    let overload = run(&address, &requests, connections, span, Pace::Open(rate)).await?;
    let watched = watch.stop()?;
    print(&overload, span, Some((peak, rate)), &watched);
    Ok(())
}

/// An address for the listener that is asked for health: clients do not have its places.
fn free_address() -> Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

async fn create_stream(address: &str, shards: u32) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    let body = format!(r#"{{"StreamName":"overload","ShardCount":{shards}}}"#);
    let request = client::request("CreateStream", body.as_bytes());
    match connection.exchange(&request).await? {
        Outcome::Stored { .. } => Ok(()),
        other => bail!("CreateStream was answered with {other:?}"),
    }
}

/// When requests start.
#[derive(Clone, Copy, Debug)]
enum Pace {
    /// As soon as the connection's last one is answered.
    Closed,
    /// So many a second.
    Open(f64),
}

async fn run(
    address: &str,
    requests: &Arc<Requests>,
    connections: usize,
    span: Duration,
    pace: Pace,
) -> Result<Tally> {
    let due = Arc::new(Semaphore::new(match pace {
        Pace::Closed => Semaphore::MAX_PERMITS / 2,
        Pace::Open(_) => 0,
    }));
    let begun = Instant::now();
    let until = begun + span;
    let mut workers = JoinSet::new();
    for number in 0..connections {
        let (address, requests, due) = (address.to_owned(), requests.clone(), due.clone());
        workers.spawn(async move { work(&address, &requests, number, &due, begun, until).await });
    }
    match pace {
        Pace::Closed => tokio::time::sleep_until(until.into()).await,
        Pace::Open(rate) => offer(&due, rate, begun, until).await,
    }
    due.close();
    let mut total = Tally::default();
    while let Some(tally) = workers.join_next().await {
        total.merge(tally??);
    }
    Ok(total)
}

/// Lets requests start at a rate. What finds no free connection does not wait for one: it is turned
/// away.
async fn offer(due: &Semaphore, rate: f64, begun: Instant, until: Instant) {
    let mut offered = 0;
    while Instant::now() < until {
        tokio::time::sleep(TICK).await;
        let wanted = (begun.elapsed().as_secs_f64() * rate) as usize;
        due.forget_permits(due.available_permits());
        due.add_permits(wanted - offered);
        offered = wanted;
    }
}

async fn work(
    address: &str,
    requests: &Requests,
    number: usize,
    due: &Semaphore,
    begun: Instant,
    until: Instant,
) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut connection = None;
    let mut next = number;
    while Instant::now() < until {
        let Ok(permit) = due.acquire().await else { break };
        permit.forget();
        let started = Instant::now();
        let request = requests.nth(next);
        next += 1;
        let outcome = async {
            let connection = match &mut connection {
                Some(connection) => connection,
                none => none.insert(Connection::open(address).await?),
            };
            connection.exchange(request).await
        };
        let outcome = outcome.await.unwrap_or_else(|error| Outcome::Broken(error.to_string()));
        if matches!(outcome, Outcome::Broken(_)) {
            connection = None;
        }
        let (ended, records) = (Instant::now(), requests.records as u64);
        // What comes after the end was not offered in the span.
        if ended < until {
            tally.add(ended - begun, ended - started, records, outcome);
        }
    }
    Ok(tally)
}

fn print(tally: &Tally, span: Duration, beside: Option<(f64, f64)>, watched: &Watched) {
    let per_s = tally.records as f64 / span.as_secs_f64();
    let records: u64 = tally.records + tally.refused.values().sum::<u64>();
    match beside {
        None => println!("  stored            {per_s:.0} records/s"),
        Some((peak, rate)) => {
            println!(
                "  stored            {per_s:.0} records/s, {:.2} of what is sustained",
                per_s / peak
            );
            let whole = (span.as_secs_f64() / BUCKET.as_secs_f64()) as usize;
            let lowest = tally.buckets.iter().take(whole).min().copied().unwrap_or(0);
            let lowest = lowest as f64 / BUCKET.as_secs_f64() / peak;
            println!("    lowest 10 s     {lowest:.2}");
            let sent = tally.sent as f64 / span.as_secs_f64();
            println!(
                "  sent and answered {sent:.0} requests/s, {:.2} of what was offered",
                sent / rate
            );
        }
    }
    println!("  admitted          {}", quantiles(&tally.admitted_us));
    println!("  refused           {}", quantiles(&tally.refused_us));
    for (code, count) in &tally.refused {
        let share = 100.0 * *count as f64 / records as f64;
        println!("    {count:>10} records ({share:.1} %): {code}");
    }
    println!("  health            {}", quantiles(&watched.health_us));
    println!("    failed          {}", watched.health_failed);
    let mib = |bytes: u64| bytes >> 20;
    let parts: Vec<String> = watched
        .memory
        .chunks(watched.memory.len().div_ceil(10).max(1))
        .filter_map(|part| Some(mib(*part.iter().max()?).to_string()))
        .collect();
    println!("  resident, MiB     {} (highest of each tenth)", parts.join(" "));
}

fn quantiles(us: &[u32]) -> String {
    let mut sorted = us.to_vec();
    sorted.sort_unstable();
    let at = |quantile: f64| {
        let place = ((sorted.len() as f64 * quantile) as usize).min(sorted.len() - 1);
        f64::from(sorted[place]) / 1e3
    };
    match sorted.len() {
        0 => "none".to_owned(),
        count => {
            format!("{count}: p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms", at(0.5), at(0.99), at(1.0))
        }
    }
}
