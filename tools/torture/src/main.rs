//! Kills a real server again and again, under load, and checks that nothing acknowledged is lost.
//!
//! Producers, consumers and changes of the streams go on while the server is killed and started
//! again on the same directory, with signed requests over real sockets. What must be true then is
//! in [`truth`] and [`topology`], which are pure and have tests of their own; everything else here
//! only makes things happen and tells them. The seed decides what is done, not when: a run cannot
//! be repeated exactly.

mod auditor;
mod chaos;
mod consumer;
mod entrusted;
mod harness;
mod history;
mod library;
mod payload;
mod place;
mod problem;
mod producer;
mod relay;
mod report;
mod server;
mod supervisor;
mod topology;
mod truth;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anabranch_testkit::Port;
use anabranch_testkit::pattern::mix;
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::client::Waiters;
use aws_sdk_kinesis::types::{ConsumerStatus, StreamStatus};
use clap::Parser;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use consumer::Way;
use harness::{Failure, Harness, Phase, Sample, Stream};
use producer::Producer;
use server::Setup;
use supervisor::Supervisor;

/// How long readers may take to read the rest.
const DRAIN_MAX: Duration = Duration::from_secs(180);
/// How long tasks may take to end.
const END_MAX: Duration = Duration::from_secs(90);
/// Shards that are read again at once.
const AUDITS_AT_ONCE: usize = 4;
const SHARDS: i32 = 4;

/// Kills a server under load and checks what it has acknowledged.
#[derive(Debug, Parser)]
#[command(name = "torture")]
pub(crate) struct Arguments {
    /// How long the server is killed; reading everything again comes on top
    #[arg(long, value_name = "N", default_value_t = 2.0)]
    minutes: f64,
    /// Seed of all random choices [default: a new one]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where runs have their directories: it decides which disk is used
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The server
    #[arg(long, value_name = "FILE", env = "ANABRANCH_BIN")]
    server: PathBuf,
    /// Producers of each stream; every second one is the producer library
    #[arg(long, value_name = "N", default_value_t = 4)]
    producers: u16,
    /// Streams
    #[arg(long, value_name = "N", default_value_t = 2)]
    streams: u16,
    /// MiB per second of all producers, at most
    #[arg(long, value_name = "N", default_value_t = 4.0)]
    mib_per_second: f64,
    /// Of the server: small, so that there are many
    #[arg(long, value_name = "SIZE", default_value = "16MiB")]
    journal_file_bytes: String,
    /// Of the server: small, so that reads come from the disk
    #[arg(long, value_name = "SIZE", default_value = "32MiB")]
    tail_cache_bytes: String,
    /// Of the server: what a shard takes in a second before it throttles; 0 for everything
    #[arg(long, value_name = "SIZE", default_value = "1MiB")]
    shard_write_bytes: String,
    /// Keep the data when all is well, too
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let directory = arguments.data_dir.join(format!("run-{seed}"));
    let setup = Setup {
        binary: arguments.server.clone(),
        directory: directory.clone(),
        journal_file_bytes: arguments.journal_file_bytes.clone(),
        tail_cache_bytes: arguments.tail_cache_bytes.clone(),
        shard_write_bytes: arguments.shard_write_bytes.clone(),
    };
    println!("torture: seed {seed}, directory {}", directory.display());
    match torture(&arguments, seed, &setup).await {
        Ok(()) if arguments.keep => ExitCode::SUCCESS,
        Ok(()) => {
            // Left-overs cost space and harm nothing.
            let _ = std::fs::remove_dir_all(&directory);
            ExitCode::SUCCESS
        }
        Err(error) => {
            report::failure(&error, seed, &setup);
            ExitCode::FAILURE
        }
    }
}

async fn torture(arguments: &Arguments, seed: u64, setup: &Setup) -> Result<()> {
    ensure!(!setup.directory.exists(), "{} is there already", setup.directory.display());
    std::fs::create_dir_all(&setup.directory)
        .with_context(|| format!("cannot create {}", setup.directory.display()))?;
    setup.add_credentials().await?;

    let port = Port::bind().await?;
    let (place, server) = watch::channel(None);
    let (phase, phases) = watch::channel(Phase::Torture);
    let stream = |number: u16| Stream {
        name: format!("torture-{number}"),
        truth: Mutex::default(),
        topology: Mutex::default(),
        sample: Mutex::new(Sample::new(mix(seed ^ u64::from(number)))),
    };
    let harness = Arc::new(Harness {
        seed,
        streams: (0..arguments.streams).map(stream).collect(),
        server,
        phase: phases,
        relay: port.address(),
        resharding: Notify::new(),
        counters: harness::Counters::default(),
    });
    let mut supervisor = Supervisor::new(setup.clone(), place, harness.rng("kill", 0));
    let running = supervisor.start().await?;
    let mut tasks = JoinSet::new();
    for stream in 0..harness.streams.len() {
        let consumer = create(&running.client, &harness.streams[stream].name).await?;
        begin(&mut tasks, &harness, stream, &consumer, arguments);
    }
    tasks.spawn(relay::relay(harness.clone(), port));
    tasks.spawn(report::progress(harness.clone(), supervisor.lives.subscribe()));

    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(arguments.minutes * 60.0);
    guard(&mut tasks, supervisor.torture(&harness, until)).await?;
    phase.send_replace(Phase::Draining);
    guard(&mut tasks, drain(&harness, &mut supervisor)).await?;
    phase.send_replace(Phase::Over);
    tokio::time::timeout(END_MAX, all(&mut tasks)).await.context("tasks do not end")??;
    let tortured = begun.elapsed();

    println!("torture: reading everything again");
    let audit = audit(&harness);
    tokio::select! {
        outcome = audit => outcome?,
        error = supervisor.ended() => return Err(error),
    }
    for stream in &harness.streams {
        stream.truth().finish().with_context(|| format!("stream {}", stream.name))?;
    }
    supervisor.stop().await?;
    setup.inspect().await?;
    let lives = supervisor.lives.borrow().clone();
    report::summary(&harness, &lives, tortured, begun.elapsed() - tortured, setup);
    Ok(())
}

/// Makes a stream with a fan-out consumer; its ARN.
async fn create(client: &Client, name: &str) -> Result<Arc<str>> {
    client.create_stream().stream_name(name).shard_count(SHARDS).send().await?;
    client.wait_until_stream_exists().stream_name(name).wait(END_MAX).await?;
    let described = client.describe_stream_summary().stream_name(name).send().await?;
    let summary = described.stream_description_summary().context("no summary")?;
    let register = client.register_stream_consumer().stream_arn(summary.stream_arn());
    let registered = register.consumer_name("pushed").send().await?;
    let arn = registered.consumer().context("no consumer")?.consumer_arn().to_owned();
    loop {
        let described = client.describe_stream_consumer().consumer_arn(&arn).send().await?;
        let consumer = described.consumer_description().context("no consumer")?;
        if consumer.consumer_status() == &ConsumerStatus::Active {
            return Ok(arn.into());
        }
    }
}

/// Starts everybody who has to do with a stream.
fn begin(
    tasks: &mut JoinSet<Result<()>>,
    harness: &Arc<Harness>,
    stream: usize,
    consumer: &Arc<str>,
    arguments: &Arguments,
) {
    let producers = f64::from(arguments.producers) * f64::from(arguments.streams);
    let pace = arguments.mib_per_second * f64::from(1 << 20) / producers;
    for number in 0..arguments.producers {
        tasks.spawn(Producer::new(harness.clone(), stream, number, pace).run());
    }
    tasks.spawn(consumer::consume(harness.clone(), stream, Way::Poll));
    tasks.spawn(consumer::consume(harness.clone(), stream, Way::FanOut(consumer.clone())));
    tasks.spawn(chaos::change(harness.clone(), stream));
    tasks.spawn(auditor::audit(harness.clone(), stream));
    tasks.spawn(auditor::probe(harness.clone(), stream));
}

/// Does something as long as no task fails.
async fn guard(
    tasks: &mut JoinSet<Result<()>>,
    work: impl Future<Output = Result<()>>,
) -> Result<()> {
    tokio::pin!(work);
    loop {
        tokio::select! {
            outcome = &mut work => return outcome,
            Some(task) = tasks.join_next() => task.context("a task panicked")??,
        }
    }
}

async fn all(tasks: &mut JoinSet<Result<()>>) -> Result<()> {
    while let Some(task) = tasks.join_next().await {
        task.context("a task panicked")??;
    }
    Ok(())
}

/// Kills once more, and waits until everything is read.
async fn drain(harness: &Harness, supervisor: &mut Supervisor) -> Result<()> {
    let server = supervisor.kill_and_start().await?;
    harness.streams.iter().for_each(|stream| stream.truth().doubt());
    let begun = Instant::now();
    let drained = async {
        for stream in &harness.streams {
            while !is_read(&server.client, stream).await? {
                let (count, one) = stream.truth().unread();
                let late = begun.elapsed() > DRAIN_MAX;
                ensure!(!late, "{count} acknowledged records were not read, of them {one:?}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        Ok(())
    };
    tokio::select! {
        outcome = drained => outcome,
        error = supervisor.ended() => Err(error),
    }
}

async fn is_read(client: &Client, stream: &Stream) -> Result<bool> {
    let shards = shards::list(client, &stream.name).await.map_err(Failure::into_error)?;
    let summary = client.describe_stream_summary().stream_name(&stream.name).send().await?;
    let summary = summary.stream_description_summary().context("no summary")?;
    // What a library has may still be sent.
    if stream.truth().unsaid() > 0 {
        return Ok(false);
    }
    // A rescaling that the kill interrupted goes on.
    if summary.stream_status() != &StreamStatus::Active {
        return Ok(false);
    }
    stream.topology().listed(&shards).with_context(|| format!("shards of {}", stream.name))?;
    let truth = stream.truth();
    Ok(shards.iter().all(|listed| truth.is_read(listed.shard)) && truth.unread().0 == 0)
}

/// Reads all shards from their beginning, and asks for the samples by their numbers.
async fn audit(harness: &Arc<Harness>) -> Result<()> {
    let mut tasks = JoinSet::new();
    for stream in 0..harness.streams.len() {
        tasks.spawn(auditor::probe_all(harness.clone(), stream));
        let shards = harness.streams[stream].truth().shards();
        for shard in shards {
            while tasks.len() >= AUDITS_AT_ONCE {
                tasks.join_next().await.context("no task")?.context("a task panicked")??;
            }
            tasks.spawn(auditor::audit_all(harness.clone(), stream, shard));
        }
    }
    all(&mut tasks).await
}
