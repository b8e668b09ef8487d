//! Makes a data directory with something of everything, for the test beside it.
//!
//! ```sh
//! cargo run -p anabranch-server --example make_data_directory -- crates/server/tests/upgrade/NAME
//! ```
//!
//! Run once for each version of the format that is released, with that version's code; what it
//! made is never made again (see the README in it).

#![expect(clippy::disallowed_methods, reason = "a program beside the server")]

mod world;

use anabranch_engine::{
    ConsumerRef, Engine, KeyRequest, NewStream, PutEntry, RecordDistribution, ResourceName,
    ResourcePolicy, Scope, ShardMetrics, StreamMode, StreamRef,
};
use anabranch_env::ManualClock;
use anabranch_server::keys::{CustomerKey, KeyringError, KeyringFile};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use world::{CALLER, LOOKED_AT_MS, MADE_MS, describe, open, scopes};

fn main() {
    let target = PathBuf::from(std::env::args().nth(1).expect("where to"));
    fs::create_dir(&target).expect("a new directory");
    let data = target.join("data");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let clock = Arc::new(ManualClock::at_ms(MADE_MS));
    let alias = KeyringFile::new(data.join("keyring.toml")).change(|keys| {
        let mut key = CustomerKey::new("123456789012", "us-east-1", 1_790_000_000);
        key.aliases.push("alias/orders".to_owned());
        keys.push(key);
        Ok::<_, KeyringError>("alias/orders")
    });
    let alias = alias.expect("a keyring");
    runtime.block_on(async {
        let maker = Maker { engine: open(&data, &clock).await, clock: clock.clone() };
        maker.fill(&data, alias).await;
        maker.engine.store().shut_down();
    });
    // Its tasks end with the runtime; the files are as a stopped server leaves them.
    drop(runtime);
    for journal in files(&data.join("journal")) {
        trim(&journal);
    }
    for spare in ["next.spare", "0000000000000000.spare"] {
        let _ = fs::remove_file(data.join("journal").join(spare));
    }
    let copy = target.join("copy");
    copy_tree(&data, &copy);
    let clock = Arc::new(ManualClock::at_ms(LOOKED_AT_MS));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let text = runtime.expect("a runtime").block_on(async {
        let engine = open(&copy, &clock).await;
        let text = describe(&engine).await;
        engine.store().shut_down();
        text
    });
    fs::remove_dir_all(&copy).expect("removed");
    fs::write(target.join("expected.txt"), text).expect("written");
}

struct Maker {
    engine: Arc<Engine>,
    clock: Arc<ManualClock>,
}

impl Maker {
    async fn fill(&self, data: &Path, alias: &str) {
        let [home, abroad] = &scopes();
        self.make_streams(home, abroad).await;
        self.describe_more(home).await;
        // Several chapters with all three classes, plain and encrypted records.
        for round in 0..40 {
            if round == 12 {
                self.encrypt(home, "orders", alias).await;
            }
            if round == 20 {
                self.reshard(home).await;
            }
            self.put_round(home, abroad, round).await;
        }
        self.wait_for_segments(data).await;
        // What follows stays in the journal.
        let request = self.key_request(home, alias);
        self.engine.control.stop_encryption(home, "orders", request).await.expect("stopped");
        self.engine.control.increase_retention(home, "orders", 48).await.expect("raised");
        self.split_last(home).await;
        self.engine.control.delete_stream(home, "gone", true).await.expect("deleted");
        self.put_round(home, abroad, 100).await;
        self.engine.control.set_commitment(home, true).await.expect("committed");
    }

    async fn make_streams(&self, home: &Scope, abroad: &Scope) {
        let day = [(home, "orders", 2), (home, "gone", 1), (home, "clicks", 3), (abroad, "far", 1)];
        for (scope, name, shards) in day {
            self.create(scope, name, StreamMode::Provisioned, Some(shards)).await;
        }
        self.create(home, "demand", StreamMode::OnDemand, None).await;
        self.engine.control.increase_retention(home, "clicks", 100).await.expect("raised");
        self.engine.control.increase_retention(abroad, "far", 8760).await.expect("raised");
        self.engine.control.decrease_retention(abroad, "far", 8000).await.expect("lowered");
    }

    async fn create(&self, scope: &Scope, name: &str, mode: StreamMode, shards: Option<u32>) {
        let distribution = match mode {
            StreamMode::OnDemand => RecordDistribution::Auto,
            StreamMode::Provisioned => RecordDistribution::UserPartitionKey,
        };
        let new = NewStream {
            shard_count: shards,
            mode: Some(mode),
            tags: BTreeMap::from([("made".to_owned(), "für immer".to_owned())]),
            max_record_kib: 2048,
            distribution,
            ..NewStream::named(name)
        };
        self.engine.control.create_stream(scope, new).await.expect("created");
        self.clock.advance_ms(1000);
    }

    async fn describe_more(&self, home: &Scope) {
        let stream = StreamRef { scope: home.clone(), name: Arc::from("orders") };
        let tags = BTreeMap::from([("team".to_owned(), "a".to_owned())]);
        for name in ["one", "two", "three"] {
            let made = self.engine.control.register_consumer(&stream, name, tags.clone()).await;
            let created_secs = made.expect("registered").created_secs;
            let name = Arc::from(name);
            let consumer = ConsumerRef { stream: stream.clone(), name, created_secs };
            if &*consumer.name == "two" {
                self.put_policy(ResourceName::Consumer(consumer)).await;
            } else if &*consumer.name == "three" {
                self.engine.control.deregister_consumer(consumer.into()).await.expect("gone");
            }
            self.clock.advance_ms(2000);
        }
        let name = ResourceName::Stream(stream.clone());
        self.engine.control.tag_resource(name.clone(), tags).await.expect("tagged");
        self.put_policy(name).await;
        let on = ShardMetrics::from_bits(0b101);
        self.engine.control.enable_monitoring(&stream, on).await.expect("on");
        let demand = StreamRef { scope: home.clone(), name: Arc::from("demand") };
        self.engine.control.set_max_record_size(&demand, 10_240).await.expect("set");
    }

    async fn put_policy(&self, name: ResourceName) {
        let action = match name {
            ResourceName::Stream(_) => "kinesis:GetRecords",
            ResourceName::Consumer(_) => "kinesis:SubscribeToShard",
        };
        let text = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"999999999999"}},"Action":"{action}","Resource":"{}"}}}}"#,
            name.arn()
        );
        let policy = ResourcePolicy::parse(text, &name.arn()).expect("a policy");
        self.engine.control.put_policy(name, policy).await.expect("put");
    }

    fn key_request(&self, home: &Scope, alias: &str) -> KeyRequest {
        let principal = Arc::from(CALLER);
        KeyRequest { caller: home.clone(), principal, key_id: alias.to_owned() }
    }

    async fn encrypt(&self, home: &Scope, name: &str, alias: &str) {
        let request = self.key_request(home, alias);
        self.engine.control.start_encryption(home, name, request).await.expect("encrypted");
    }

    async fn reshard(&self, home: &Scope) {
        let engine = &self.engine;
        engine
            .control
            .split_shard(home, "clicks", "shardId-000000000000", EIGHTH)
            .await
            .expect("split");
        self.clock.advance_ms(1500);
        let merged = engine.control.merge_shards(
            home,
            "clicks",
            "shardId-000000000001",
            "shardId-000000000002",
        );
        merged.await.expect("merged");
        self.clock.advance_ms(1500);
        engine.control.update_shard_count(home, "clicks", 4).await.expect("begun");
        while self.stream_is_updating(home) {
            tokio::task::yield_now().await;
            self.clock.advance_ms(1);
        }
    }

    async fn split_last(&self, home: &Scope) {
        let stream = self.engine.stream(home, "clicks").expect("there");
        let last = &stream.open.last().expect("some").shard;
        let (start, end) = (last.range.start, last.range.end_inclusive);
        let (id, at) =
            (format!("shardId-{:012}", last.id.0), (start + (end - start) / 3).to_string());
        self.engine.control.split_shard(home, "clicks", &id, &at).await.expect("split");
    }

    fn stream_is_updating(&self, home: &Scope) -> bool {
        let stream = self.engine.stream(home, "clicks").expect("there");
        stream.rescale_target.is_some()
    }

    async fn put_round(&self, home: &Scope, abroad: &Scope, round: usize) {
        self.clock.advance_ms(7_001);
        for (scope, name) in [(home, "orders"), (home, "clicks"), (home, "demand"), (abroad, "far")]
        {
            let data: Vec<Vec<u8>> = (0..4)
                .map(|n| format!("{name} {round} {n} ").repeat(1 + (round * 7 + n) % 20).into())
                .collect();
            let entries: Vec<PutEntry<'_, &[u8]>> = data
                .iter()
                .enumerate()
                .map(|(n, data)| PutEntry {
                    partition_key: (name != "demand" || n > 1)
                        .then(|| Cow::Owned(format!("schlüssel {round} {n}"))),
                    explicit_hash_key: None,
                    data: &data[..],
                })
                .collect();
            let named = StreamRef { scope: scope.clone(), name: name.into() };
            let named = self.engine.named(named);
            let prepared = self.engine.data.prepare_put_records(&named, CALLER, &entries);
            let stored = self.engine.data.commit_put(prepared.expect("prepared")).await;
            stored.expect("stored").expect("no reshard");
        }
    }

    /// Waits until all but the last journal file are segments.
    async fn wait_for_segments(&self, data: &Path) {
        let is_journal = |path: &PathBuf| path.extension().is_some_and(|e| e == "journal");
        while files(&data.join("journal")).iter().filter(|path| is_journal(path)).count() > 1 {
            self.engine.store().nudge_maintenance();
            tokio::task::yield_now().await;
        }
    }
}

const EIGHTH: &str = "42535295865117307932921825928971026432";

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

/// Takes the zeros at the end away: space that was reserved.
fn trim(path: &Path) {
    let mut bytes = fs::read(path).expect("read");
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(used);
    fs::write(path, bytes).expect("written");
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a new directory");
    for path in files(from) {
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy_tree(&path, &target),
            false => drop(fs::copy(&path, &target).expect("copied")),
        }
    }
}
