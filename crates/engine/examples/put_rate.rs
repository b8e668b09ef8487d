//! The engine alone, without HTTP: callers that each put a record, wait until it is synced, and
//! put the next one.
//!
//! `put_rate DIRECTORY [SECONDS [CALLERS [RECORD_BYTES]]]` prints one JSON line. Limits are off.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anabranch_engine::{
    Engine, EngineSettings, NewStream, NoKeys, PutEntry, RecordDistribution, Scope, ShardRates,
    StoreOptions, StreamMode,
};
use anabranch_env::{RealDisk, SystemClock};

// The server's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const SHARDS: u32 = 16;
const WARM_UP: Duration = Duration::from_secs(1);
const STREAM: &str = "bench";
const PRINCIPAL: &str = "arn:aws:iam::123456789012:user/bench";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: put_rate DIRECTORY [SECONDS [CALLERS [RECORD_BYTES]]]";
    let directory = PathBuf::from(arguments.next().ok_or(usage)?);
    let seconds: f64 = arguments.next().map_or(Ok(5.0), |text| text.parse())?;
    let callers: u64 = arguments.next().map_or(Ok(512), |text| text.parse())?;
    let record_bytes: usize = arguments.next().map_or(Ok(1000), |text| text.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let line = runtime.block_on(async {
        let settings = EngineSettings {
            rates: ShardRates::OFF,
            transition_ms: 0,
            limit_streams: false,
            ..EngineSettings::default()
        };
        let (disk, clock) = (Arc::new(RealDisk), Arc::new(SystemClock::default()));
        let options = StoreOptions::new(directory);
        let engine = Engine::start(options, settings, disk, clock, Arc::new(NoKeys)).await?;
        measure(engine, seconds, callers, record_bytes).await
    })?;
    println!("{line}");
    Ok(())
}

async fn measure(
    engine: Arc<Engine>,
    seconds: f64,
    callers: u64,
    record_bytes: usize,
) -> Result<String, Box<dyn Error>> {
    let scope = Scope { account: Arc::from("123456789012"), region: Arc::from("us-east-1") };
    let new = NewStream {
        name: STREAM.to_owned(),
        shard_count: Some(SHARDS),
        mode: Some(StreamMode::Provisioned),
        tags: BTreeMap::new(),
        max_record_kib: 1024,
        distribution: RecordDistribution::UserPartitionKey,
        warm_mibps: 0,
    };
    engine.control.create_stream(&scope, new).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for number in 0..callers {
        let (engine, scope) = (engine.clone(), scope.clone());
        let (stop, acknowledged) = (stop.clone(), acknowledged.clone());
        tasks.push(tokio::spawn(async move {
            let mut data = vec![0; record_bytes];
            anabranch_env::fill_random(&mut data);
            let key = format!("partition key {number}");
            while !stop.load(Ordering::Relaxed) {
                let entry = PutEntry {
                    partition_key: Some(Cow::Borrowed(key.as_str())),
                    explicit_hash_key: None,
                    data: data.as_slice(),
                };
                let prepared =
                    engine.data.prepare_put_record(&scope, STREAM, PRINCIPAL, &entry, None);
                let prepared = prepared.expect("the engine takes records");
                let outcome =
                    engine.data.commit_put(prepared).await.expect("the disk takes records");
                assert!(outcome.is_some(), "no shard is closed here");
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    tokio::time::sleep(WARM_UP).await;
    let (records_before, cpu_before) = (acknowledged.load(Ordering::Relaxed), cpu_seconds());
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    let records = acknowledged.load(Ordering::Relaxed) - records_before;
    let (seconds, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu_before);
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await?;
    }
    Ok(format!(
        "{{\"layer\":\"engine\",\"callers\":{callers},\"record_bytes\":{record_bytes},\
         \"seconds\":{seconds:.3},\"records\":{records},\"records_per_s\":{:.1},\
         \"cpu_seconds\":{cpu:.2},\"cpu_us_per_record\":{:.3}}}",
        records as f64 / seconds,
        cpu * 1e6 / records as f64
    ))
}

/// User and system time of this process, from /proc.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let (_, after_name) = stat.rsplit_once(')').unwrap_or_default();
    let fields = after_name.split_ascii_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}
