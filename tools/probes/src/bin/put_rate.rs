//! The engine alone, without HTTP: callers that each put a record, wait until it is synced, and
//! put the next one.
//!
//! `put_rate DIRECTORY [SECONDS [CALLERS [RECORD_BYTES]]]` prints one JSON line. Limits are off.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;

use anabranch_engine::{
    Engine, EngineSettings, NewStream, NoKeys, PutEntry, Scope, ShardRates, StoreOptions, StreamRef,
};
use anabranch_env::{RealDisk, SystemClock};
use probes::{Arguments, Caller, measure};

const SHARDS: u32 = 16;
const STREAM: &str = "bench";
const PRINCIPAL: &str = "arn:aws:iam::123456789012:user/bench";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::read("put_rate")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let line = runtime.block_on(async {
        let scope = Scope { account: Arc::from("123456789012"), region: Arc::from("us-east-1") };
        let engine = start(&arguments, &scope).await?;
        let producer = |number| {
            let mut data = vec![0; arguments.record_bytes];
            anabranch_env::fill_random(&mut data);
            let key = format!("partition key {number}");
            Producer { engine: engine.clone(), scope: scope.clone(), key, data }
        };
        let producers = (0..arguments.callers).map(producer).collect();
        measure("engine", &arguments, producers).await
    })?;
    println!("{line}");
    Ok(())
}

/// An engine with one stream.
async fn start(arguments: &Arguments, scope: &Scope) -> Result<Arc<Engine>, Box<dyn Error>> {
    let settings = EngineSettings {
        rates: ShardRates::OFF,
        transition_ms: 0,
        limit_streams: false,
        ..EngineSettings::default()
    };
    let (disk, clock) = (Arc::new(RealDisk), Arc::new(SystemClock::default()));
    let options = StoreOptions::new(arguments.directory.clone());
    let engine = Engine::start(options, settings, disk, clock, Arc::new(NoKeys)).await?;
    engine.control.create_stream(scope, NewStream::provisioned(STREAM, SHARDS)).await?;
    Ok(engine)
}

struct Producer {
    engine: Arc<Engine>,
    scope: Scope,
    key: String,
    data: Vec<u8>,
}

impl Caller for Producer {
    async fn put(&mut self) {
        let entry = PutEntry {
            partition_key: Some(Cow::Borrowed(self.key.as_str())),
            explicit_hash_key: None,
            data: self.data.as_slice(),
        };
        let data = &self.engine.data;
        let stream = StreamRef { scope: self.scope.clone(), name: STREAM.into() };
        let stream = self.engine.named(stream);
        let prepared = data.prepare_put_record(&stream, PRINCIPAL, &entry, None);
        let prepared = prepared.expect("the engine takes records");
        let outcome = data.commit_put(prepared).await.expect("the disk takes records");
        assert!(outcome.is_some(), "no shard is closed here");
    }
}
