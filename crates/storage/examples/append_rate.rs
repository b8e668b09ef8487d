//! The store alone: callers that each append a record, wait until it is synced, and append the
//! next one.
//!
//! `append_rate DIRECTORY [SECONDS [CALLERS [RECORD_BYTES]]]` prints one JSON line. A record is
//! copied and checksummed for each append, as when it comes from a request.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anabranch_env::{RealDisk, SystemClock};
use anabranch_model::ShardKey;
use anabranch_model::retention::RetentionClass;
use anabranch_storage::{Gate, Host, RunsBuilder, Store, StoreOptions};

// The server's.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const SHARDS: u64 = 16;
const WARM_UP: Duration = Duration::from_secs(1);

/// A catalog in which every shard keeps everything.
struct Everything;

impl Host for Everything {
    fn retention_class(&self, _: ShardKey) -> Option<RetentionClass> {
        Some(RetentionClass::Day)
    }

    fn trim_horizon_ms(&self, _: ShardKey) -> Option<u64> {
        Some(0)
    }

    fn dropped_shards(&self) -> u64 {
        0
    }

    fn snapshot(&self) -> (u64, Vec<u8>) {
        (0, Vec::new())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: append_rate DIRECTORY [SECONDS [CALLERS [RECORD_BYTES]]]";
    let directory = PathBuf::from(arguments.next().ok_or(usage)?);
    let seconds: f64 = arguments.next().map_or(Ok(5.0), |text| text.parse())?;
    let callers: u64 = arguments.next().map_or(Ok(512), |text| text.parse())?;
    let record_bytes: usize = arguments.next().map_or(Ok(1000), |text| text.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (clock, disk) = (Arc::new(SystemClock::default()), Arc::new(RealDisk));
    let (store, _) = Store::open(StoreOptions::new(directory), disk, clock)?;
    let store = store.start(Arc::new(Everything))?;
    let line = runtime.block_on(measure(Arc::new(store), seconds, callers, record_bytes));
    println!("{line}");
    Ok(())
}

async fn measure(store: Arc<Store>, seconds: f64, callers: u64, record_bytes: usize) -> String {
    let mut data = vec![0; record_bytes];
    anabranch_env::fill_random(&mut data);
    let data: Arc<[u8]> = data.into();
    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for number in 0..callers {
        let (store, data, stop) = (store.clone(), data.clone(), stop.clone());
        let acknowledged = acknowledged.clone();
        let (shard, gate) = (ShardKey(1 + number % SHARDS), Arc::new(Gate::default()));
        tasks.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let mut runs = RunsBuilder::with_capacity(1, data.len() + 32);
                runs.push(shard, |run| run.push(Some("a partition key"), &data));
                store.append(runs.finish(), [&*gate]).await.expect("the store takes records");
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
        task.await.expect("a caller does not panic");
    }
    format!(
        "{{\"layer\":\"store\",\"callers\":{callers},\"record_bytes\":{record_bytes},\
         \"seconds\":{seconds:.3},\"records\":{records},\"records_per_s\":{:.1},\
         \"cpu_seconds\":{cpu:.2},\"cpu_us_per_record\":{:.3}}}",
        records as f64 / seconds,
        cpu * 1e6 / records as f64
    )
}

/// User and system time of this process, from /proc.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let (_, after_name) = stat.rsplit_once(')').unwrap_or_default();
    let fields = after_name.split_ascii_whitespace().skip(11).take(2);
    fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}
