//! Encryption through the engine's public API, on a fake disk and a keyring that the test moves.

use anabranch_engine::error::{
    EncryptionError, EncryptionLimit, GetRecordsError, PutError, ShardReadError, StreamUnavailable,
};
use anabranch_engine::{
    Catalog, DataKeyBytes, Engine, EngineSettings, GetReply, GetRequest, KeyProblem, KeyRequest,
    Keyring, NewStream, PutEntry, RecordDistribution, Records, Scope, ShardRates, StartingPosition,
    StoreOptions, StreamMode, StreamStatus, inspect,
};
use anabranch_env::{Disk, FakeDisk, ManualClock};
use anabranch_model::retention::HOUR_MS;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const START_MS: u64 = 1_700_000_000_000;
const ALICE: &str = "arn:aws:iam::123456789012:user/alice";
const ARN: &str = "arn:aws:kms:us-east-1:123456789012:key/";
const SECRET: &[u8] = b"plaintext-that-must-not-show";

/// Keys `a` and `b`; wrapping is an exclusive or, for the tests are not about it.
#[derive(Debug)]
struct TestKeys {
    mask: AtomicU8,
    problem: Mutex<Option<KeyProblem>>,
    generation: AtomicU64,
    unwraps: AtomicU64,
}

impl TestKeys {
    fn new() -> Self {
        Self {
            mask: AtomicU8::new(0x5a),
            problem: Mutex::new(None),
            generation: AtomicU64::new(0),
            unwraps: AtomicU64::new(0),
        }
    }

    fn set(&self, problem: Option<KeyProblem>) {
        *self.problem.lock().expect("not poisoned") = problem;
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

impl Keyring for TestKeys {
    fn resolve(&self, _: &Scope, name: &str) -> Result<Arc<str>, KeyProblem> {
        let id = name.rsplit('/').next().unwrap_or_default();
        match id {
            "a" | "b" => Ok(Arc::from(format!("{ARN}{id}"))),
            _ => Err(KeyProblem::NotFound),
        }
    }

    fn permit(&self, _: &str, principal: &str) -> Result<(), KeyProblem> {
        match *self.problem.lock().expect("not poisoned") {
            Some(problem) => Err(problem),
            None if principal == ALICE => Ok(()),
            None => Err(KeyProblem::AccessDenied),
        }
    }

    fn wrap(&self, arn: &str, context: &[u8], key: &DataKeyBytes) -> Result<Vec<u8>, KeyProblem> {
        let mask = self.mask.load(Ordering::SeqCst);
        let sealed = key.iter().map(|byte| byte ^ mask).collect::<Vec<u8>>();
        Ok([&sealed, arn.as_bytes(), context].concat())
    }

    fn unwrap(
        &self,
        arn: &str,
        context: &[u8],
        wrapped: &[u8],
    ) -> Result<DataKeyBytes, KeyProblem> {
        self.unwraps.fetch_add(1, Ordering::SeqCst);
        let (sealed, bound) = wrapped.split_at(32);
        assert_eq!(bound, [arn.as_bytes(), context].concat(), "bound to key and stream");
        let mask = self.mask.load(Ordering::SeqCst);
        let plain: Vec<u8> = sealed.iter().map(|byte| byte ^ mask).collect();
        Ok(DataKeyBytes::new(plain.try_into().expect("32 bytes")))
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }
}

struct World {
    engine: Arc<Engine>,
    disk: FakeDisk,
    clock: Arc<ManualClock>,
    keys: Arc<TestKeys>,
    scope: Scope,
    settings: EngineSettings,
}

impl World {
    /// With a stream `s` of one shard.
    async fn new(settings: EngineSettings) -> Self {
        let (disk, clock) = (FakeDisk::default(), Arc::new(ManualClock::at_ms(START_MS)));
        let scope = Scope { account: Arc::from("123456789012"), region: Arc::from("us-east-1") };
        let keys = Arc::new(TestKeys::new());
        let engine = start(&disk, &clock, &keys, &settings).await;
        let new = NewStream {
            name: "s".to_owned(),
            shard_count: Some(1),
            mode: Some(StreamMode::Provisioned),
            tags: BTreeMap::new(),
            max_record_kib: 1024,
            distribution: RecordDistribution::UserPartitionKey,
            warm_mibps: 0,
        };
        engine.control.create_stream(&scope, new).await.expect("created");
        Self { engine, disk, clock, keys, scope, settings }
    }

    async fn unlimited() -> Self {
        let rates = ShardRates::OFF;
        Self::new(EngineSettings { rates, transition_ms: 0, ..EngineSettings::default() }).await
    }

    async fn crash(&mut self) {
        self.disk = self.disk.crash(7);
        self.engine = start(&self.disk, &self.clock, &self.keys, &self.settings).await;
    }

    fn request(&self, key: &str) -> KeyRequest {
        let (caller, key_id) = (self.scope.clone(), key.to_owned());
        KeyRequest { caller, principal: Arc::from(ALICE), key_id }
    }

    async fn start_with(&self, key: &str) -> Result<(), EncryptionError> {
        self.engine.control.start_encryption(&self.scope, "s", self.request(key)).await
    }

    async fn stop_with(&self, key: &str) -> Result<(), EncryptionError> {
        self.engine.control.stop_encryption(&self.scope, "s", self.request(key)).await
    }

    async fn try_put(&self, principal: &str, data: &[u8]) -> Result<bool, PutError> {
        let partition_key = Some(Cow::Borrowed("key-that-must-not-show"));
        let entry = PutEntry { partition_key, explicit_hash_key: None, data };
        let prepared =
            self.engine.data.prepare_put_records(&self.scope, "s", principal, &[entry])?;
        let is_encrypted = prepared.is_encrypted();
        self.engine.data.commit_put(prepared).await?.expect("no reshard");
        Ok(is_encrypted)
    }

    async fn put(&self, data: &[u8]) -> bool {
        self.try_put(ALICE, data).await.expect("stored")
    }

    async fn get(&self, principal: &str) -> Result<GetReply, GetRecordsError> {
        let position = StartingPosition::TrimHorizon;
        let shard = "shardId-000000000000";
        let iterator = self.engine.data.shard_iterator(&self.scope, "s", shard, &position);
        let iterator = iterator.expect("an iterator");
        let request = GetRequest {
            scope: &self.scope,
            principal,
            iterator: &iterator,
            stream: None,
            records_max: 1000,
            dry_run: false,
        };
        self.engine.data.get_records(request).await
    }

    /// Data of all records, and whether each is encrypted.
    async fn read(&self) -> Vec<(Vec<u8>, bool)> {
        let reply = self.get(ALICE).await.expect("read");
        let records = reply.runs.iter().flat_map(|run| {
            Records::new(&run.body).map(|record| {
                assert_eq!(record.partition_key, Some("key-that-must-not-show"));
                (record.data.to_vec(), run.is_encrypted)
            })
        });
        records.collect()
    }

    /// How many files hold the secret data or the partition key as they are.
    fn leaks(&self) -> usize {
        // A copy, in which nothing is renamed or removed meanwhile.
        let disk = self.disk.crash(7);
        let shows = |path: &PathBuf| {
            let file = disk.open(path, false).expect("opened");
            let mut bytes = vec![0; file.len().expect("a length") as usize];
            file.read_exact_at(&mut bytes, 0).expect("read");
            let shows = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
            shows(SECRET) || shows(b"key-that-must-not-show")
        };
        disk.paths().iter().filter(|path| shows(path)).count()
    }
}

async fn start(
    disk: &FakeDisk,
    clock: &Arc<ManualClock>,
    keys: &Arc<TestKeys>,
    settings: &EngineSettings,
) -> Arc<Engine> {
    let options = StoreOptions {
        journal_file_bytes: 16 << 10,
        tail_cache_bytes: 48 << 10,
        ..StoreOptions::new(PathBuf::from("/data"))
    };
    let (disk, keys): (Arc<dyn Disk>, Arc<dyn Keyring>) = (Arc::new(disk.clone()), keys.clone());
    let engine = Engine::start(options, settings.clone(), disk, clock.clone(), keys).await;
    engine.expect("the engine starts")
}

fn problem<E: KeyRefused>(outcome: Result<impl Sized, E>) -> Option<KeyProblem> {
    outcome.err().and_then(E::problem)
}

/// The errors of operations that use keys.
trait KeyRefused {
    fn problem(self) -> Option<KeyProblem>;
}

impl KeyRefused for PutError {
    fn problem(self) -> Option<KeyProblem> {
        if let Self::Key(refusal) = self { Some(refusal.problem) } else { None }
    }
}

impl KeyRefused for GetRecordsError {
    fn problem(self) -> Option<KeyProblem> {
        let Self::Read(ShardReadError::Key(refusal)) = self else { return None };
        Some(refusal.problem)
    }
}

impl KeyRefused for EncryptionError {
    fn problem(self) -> Option<KeyProblem> {
        if let Self::Key(refusal) = self { Some(refusal.problem) } else { None }
    }
}

#[tokio::test]
async fn records_before_during_and_after_encryption_come_back_also_after_a_crash() {
    let mut world = World::unlimited().await;
    assert!(!world.put(b"before").await);
    world.start_with("alias/a").await.expect("started");
    assert!(world.put(b"under a").await);
    world.start_with("b").await.expect("given another key");
    assert!(world.put(b"under b").await);
    world.stop_with("b").await.expect("stopped");
    assert!(!world.put(b"after").await);
    let expected: Vec<(Vec<u8>, bool)> =
        [("before", false), ("under a", true), ("under b", true), ("after", false)]
            .map(|(data, is_encrypted)| (data.into(), is_encrypted))
            .to_vec();
    assert_eq!(world.read().await, expected);
    for _ in 0..2 {
        world.crash().await;
        assert_eq!(world.read().await, expected);
    }
    world.start_with("a").await.expect("started again");
    assert!(world.put(b"again").await);
    assert_eq!(world.read().await.last(), Some(&(b"again".to_vec(), true)));
}

#[tokio::test]
async fn neither_data_nor_partition_key_is_on_the_disk_also_in_segments() {
    let mut world = World::unlimited().await;
    world.start_with("a").await.expect("started");
    // Journal files are small: many of them become segments.
    for _ in 0..600 {
        world.put(SECRET).await;
    }
    let segments = |world: &World| {
        world
            .disk
            .paths()
            .iter()
            .filter(|path| path.extension().is_some_and(|e| e == "segment"))
            .count()
    };
    while segments(&world) == 0 {
        tokio::task::yield_now().await;
    }
    world.crash().await;
    assert_eq!(world.leaks(), 0);
    assert_eq!(world.read().await.len(), 600);
    let report = inspect::inspect(&world.disk.crash(7), Path::new("/data")).expect("inspected");
    assert!(report.damage.is_empty());
    let catalog = Catalog::rebuild(report.snapshot.as_deref(), &report.commands).expect("rebuilt");
    let stream = catalog.streams().of_name(&world.scope, "s").expect("there");
    assert_eq!(stream.encryption.key_id.as_deref(), Some("a"));
    world.stop_with("a").await.expect("stopped");
    world.put(SECRET).await;
    assert!(world.leaks() > 0, "the search finds what is not encrypted");
}

#[tokio::test]
async fn every_problem_of_a_key_stops_puts_and_gets_at_once_and_ends_with_it() {
    let world = World::unlimited().await;
    world.put(b"plain").await;
    world.start_with("a").await.expect("started");
    world.put(b"sealed").await;
    let unwraps = || world.keys.unwraps.load(Ordering::SeqCst);
    assert_eq!((world.read().await.len(), unwraps()), (2, 1), "unwrapped once");
    for refused in [
        KeyProblem::NotFound,
        KeyProblem::Disabled,
        KeyProblem::PendingDeletion,
        KeyProblem::AccessDenied,
        KeyProblem::OptInRequired,
        KeyProblem::Throttled,
    ] {
        world.keys.set(Some(refused));
        assert_eq!(problem(world.try_put(ALICE, b"x").await), Some(refused));
        assert_eq!(problem(world.get(ALICE).await), Some(refused));
        assert_eq!(problem(world.start_with("a").await), Some(refused));
    }
    world.keys.set(None);
    let before = unwraps();
    assert_eq!(world.read().await.len(), 2);
    assert_eq!(unwraps(), before + 1, "what was unwrapped before is not used again");
    let mallory = "arn:aws:iam::123456789012:user/mallory";
    assert_eq!(problem(world.try_put(mallory, b"x").await), Some(KeyProblem::AccessDenied));
    assert_eq!(problem(world.get(mallory).await), Some(KeyProblem::AccessDenied));
    assert_eq!(problem(world.start_with("c").await), Some(KeyProblem::NotFound));
    // Stopping needs no key: it must be possible when the key is lost.
    world.keys.set(Some(KeyProblem::NotFound));
    world.stop_with("a").await.expect("stopped");
    assert!(!world.put(b"plain").await);
}

#[tokio::test]
async fn stopping_names_the_key_in_use() {
    let world = World::unlimited().await;
    world.stop_with("whatever").await.expect("nothing to stop");
    world.start_with("alias/a").await.expect("started");
    for other in ["b", "c"] {
        let stopped = world.stop_with(other).await;
        assert!(matches!(stopped, Err(EncryptionError::KeyNotInUse(_))), "{other}");
    }
    world.stop_with(&format!("{ARN}a")).await.expect("another name of the key");
    world.start_with("alias/a").await.expect("started");
    world.stop_with("alias/a").await.expect("the same name");
}

#[tokio::test]
async fn changes_pass_through_updating_and_are_limited_by_the_day() {
    let mut world = World::new(EngineSettings::default()).await;
    let settle = |world: &World| world.clock.advance_ms(1000);
    let status = |world: &World| {
        let stream = world.engine.stream(&world.scope, "s").expect("there");
        stream.status(world.engine.now_ms())
    };
    settle(&world);
    for _ in 0..25 {
        world.start_with("a").await.expect("started");
        assert_eq!(status(&world), Some(StreamStatus::Updating));
        assert!(world.put(b"x").await, "puts go on");
        let again = world.start_with("a").await;
        assert!(matches!(again, Err(EncryptionError::Stream(StreamUnavailable::NotActive(_)))));
        let stopped = world.stop_with("a").await;
        assert!(matches!(stopped, Err(EncryptionError::Stream(StreamUnavailable::NotActive(_)))));
        settle(&world);
        assert_eq!(status(&world), Some(StreamStatus::Active));
        world.stop_with("a").await.expect("stopped");
        assert_eq!(status(&world), Some(StreamStatus::Updating));
        settle(&world);
    }
    world.crash().await;
    let limited = world.start_with("a").await;
    assert!(matches!(
        limited,
        Err(EncryptionError::Limit(EncryptionLimit { stops: false, limit: 25, .. }))
    ));
    world.clock.advance_ms(24 * HOUR_MS - 50_000);
    world.start_with("a").await.expect("the first start is a day ago");
    settle(&world);
    world.stop_with("a").await.expect("and the first stop");
    settle(&world);
    world.clock.advance_ms(23 * HOUR_MS);
    let stream = world.engine.stream(&world.scope, "s").expect("there");
    assert!(stream.encryption.data_keys.len() <= 27);
}

#[tokio::test]
async fn with_another_data_key_records_are_an_error_and_never_garbage() {
    let world = World::unlimited().await;
    world.start_with("a").await.expect("started");
    world.put(SECRET).await;
    world.keys.mask.store(0x5b, Ordering::SeqCst);
    world.keys.set(None);
    let read = world.get(ALICE).await;
    assert!(matches!(read, Err(GetRecordsError::Read(ShardReadError::RecordNotAuthentic(_)))));
    world.keys.mask.store(0x5a, Ordering::SeqCst);
    world.keys.set(None);
    assert_eq!(world.read().await, [(SECRET.to_vec(), true)]);
}
