//! A data directory with something of everything, and what a server says of it.

use anabranch_engine::{
    Boundless, Consumer, Engine, EngineSettings, GetRequest, Keyring, OneCell, Records, Scope,
    ShardRates, StartingPosition, StoreOptions, Stream, StreamPageRequest, StreamRef,
};
use anabranch_env::{ManualClock, RealDisk};
use anabranch_model::Shard;
use anabranch_model::retention::HOUR_MS;
use anabranch_server::keys::{KeyStore, KeyringFile};
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

/// When the directory was made.
pub(crate) const MADE_MS: u64 = 1_790_000_000_000;
/// When it is looked at: nothing that shall be readable has expired.
pub(crate) const LOOKED_AT_MS: u64 = MADE_MS + HOUR_MS;
pub(crate) const CALLER: &str = "arn:aws:iam::123456789012:root";

pub(crate) fn scope(account: &str, region: &str) -> Scope {
    Scope { account: Arc::from(account), region: Arc::from(region) }
}

pub(crate) fn scopes() -> [Scope; 2] {
    [scope("123456789012", "us-east-1"), scope("999999999999", "eu-west-1")]
}

/// A server's engine on a directory, with small files, so that there are many.
pub(crate) async fn open(directory: &Path, clock: &Arc<ManualClock>) -> Arc<Engine> {
    let store = StoreOptions {
        journal_file_bytes: 16 << 10,
        tail_cache_bytes: 48 << 10,
        ..StoreOptions::new(directory.to_owned())
    };
    let settings = EngineSettings {
        rates: ShardRates::OFF,
        transition_ms: 0,
        scaling_period_ms: 0,
        ..EngineSettings::default()
    };
    let file = KeyringFile::new(directory.join("keyring.toml"));
    let keys: Arc<dyn Keyring> = Arc::new(KeyStore::open(file, clock.clone()).expect("a keyring"));
    let started = Engine::start(store, settings, Arc::new(RealDisk), clock.clone(), keys).await;
    started.expect("the engine starts")
}

/// Everything that clients can see, as text.
pub(crate) async fn describe(engine: &Arc<Engine>) -> String {
    let mut text = String::new();
    for scope in scopes() {
        let commitment = engine.control.commitment(&scope);
        let Scope { account, region } = &scope;
        let _ = writeln!(text, "account {account} {region} {commitment:?}");
        let cells = OneCell::serve(engine.clone());
        let page = cells.list_streams(&scope, &StreamPageRequest::default()).expect("a page");
        for stream in page.streams {
            describe_stream(&mut text, &stream);
            for slot in stream.shards.iter() {
                describe_shard(&mut text, &slot.shard);
                let name = &stream.reference.name;
                describe_records(&mut text, engine, &scope, name, &slot.shard).await;
            }
        }
    }
    text
}

fn describe_stream(text: &mut String, stream: &Stream) {
    let _ = writeln!(
        text,
        "stream {} number={} created_ms={} active_at_ms={} updating_until_ms={} gone_at_ms={:?} \
         rescale_target={:?} rescale_calls_ms={:?}",
        stream.reference.name,
        stream.number,
        stream.created_ms,
        stream.active_at_ms,
        stream.updating_until_ms,
        stream.gone_at_ms,
        stream.rescale_target,
        stream.rescale_calls_ms,
    );
    let _ = writeln!(
        text,
        "  mode={:?} switches_ms={:?} warm_mibps={} retention={:?} max_record_kib={} \
         distribution={:?} metrics={:07b} peaks={:?}",
        stream.mode,
        stream.mode_switches_ms,
        stream.warm_mibps,
        stream.retention,
        stream.max_record_kib,
        stream.distribution,
        stream.shard_metrics.bits(),
        stream.write_peaks.days(),
    );
    let _ = writeln!(text, "  tags={:?}", stream.tags);
    let policy = stream.policy.as_ref().map(|policy| policy.text());
    let _ = writeln!(text, "  policy={policy:?}");
    let encryption = &stream.encryption;
    let _ = writeln!(
        text,
        "  key_id={:?} next_number={} stopped_ms={:?}",
        encryption.key_id, encryption.next_number, encryption.stopped_ms
    );
    for key in &encryption.data_keys {
        let _ = writeln!(
            text,
            "  data key {} {} started_ms={} retired_ms={:?}",
            key.number, key.key_arn, key.started_ms, key.retired_ms
        );
    }
    stream.consumers.values().for_each(|consumer| describe_consumer(text, consumer));
}

fn describe_consumer(text: &mut String, consumer: &Consumer) {
    let Consumer { name, created_secs, active_at_ms, gone_at_ms, tags, policy } = consumer;
    let policy = policy.as_ref().map(|policy| policy.text());
    let _ = writeln!(
        text,
        "  consumer {name} created_secs={created_secs} active_at_ms={active_at_ms} \
         gone_at_ms={gone_at_ms:?} tags={tags:?} policy={policy:?}"
    );
}

fn describe_shard(text: &mut String, shard: &Shard) {
    let _ = writeln!(
        text,
        "  shard {} {}..={} created_secs={} opened_ms={} parents={:?},{:?} closed={:?}",
        shard.id.0,
        shard.range.start,
        shard.range.end_inclusive,
        shard.created_secs,
        shard.opened_ms,
        shard.parent.map(|id| id.0),
        shard.adjacent_parent.map(|id| id.0),
        shard.closed.map(|closed| (closed.end_index, closed.at_ms)),
    );
}

async fn describe_records(
    text: &mut String,
    engine: &Arc<Engine>,
    scope: &Scope,
    stream: &str,
    shard: &Shard,
) {
    let id = format!("shardId-{:012}", shard.id.0);
    let start = StartingPosition::TrimHorizon;
    let named = engine.named(StreamRef { scope: scope.clone(), name: stream.into() });
    let mut iterator = engine.data.shard_iterator(&named, &id, &start).ok();
    while let Some(at) = iterator {
        let request = GetRequest {
            scope,
            principal: CALLER,
            iterator: &engine.data.open_iterator(&at).expect("an iterator"),
            records_max: 10_000,
            dry_run: false,
        };
        let reply = engine.data.get_records(request, &Boundless).await.expect("records").0;
        for run in &reply.runs {
            let mut number = shard.sequence_number(run.first_index, run.arrival_ms).decimal();
            for record in Records::new(&run.body) {
                let _ = writeln!(
                    text,
                    "    {number} {} {:?} {} bytes {:016x}{}",
                    run.arrival_ms,
                    record.partition_key,
                    record.data.len(),
                    hash(record.data),
                    if run.is_encrypted { " encrypted" } else { "" },
                );
                number = number.next_index();
            }
        }
        iterator = reply.next_iterator.filter(|_| reply.millis_behind_latest > 0);
    }
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
