//! The store alone: callers that each append a record, wait until it is synced, and append the
//! next one.
//!
//! `append_rate DIRECTORY [SECONDS [CALLERS [RECORD_BYTES]]]` prints one JSON line. A record is
//! copied and checksummed for each append, as when it comes from a request.

use std::error::Error;
use std::sync::Arc;

use anabranch_env::{RealDisk, SystemClock};
use anabranch_model::ShardKey;
use anabranch_model::retention::RetentionClass;
use anabranch_storage::{DeletedRange, Deletion, Gate, Host, RunsBuilder, Store, StoreOptions};
use probes::{Arguments, Caller, measure};

const SHARDS: u64 = 16;

/// A catalog in which every shard keeps everything.
struct Everything;

impl Host for Everything {
    fn retention_class(&self, _: ShardKey) -> Option<RetentionClass> {
        Some(RetentionClass::Day)
    }

    fn trim_horizon_ms(&self, _: ShardKey) -> Option<u64> {
        Some(0)
    }

    fn deleting(&self, _: Deletion, _: &[DeletedRange]) {}

    fn dropped_shards(&self) -> u64 {
        0
    }

    fn snapshot(&self) -> (u64, Vec<u8>) {
        (0, Vec::new())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::read("append_rate")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (clock, disk) = (Arc::new(SystemClock::default()), Arc::new(RealDisk));
    let (store, _) = Store::open(StoreOptions::new(arguments.directory.clone()), disk, clock)?;
    let store = Arc::new(store.start(Arc::new(Everything))?);
    let mut data = vec![0; arguments.record_bytes];
    anabranch_env::fill_random(&mut data);
    let data: Arc<[u8]> = data.into();
    let appender = |number| Appender {
        store: store.clone(),
        shard: ShardKey(1 + number % SHARDS),
        gate: Gate::default(),
        data: data.clone(),
    };
    let appenders = (0..arguments.callers).map(appender).collect();
    println!("{}", runtime.block_on(measure("store", &arguments, appenders))?);
    Ok(())
}

struct Appender {
    store: Arc<Store>,
    shard: ShardKey,
    gate: Gate,
    data: Arc<[u8]>,
}

impl Caller for Appender {
    async fn put(&mut self) {
        let mut runs = RunsBuilder::with_capacity(1, self.data.len() + 32);
        runs.push(self.shard, |run| run.push(Some("a partition key"), &self.data));
        self.store.append(runs.finish(), [&self.gate]).await.expect("the store takes records");
    }
}
