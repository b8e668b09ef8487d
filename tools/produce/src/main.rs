//! What a user record costs a client: user records a second, and the client's processor time for each.
//!
//! `library` puts user records one at a time into `anabranch-producer`; `sdk` sends PutRecords of 500 by
//! aws-sdk-kinesis, as a program does that has no library. Both speak to a server with limits off,
//! which is started for them unless an endpoint is given.

use std::time::{Duration, Instant};

use anabranch_client::{Client, Connection, EndpointChoice};
use anabranch_producer::{MetricsLevel, Producer, Receipt, Record, Settings};
use anabranch_testkit::TestServer;
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use clap::{Parser, ValueEnum};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::sync::mpsc;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Receipts that are looked at together.
const TOGETHER: usize = 100;
/// Records of a PutRecords call.
const REQUEST_RECORDS: usize = 500;

/// Measures what a user record costs a client.
#[derive(Debug, Parser)]
#[command(name = "produce")]
struct Arguments {
    /// What sends them
    #[arg(long, value_enum, default_value = "library")]
    client: Kind,
    /// How long
    #[arg(long, value_name = "N", default_value_t = 10)]
    seconds: u64,
    /// Data of a user record
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    record_bytes: usize,
    /// Shards of the stream
    #[arg(long, value_name = "N", default_value_t = 64)]
    shards: i32,
    /// Tasks that put, or connections that send
    #[arg(long, value_name = "N", default_value_t = 4)]
    tasks: usize,
    /// Partition keys
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    keys: u32,
    /// An endpoint that is there already
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Name of the stream, which is made
    #[arg(long, value_name = "NAME", default_value = "produce")]
    stream: String,
    /// `AggregationMaxSize`
    #[arg(long, value_name = "BYTES", default_value_t = 51_200)]
    aggregation_max_size: usize,
    /// `RecordMaxBufferedTime`
    #[arg(long, value_name = "MS", default_value_t = 100)]
    linger_ms: u64,
    /// `MaxConnections`
    #[arg(long, value_name = "N", default_value_t = 24)]
    max_connections: usize,
    /// Every record asks for order
    #[arg(long)]
    ordered: bool,
    /// `MetricsLevel`: how much the library counts
    #[arg(long, value_enum, default_value = "detailed")]
    metrics: Level,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    None,
    Summary,
    Detailed,
}

impl From<Level> for MetricsLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::None => Self::None,
            Level::Summary => Self::Summary,
            Level::Detailed => Self::Detailed,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Library,
    Sdk,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(arguments))
}

async fn measure(arguments: Arguments) -> Result<()> {
    let server = match &arguments.endpoint {
        Some(_) => None,
        None => Some(TestServer::start().await?),
    };
    let endpoint = match (&arguments.endpoint, &server) {
        (Some(endpoint), _) => endpoint.clone(),
        (None, Some(server)) => server.endpoint().to_owned(),
        (None, None) => unreachable!("one of both"),
    };
    let client = Connection { endpoint: EndpointChoice::Url(endpoint), ..Connection::default() };
    let client = client.client().await?;
    client
        .create_stream()
        .stream_name(&arguments.stream)
        .shard_count(arguments.shards)
        .send()
        .await?;
    let before = processor_time();
    let began = Instant::now();
    let records = match arguments.client {
        Kind::Library => library(&client, &arguments).await?,
        Kind::Sdk => sdk(&client, &arguments).await?,
    };
    let (elapsed, used) = (began.elapsed(), processor_time() - before);
    println!(
        "client={:?} record_bytes={} records={records} records_per_second={:.0} \
         client_microseconds_per_record={:.3} records_per_client_second={:.0}",
        arguments.client,
        arguments.record_bytes,
        records as f64 / elapsed.as_secs_f64(),
        used.as_secs_f64() * 1e6 / records as f64,
        records as f64 / used.as_secs_f64(),
    );
    Ok(())
}

/// What this process has used of the processors.
fn processor_time() -> Duration {
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(clock.tv_sec as u64, clock.tv_nsec as u32)
}

/// Keys as programs have them, made before the clock starts.
fn keys(arguments: &Arguments) -> Vec<String> {
    (0..arguments.keys).map(|number| format!("customer-{number}")).collect()
}

async fn library(client: &Client, arguments: &Arguments) -> Result<u64> {
    let settings = Settings {
        rate_limit: None,
        aggregation_max_size: arguments.aggregation_max_size,
        record_max_buffered_time: Duration::from_millis(arguments.linger_ms),
        max_connections: arguments.max_connections,
        metrics_level: arguments.metrics.into(),
        ..Settings::default()
    };
    let producer = Producer::new(client, settings);
    let keys = std::sync::Arc::new(keys(arguments));
    let until = Instant::now() + Duration::from_secs(arguments.seconds);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..arguments.tasks {
        let keys = keys.clone();
        let (record_bytes, is_ordered) = (arguments.record_bytes, arguments.ordered);
        let stream = producer.stream(&arguments.stream);
        tasks.spawn(async move {
            // Receipts are looked at in order behind the puts, a hundred at a time, as a program does that counts.
            let (sender, mut behind) = mpsc::unbounded_channel::<Vec<Receipt>>();
            let counting = tokio::spawn(async move {
                let mut count = 0u64;
                while let Some(receipts) = behind.recv().await {
                    for receipt in receipts {
                        receipt.await?;
                        count += 1;
                    }
                }
                Ok::<_, anyhow::Error>(count)
            });
            let mut rng = SmallRng::seed_from_u64(number as u64);
            let data = vec![b'x'; record_bytes];
            while Instant::now() < until {
                let mut receipts = Vec::with_capacity(TOGETHER);
                for _ in 0..TOGETHER {
                    let key = &keys[rng.random_range(0..keys.len())];
                    let record = Record::new(key.as_str(), data.clone());
                    let record = if is_ordered { record.ordered() } else { record };
                    receipts.push(stream.put(record).await?);
                }
                sender.send(receipts)?;
            }
            drop(sender);
            counting.await?
        });
    }
    let mut count = 0;
    while let Some(done) = tasks.join_next().await {
        count += done??;
    }
    producer.close(Duration::from_secs(30)).await?;
    Ok(count)
}

async fn sdk(client: &Client, arguments: &Arguments) -> Result<u64> {
    let keys = std::sync::Arc::new(keys(arguments));
    let until = Instant::now() + Duration::from_secs(arguments.seconds);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..arguments.tasks {
        let (client, keys, record_bytes) = (client.clone(), keys.clone(), arguments.record_bytes);
        let stream = arguments.stream.clone();
        tasks.spawn(async move {
            let mut rng = SmallRng::seed_from_u64(number as u64);
            let data = vec![b'x'; record_bytes];
            let mut count = 0;
            while Instant::now() < until {
                let entry = |_| {
                    let key = &keys[rng.random_range(0..keys.len())];
                    let entry = PutRecordsRequestEntry::builder().partition_key(key.as_str());
                    entry.data(Blob::new(data.clone())).build()
                };
                let entries: Result<Vec<_>, _> = (0..REQUEST_RECORDS).map(entry).collect();
                let put = client.put_records().stream_name(&stream).set_records(Some(entries?));
                let answer = put.send().await.context("PutRecords")?;
                ensure!(answer.failed_record_count() == Some(0), "records failed");
                count += answer.records().len() as u64;
            }
            Ok::<_, anyhow::Error>(count)
        });
    }
    let mut count = 0;
    while let Some(done) = tasks.join_next().await {
        count += done??;
    }
    Ok(count)
}
