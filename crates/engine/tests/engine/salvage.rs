//! A catalog that lacks a change: what is saved of a damaged directory is readable.

use anabranch_engine::salvage::{self, Lost};
use anabranch_engine::{
    Engine, EngineSettings, GetRequest, NewStream, NoKeys, PutEntry, RecordDistribution, Records,
    Scope, ShardRates, StartingPosition, StoreOptions, StreamMode,
};
use anabranch_env::{Disk, FakeDisk, ManualClock};
use anabranch_model::{ShardId, ShardKey};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const CALLER: &str = "arn:aws:iam::123456789012:root";

fn scope() -> Scope {
    Scope { account: Arc::from("123456789012"), region: Arc::from("us-east-1") }
}

async fn start(disk: &FakeDisk, directory: &str) -> Arc<Engine> {
    let store = StoreOptions {
        journal_file_bytes: 16 << 10,
        tail_cache_bytes: 48 << 10,
        ..StoreOptions::new(PathBuf::from(directory))
    };
    let settings =
        EngineSettings { rates: ShardRates::OFF, transition_ms: 0, ..EngineSettings::default() };
    let clock = Arc::new(ManualClock::at_ms(1_700_000_000_000));
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Engine::start(store, settings, disk, clock, Arc::new(NoKeys)).await.expect("started")
}

async fn put(engine: &Engine, text: &str, hash_key: u128) {
    let entry = PutEntry {
        partition_key: Some(Cow::Borrowed("k")),
        explicit_hash_key: Some(hash_key),
        data: text.as_bytes(),
    };
    let prepared =
        engine.data.prepare_put_records(&scope(), "s", CALLER, &[entry]).expect("prepared");
    engine.data.commit_put(prepared).await.expect("stored").expect("no reshard");
}

async fn read(engine: &Arc<Engine>, shard: u32) -> Vec<String> {
    let (scope, shard) = (scope(), format!("shardId-{shard:012}"));
    let start = StartingPosition::TrimHorizon;
    let iterator = engine.data.shard_iterator(&scope, "s", &shard, &start).expect("an iterator");
    let request = GetRequest {
        scope: &scope,
        principal: CALLER,
        iterator: &iterator,
        stream: None,
        records_max: 100,
        dry_run: false,
    };
    let reply = engine.data.get_records(request).await.expect("records");
    let records = reply.runs.iter().flat_map(|run| Records::new(&run.body));
    records.map(|record| String::from_utf8_lossy(record.data).into_owned()).collect()
}

#[tokio::test]
async fn shards_whose_opening_is_lost_are_closed_ones_of_their_stream() {
    let disk = FakeDisk::default();
    let engine = start(&disk, "/data").await;
    let new = NewStream {
        name: "s".to_owned(),
        shard_count: Some(1),
        mode: Some(StreamMode::Provisioned),
        tags: BTreeMap::new(),
        max_record_kib: 1024,
        distribution: RecordDistribution::UserPartitionKey,
        warm_mibps: 0,
    };
    engine.control.create_stream(&scope(), new).await.expect("created");
    put(&engine, "before", 0).await;
    let half = (1u128 << 127).to_string();
    engine.control.split_shard(&scope(), "s", "shardId-000000000000", &half).await.expect("split");
    put(&engine, "lower", 0).await;
    put(&engine, "upper", u128::MAX).await;
    engine.store().shut_down();
    // The command Reshard, as docs/formats/catalog.md has it.
    let journal = Path::new("/data/journal/0000000000000001.journal");
    disk.corrupt(journal, |bytes| {
        let at = bytes.windows(3).position(|bytes| bytes == [0x82, 7, 0x81]).expect("a reshard");
        bytes[at + 4] ^= 1;
    });

    let found = salvage::read(&disk, Path::new("/data"), &mut |_| {}).expect("read");
    let lost: Vec<_> = found.findings.iter().map(|finding| &finding.lost).collect();
    assert!(matches!(lost[..], [Lost::Command { number: 3 }]), "{lost:?}");
    let salvaged = salvage::rebuild(&found, &scope());
    let adopted: Vec<ShardKey> = salvaged.adopted.keys().copied().collect();
    assert_eq!(adopted, [1, 2].map(|shard| ShardKey::new(0, ShardId(shard))));
    let (command, payload) = salvaged.catalog.snapshot();
    let catalog = (command, &payload[..]);
    found.write(&disk, Path::new("/saved"), catalog, &[], &mut |_| {}).expect("written");

    let engine = start(&disk, "/saved").await;
    for (shard, text) in [(0, "before"), (1, "lower"), (2, "upper")] {
        assert_eq!(read(&engine, shard).await, [text], "shard {shard}");
    }
    put(&engine, "after", u128::MAX).await;
    assert_eq!(read(&engine, 0).await, ["before", "after"], "open again, for all of the ring");
    // A shard that is opened now is none of those that were found.
    engine.control.split_shard(&scope(), "s", "shardId-000000000000", &half).await.expect("split");
    let stream = engine.stream(&scope(), "s").expect("there");
    let open: Vec<u32> = stream.open.iter().map(|slot| slot.shard.id.0).collect();
    assert_eq!(open, [3, 4]);
}
