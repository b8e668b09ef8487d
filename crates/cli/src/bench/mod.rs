//! The load generator behind `anabranch bench`.
//!
//! It shares its machine with the server that it measures, so its own cost is part of the design:
//! bodies are built before the clock starts ([`bodies`]), replies are searched instead of parsed
//! ([`scan`]), workers share nothing ([`stats`]), and one thread serves all connections. What it
//! costs nevertheless is in the report ([`report`]). It works against any Kinesis endpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub(crate) mod bodies;
pub(crate) mod fanout;
pub(crate) mod load;
pub(crate) mod pace;
pub(crate) mod process;
pub(crate) mod read;
pub(crate) mod report;
pub(crate) mod scan;
pub(crate) mod stats;
pub(crate) mod tags;
pub(crate) mod wire;

use bodies::{STAMP_BYTES, Shape, Template};
use load::{Bodies, Writer};
use pace::{Pace, Window};
use read::{AtTip, Follower, Readers, Seen};
use report::{EndToEnd, Quantiles, Report, Server};
use stats::Tally;
use wire::{Session, Wire};

/// How long readers wait, after the last put, for records that were acknowledged.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// How long subscriptions are relied on; they live a minute longer.
const SUBSCRIPTION_MAX: Duration = Duration::from_secs(240);
/// How long a new stream may take to become ACTIVE, and an old one to go.
const TRANSITION_MAX: Duration = Duration::from_secs(300);

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Workload {
    /// PutRecords with full batches
    PutRecords,
    /// PutRecord, one record per request
    PutRecord,
    /// GetRecords of everything from the trim horizon on
    Get,
    /// Puts at a fixed rate while others read: the time from put to read
    EndToEnd,
    /// Puts at a fixed rate while fan-out consumers subscribe: the time from put to push
    FanOut,
    /// AddTagsToStream, on a stream for each connection: changes of the catalog
    TagStreams,
}

impl Workload {
    /// Whether records are put at a rate and looked for.
    pub(crate) fn has_readers_and_writers(self) -> bool {
        matches!(self, Workload::EndToEnd | Workload::FanOut)
    }

    fn name(self) -> &'static str {
        match self {
            Workload::PutRecords => "put-records",
            Workload::PutRecord => "put-record",
            Workload::Get => "get",
            Workload::EndToEnd => "end-to-end",
            Workload::FanOut => "fan-out",
            Workload::TagStreams => "tag-streams",
        }
    }
}

/// A run, with every default decided.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) endpoint: String,
    pub(crate) http2: bool,
    pub(crate) workload: Workload,
    pub(crate) stream: String,
    /// Shards of the stream if it has to be created; `None` if it must exist.
    pub(crate) create_shards: Option<u32>,
    pub(crate) delete_after: bool,
    pub(crate) record_bytes: usize,
    pub(crate) batch: usize,
    pub(crate) connections: usize,
    /// Requests at once on an HTTP/2 connection.
    pub(crate) streams_per_connection: usize,
    pub(crate) duration: Duration,
    pub(crate) warmup: Duration,
    /// Requests per second of an open loop; `None` is a closed loop.
    pub(crate) rate: Option<f64>,
    pub(crate) requests_max: Option<u64>,
    pub(crate) seed: u64,
    /// GetRecords' limit.
    pub(crate) read_limit: u32,
    /// Read again from the start at the tip.
    pub(crate) repeat: bool,
    pub(crate) poll_interval: Duration,
    /// Fan-out consumers, each of which subscribes to every shard.
    pub(crate) consumers: usize,
    pub(crate) server_pid: Option<u32>,
}

impl Plan {
    fn check(&self) -> anyhow::Result<()> {
        ensure!(
            !self.workload.has_readers_and_writers() || self.record_bytes >= STAMP_BYTES,
            "end-to-end and fan-out need records of at least {STAMP_BYTES} bytes"
        );
        ensure!(
            !self.workload.has_readers_and_writers() || self.rate.is_some(),
            "end-to-end and fan-out need a rate"
        );
        ensure!(
            self.workload != Workload::FanOut || self.warmup + self.duration < SUBSCRIPTION_MAX,
            "subscriptions live five minutes: warm-up and duration must be shorter than four"
        );
        ensure!(
            self.streams_per_connection == 1 || self.http2,
            "several requests at once on a connection need HTTP/2"
        );
        Ok(())
    }

    fn shape(&self) -> Shape {
        Shape {
            stream: self.stream.clone(),
            batch: (self.workload != Workload::PutRecord).then_some(self.batch),
            record_bytes: self.record_bytes,
        }
    }

    fn operation(&self) -> &'static str {
        match self.workload {
            Workload::PutRecord => "PutRecord",
            Workload::TagStreams => "AddTagsToStream",
            _ => "PutRecords",
        }
    }

    fn pace(&self, window: Window) -> Pace {
        match self.rate {
            Some(rate) => Pace::open(window, rate, self.requests_max),
            None => Pace::closed(window, self.requests_max),
        }
    }
}

/// Measures, from creating the stream to deleting it.
pub(crate) async fn run(plan: &Plan, wire: Wire) -> anyhow::Result<Report> {
    plan.check()?;
    let wire = Arc::new(wire);
    let mut control = Session::new(&wire);
    let created = ensure_stream(&mut control, &plan.stream, plan.create_shards).await?;
    let outcome = measure(plan, &wire, &mut control).await;
    if plan.delete_after && (created || outcome.is_ok()) {
        delete_stream(&mut control, &plan.stream).await?;
    }
    outcome
}

async fn measure(plan: &Plan, wire: &Arc<Wire>, control: &mut Session) -> anyhow::Result<Report> {
    let shards = list_shards(control, &plan.stream).await?;
    let mut report = blank_report(plan, wire, shards.open);
    match plan.workload {
        Workload::PutRecords | Workload::PutRecord => {
            put_only(plan, wire, &mut report).await?;
        }
        Workload::Get => read_back(plan, wire, shards.all, &mut report).await?,
        Workload::EndToEnd => end_to_end(plan, wire, shards.all, &mut report).await?,
        Workload::FanOut => fan_out(plan, wire, control, shards.all, &mut report).await?,
        Workload::TagStreams => tag_streams(plan, wire, control, &mut report).await?,
    }
    Ok(report)
}

async fn put_only(plan: &Plan, wire: &Arc<Wire>, report: &mut Report) -> anyhow::Result<()> {
    let pool = Arc::new(bodies::pool(&plan.shape(), plan.seed, wire.is_signed()));
    let workers = plan.connections * plan.streams_per_connection;
    // Workers begin at different bodies, so that they do not send the same ones at once.
    let bodies = (0..workers).map(|worker| Bodies::Pool {
        pool: Arc::clone(&pool),
        next: worker * pool.len() / workers,
    });
    write_all(plan, wire, bodies, report).await
}

/// Tags streams, one for each connection. Every change counts as a record.
async fn tag_streams(
    plan: &Plan,
    wire: &Arc<Wire>,
    control: &mut Session,
    report: &mut Report,
) -> anyhow::Result<()> {
    let streams = tags::streams(&plan.stream, plan.connections * plan.streams_per_connection);
    for stream in &streams {
        ensure_stream(control, stream, plan.create_shards).await?;
    }
    let bodies = streams.iter().map(|stream| {
        let pool = Arc::new(tags::pool(stream, wire.is_signed()));
        Bodies::Pool { pool, next: 0 }
    });
    write_all(plan, wire, bodies, report).await?;
    for stream in streams.iter().filter(|_| plan.delete_after) {
        delete_stream(control, stream).await?;
    }
    Ok(())
}

/// Writes as the plan says, a worker for each of `bodies`.
async fn write_all(
    plan: &Plan,
    wire: &Arc<Wire>,
    bodies: impl Iterator<Item = Bodies>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let sessions = connect_all(plan, wire).await?;
    let window = Window::new(plan.warmup, plan.duration);
    let pace = plan.pace(window);
    let mut workers = JoinSet::new();
    for (session, bodies) in sessions.into_iter().zip(bodies) {
        workers.spawn(writer(plan, wire, session, bodies, pace.clone(), window).run());
    }
    let (tallies, usage) = watch_run(plan, window, &mut workers).await?;
    let tally = total(&tallies);
    report.unsent = pace.unsent().await;
    report.count(&tally, usage.elapsed);
    usage.fill(plan, report);
    Ok(())
}

async fn read_back(
    plan: &Plan,
    wire: &Arc<Wire>,
    shards: Vec<String>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let assignment = assign(&shards, plan.connections);
    let window = Window::new(plan.warmup, plan.duration);
    let pace = plan.pace(window);
    let readers = readers(plan, wire, window);
    let at_tip = if plan.repeat { AtTip::StartAgain } else { AtTip::Stop };
    let mut workers = JoinSet::new();
    for shards in assignment {
        workers.spawn(readers.clone().read_back(shards, pace.clone(), at_tip));
    }
    let (tallies, usage) = watch_run(plan, window, &mut workers).await?;
    let tallies = tallies.into_iter().collect::<anyhow::Result<Vec<Tally>>>()?;
    let tally = total(&tallies);
    report.count(&tally, usage.elapsed);
    usage.fill(plan, report);
    Ok(())
}

async fn end_to_end(
    plan: &Plan,
    wire: &Arc<Wire>,
    shards: Vec<String>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let run: u32 = rand::random();
    let mut followers = Vec::new();
    // The window of the readers' own counters is not used: they count by the puts' window.
    let placeholder = Window::new(Duration::ZERO, Duration::ZERO);
    for shards in assign(&shards, plan.connections) {
        let readers = readers(plan, wire, placeholder);
        followers.push(Follower::at_tip(readers, shards, run, plan.poll_interval).await?);
    }
    put_while_read(plan, wire, run, 1, report, |reading, window, stopped, seen_now| {
        for follower in followers {
            reading.spawn(follower.run(window, stopped.clone(), Arc::clone(seen_now)));
        }
    })
    .await
}

async fn fan_out(
    plan: &Plan,
    wire: &Arc<Wire>,
    control: &mut Session,
    shards: Vec<String>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let run: u32 = rand::random();
    let consumers = fanout::register(control, &plan.stream, run, plan.consumers).await?;
    let subscribers = fanout::subscribe_all(wire, plan.http2, &consumers, &shards, run).await?;
    let copies = consumers.len() as u64;
    let measured =
        put_while_read(plan, wire, run, copies, report, |reading, window, stopped, seen_now| {
            for subscriber in subscribers {
                reading.spawn(subscriber.run(window, stopped.clone(), Arc::clone(seen_now)));
            }
        });
    measured.await?;
    fanout::deregister(control, &consumers).await
}

type Reading = JoinSet<anyhow::Result<Seen>>;

/// Puts stamped records while readers, which `read` starts, look for `copies` of each.
async fn put_while_read(
    plan: &Plan,
    wire: &Arc<Wire>,
    run: u32,
    copies: u64,
    report: &mut Report,
    read: impl FnOnce(&mut Reading, Window, &watch::Receiver<bool>, &Arc<AtomicU64>),
) -> anyhow::Result<()> {
    let template = Template::new(&plan.shape(), plan.seed);
    let sessions = connect_all(plan, wire).await?;
    let window = Window::new(plan.warmup, plan.duration);
    let (stop, stopped) = watch::channel(false);
    let seen_now = Arc::new(AtomicU64::new(0));
    let mut reading = JoinSet::new();
    read(&mut reading, window, &stopped, &seen_now);
    let pace = plan.pace(window);
    let mut workers = JoinSet::new();
    for session in sessions {
        let bodies = Bodies::Stamped { template: template.clone(), run };
        workers.spawn(writer(plan, wire, session, bodies, pace.clone(), window).run());
    }
    let (tallies, usage) = watch_run(plan, window, &mut workers).await?;
    let tally = total(&tallies);

    let drained_by = Instant::now() + DRAIN_MAX;
    let wanted = tally.records * copies;
    while seen_now.load(Ordering::Relaxed) < wanted && Instant::now() < drained_by {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.send_replace(true);
    let mut seen = Seen::new();
    while let Some(follower) = reading.join_next().await {
        seen.add(&follower.context("a reader panicked")??);
    }
    report.unsent = pace.unsent().await;
    report.count(&tally, usage.elapsed);
    usage.fill(plan, report);
    report.end_to_end = Some(EndToEnd {
        records_read: seen.records,
        records_missing: wanted.saturating_sub(seen.records),
        reads: seen.reads,
        read_errors: seen.errors.clone().into_iter().collect(),
        put_to_read_ms: Quantiles::of(&seen.put_to_read),
    });
    Ok(())
}

fn writer(
    plan: &Plan,
    wire: &Arc<Wire>,
    session: Session,
    bodies: Bodies,
    pace: Pace,
    window: Window,
) -> Writer {
    Writer {
        session,
        operation: wire.operation(plan.operation()),
        bodies,
        record_bytes: plan.record_bytes as u64,
        pace,
        window,
    }
}

fn readers(plan: &Plan, wire: &Arc<Wire>, window: Window) -> Readers {
    Readers {
        wire: Arc::clone(wire),
        operation: wire.operation("GetRecords"),
        stream: plan.stream.clone(),
        limit: plan.read_limit,
        window,
    }
}

/// One session per worker; over HTTP/2 several share a connection.
async fn connect_all(plan: &Plan, wire: &Arc<Wire>) -> anyhow::Result<Vec<Session>> {
    let mut sessions = Vec::new();
    for _ in 0..plan.connections {
        let mut session = Session::new(wire);
        session.open().await?;
        sessions.extend((1..plan.streams_per_connection).map(|_| session.share()));
        sessions.push(session);
    }
    Ok(sessions)
}

/// Which reader reads which shards: with fewer readers than shards each has several, with more
/// readers than shards a shard has several, as with several consumers.
fn assign(shards: &[String], readers: usize) -> Vec<Vec<String>> {
    let mut assignment = vec![Vec::new(); readers];
    if readers >= shards.len() {
        for (reader, shards_of_reader) in assignment.iter_mut().enumerate() {
            shards_of_reader.extend(shards.get(reader % shards.len().max(1)).cloned());
        }
    } else {
        for (number, shard) in shards.iter().enumerate() {
            assignment[number % readers].push(shard.clone());
        }
    }
    assignment
}

fn total(tallies: &[Tally]) -> Tally {
    let mut total = Tally::new();
    tallies.iter().for_each(|tally| total.add(tally));
    total
}

/// Processor time and length of the measured window.
#[derive(Debug)]
struct Usage {
    elapsed: Duration,
    client_cpu: Option<f64>,
    server_cpu: Option<f64>,
}

impl Usage {
    fn fill(&self, plan: &Plan, report: &mut Report) {
        report.client_cpu_seconds = self.client_cpu;
        report.server = plan.server_pid.map(|pid| {
            let millions = report.records as f64 / 1e6;
            let per_million = self.server_cpu.filter(|_| millions > 0.0).map(|cpu| cpu / millions);
            Server {
                cpu_seconds: self.server_cpu,
                cpu_seconds_per_million_records: per_million,
                peak_rss_bytes: process::peak_rss_bytes(pid),
            }
        });
    }
}

/// Waits for the workers while it notes processor times at both ends of the window.
async fn watch_run<T: 'static>(
    plan: &Plan,
    window: Window,
    workers: &mut JoinSet<T>,
) -> anyhow::Result<(Vec<T>, Usage)> {
    let own_pid = std::process::id();
    let cpu = || (process::cpu_seconds(own_pid), plan.server_pid.and_then(process::cpu_seconds));
    tokio::time::sleep_until(window.from.into()).await;
    let before = cpu();

    let mut results = Vec::new();
    let mut at_end = None;
    let end = tokio::time::sleep_until(window.until.into());
    tokio::pin!(end);
    while !workers.is_empty() {
        tokio::select! {
            () = &mut end, if at_end.is_none() => at_end = Some((Instant::now(), cpu())),
            Some(result) = workers.join_next() => {
                results.push(result.context("a worker panicked")?);
            }
        }
    }
    // Work that ran out before the window did ends it.
    let (ended, after) = at_end.unwrap_or_else(|| (Instant::now(), cpu()));
    let spent = |before: Option<f64>, after: Option<f64>| Some(after? - before?);
    let usage = Usage {
        elapsed: ended.min(window.until).saturating_duration_since(window.from),
        client_cpu: spent(before.0, after.0),
        server_cpu: spent(before.1, after.1),
    };
    Ok((results, usage))
}

fn blank_report(plan: &Plan, wire: &Wire, open_shards: usize) -> Report {
    Report {
        workload: plan.workload.name(),
        endpoint: plan.endpoint.clone(),
        stream: plan.stream.clone(),
        open_shards,
        connections: plan.connections,
        http2: plan.http2,
        signed: wire.is_signed(),
        record_bytes: plan.record_bytes,
        batch: plan.batch,
        rate: plan.rate,
        ..Report::default()
    }
}

/// The shards of the stream: the ones that can be read, and how many can be written.
#[derive(Debug)]
struct Shards {
    all: Vec<String>,
    open: usize,
}

async fn list_shards(control: &mut Session, stream: &str) -> anyhow::Result<Shards> {
    let mut shards = Shards { all: Vec::new(), open: 0 };
    let mut input = json!({ "StreamName": stream });
    loop {
        let reply = control.call("ListShards", &input).await??;
        for shard in reply["Shards"].as_array().context("ListShards gave no list")? {
            let id = shard["ShardId"].as_str().context("ListShards gave no id")?;
            shards.all.push(id.to_owned());
            if shard["SequenceNumberRange"]["EndingSequenceNumber"].is_null() {
                shards.open += 1;
            }
        }
        match &reply["NextToken"] {
            Value::String(token) => input = json!({ "NextToken": token }),
            _ => return Ok(shards),
        }
    }
}

/// Makes sure that the stream is there and ACTIVE; tells whether it was created.
async fn ensure_stream(
    control: &mut Session,
    name: &str,
    create_shards: Option<u32>,
) -> anyhow::Result<bool> {
    let mut created = false;
    let deadline = Instant::now() + TRANSITION_MAX;
    loop {
        match stream_status(control, name).await? {
            Some(status) if status == "ACTIVE" => return Ok(created),
            Some(_) => {}
            None if created => {}
            None => {
                let Some(shards) = create_shards else {
                    bail!("no such stream; --shards N creates it stream={name}");
                };
                let input = json!({ "StreamName": name, "ShardCount": shards });
                control.call("CreateStream", &input).await??;
                created = true;
            }
        }
        ensure!(Instant::now() < deadline, "the stream does not become ACTIVE");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn delete_stream(control: &mut Session, name: &str) -> anyhow::Result<()> {
    let input = json!({ "StreamName": name, "EnforceConsumerDeletion": true });
    control.call("DeleteStream", &input).await??;
    let deadline = Instant::now() + TRANSITION_MAX;
    while stream_status(control, name).await?.is_some() {
        ensure!(Instant::now() < deadline, "the stream is still being deleted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

/// The status of a stream, `None` if there is no such stream.
async fn stream_status(control: &mut Session, name: &str) -> anyhow::Result<Option<String>> {
    let input = json!({ "StreamName": name });
    match control.call("DescribeStreamSummary", &input).await? {
        Ok(reply) => {
            let status = reply["StreamDescriptionSummary"]["StreamStatus"].as_str();
            Ok(Some(status.context("DescribeStreamSummary gave no status")?.to_owned()))
        }
        Err(error) if error.code == "ResourceNotFoundException" => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
