//! Encryption through the engine's public API, on a fake disk and a keyring that the test moves.

use crate::keys::KEY_ARN;
use crate::world::{ALICE, STREAM, World, entry, get_request, named};
use anabranch_engine::error::{
    EncryptionError, EncryptionLimit, GetRecordsError, PutError, ShardReadError, StreamUnavailable,
};
use anabranch_engine::{
    Boundless, Catalog, EngineSettings, GetReply, GetRequest, KeyProblem, KeyRequest, Records,
    StartingPosition, StreamStatus, inspect,
};
use anabranch_env::Disk;
use anabranch_model::retention::HOUR_MS;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const KEY: &str = "key-that-must-not-show";
const SECRET: &[u8] = b"plaintext-that-must-not-show";

impl World {
    fn request(&self, key: &str) -> KeyRequest {
        let (caller, key_id) = (self.scope.clone(), key.to_owned());
        KeyRequest { caller, principal: Arc::from(ALICE), key_id }
    }

    async fn start_with(&self, key: &str) -> Result<(), EncryptionError> {
        self.engine.control.start_encryption(&self.scope, STREAM, self.request(key)).await
    }

    async fn stop_with(&self, key: &str) -> Result<(), EncryptionError> {
        self.engine.control.stop_encryption(&self.scope, STREAM, self.request(key)).await
    }

    async fn try_store(&self, principal: &str, data: &[u8]) -> Result<bool, PutError> {
        let entry = entry(KEY, data);
        let prepared = self.engine.data.prepare_put_records(
            &named(&self.engine, STREAM),
            principal,
            &[entry],
        )?;
        let is_encrypted = prepared.is_encrypted();
        self.engine.data.commit_put(prepared).await?.expect("no reshard");
        Ok(is_encrypted)
    }

    async fn store(&self, data: &[u8]) -> bool {
        self.try_store(ALICE, data).await.expect("stored")
    }

    async fn get_as(&self, principal: &str) -> Result<GetReply, GetRecordsError> {
        let iterator = self.iterator(STREAM, 0, StartingPosition::TrimHorizon);
        let iterator = self.engine.data.open_iterator(&iterator.expect("an iterator"));
        let iterator = iterator.expect("an iterator");
        let request = GetRequest { principal, ..get_request(&self.scope, &iterator, 1000) };
        self.engine.data.get_records(request, &Boundless).await.map(|(reply, _)| reply)
    }

    /// Data of all records, and whether each is encrypted.
    async fn read_stored(&self) -> Vec<(Vec<u8>, bool)> {
        let reply = self.get_as(ALICE).await.expect("read");
        let records = reply.runs.iter().flat_map(|run| {
            Records::new(&run.body).map(|record| {
                assert_eq!(record.partition_key, Some(KEY));
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
            shows(SECRET) || shows(KEY.as_bytes())
        };
        disk.paths().iter().filter(|path| shows(path)).count()
    }
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
    let mut world = World::plain(1).await;
    assert!(!world.store(b"before").await);
    world.start_with("alias/a").await.expect("started");
    assert!(world.store(b"under a").await);
    world.start_with("b").await.expect("given another key");
    assert!(world.store(b"under b").await);
    world.stop_with("b").await.expect("stopped");
    assert!(!world.store(b"after").await);
    let expected: Vec<(Vec<u8>, bool)> =
        [("before", false), ("under a", true), ("under b", true), ("after", false)]
            .map(|(data, is_encrypted)| (data.into(), is_encrypted))
            .to_vec();
    assert_eq!(world.read_stored().await, expected);
    for _ in 0..2 {
        world.cut_power().await;
        assert_eq!(world.read_stored().await, expected);
    }
    world.start_with("a").await.expect("started again");
    assert!(world.store(b"again").await);
    assert_eq!(world.read_stored().await.last(), Some(&(b"again".to_vec(), true)));
}

#[tokio::test]
async fn neither_data_nor_partition_key_is_on_the_disk_also_in_segments() {
    let mut world = World::plain(1).await;
    world.start_with("a").await.expect("started");
    // Journal files are small: many of them become segments.
    for _ in 0..600 {
        world.store(SECRET).await;
    }
    while world.segments("").is_empty() {
        tokio::task::yield_now().await;
    }
    world.cut_power().await;
    assert_eq!(world.leaks(), 0);
    assert_eq!(world.read_stored().await.len(), 600);
    let report = inspect::inspect(&world.disk.crash(7), Path::new("/data")).expect("inspected");
    assert!(report.damage.is_empty());
    let catalog = Catalog::rebuild(report.snapshot.as_deref(), &report.commands).expect("rebuilt");
    let stream = catalog.streams().of_name(&world.scope, STREAM).expect("there");
    assert_eq!(stream.encryption.key_id.as_deref(), Some("a"));
    world.stop_with("a").await.expect("stopped");
    world.store(SECRET).await;
    assert!(world.leaks() > 0, "the search finds what is not encrypted");
}

#[tokio::test]
async fn every_problem_of_a_key_stops_puts_and_gets_at_once_and_ends_with_it() {
    let world = World::plain(1).await;
    world.store(b"plain").await;
    world.start_with("a").await.expect("started");
    world.store(b"sealed").await;
    let unwraps = || world.keys.unwraps.load(Ordering::SeqCst);
    assert_eq!((world.read_stored().await.len(), unwraps()), (2, 1), "unwrapped once");
    for refused in [
        KeyProblem::NotFound,
        KeyProblem::Disabled,
        KeyProblem::PendingDeletion,
        KeyProblem::AccessDenied,
        KeyProblem::OptInRequired,
        KeyProblem::Throttled,
    ] {
        world.keys.set(Some(refused));
        assert_eq!(problem(world.try_store(ALICE, b"x").await), Some(refused));
        assert_eq!(problem(world.get_as(ALICE).await), Some(refused));
        assert_eq!(problem(world.start_with("a").await), Some(refused));
    }
    world.keys.set(None);
    let before = unwraps();
    assert_eq!(world.read_stored().await.len(), 2);
    assert_eq!(unwraps(), before + 1, "what was unwrapped before is not used again");
    let mallory = "arn:aws:iam::123456789012:user/mallory";
    assert_eq!(problem(world.try_store(mallory, b"x").await), Some(KeyProblem::AccessDenied));
    assert_eq!(problem(world.get_as(mallory).await), Some(KeyProblem::AccessDenied));
    assert_eq!(problem(world.start_with("c").await), Some(KeyProblem::NotFound));
    // Stopping needs no key: it must be possible when the key is lost.
    world.keys.set(Some(KeyProblem::NotFound));
    world.stop_with("a").await.expect("stopped");
    assert!(!world.store(b"plain").await);
}

#[tokio::test]
async fn stopping_names_the_key_in_use() {
    let world = World::plain(1).await;
    world.stop_with("whatever").await.expect("nothing to stop");
    world.start_with("alias/a").await.expect("started");
    for other in ["b", "c"] {
        let stopped = world.stop_with(other).await;
        assert!(matches!(stopped, Err(EncryptionError::KeyNotInUse(_))), "{other}");
    }
    world.stop_with(&format!("{KEY_ARN}a")).await.expect("another name of the key");
    world.start_with("alias/a").await.expect("started");
    world.stop_with("alias/a").await.expect("the same name");
}

#[tokio::test]
async fn changes_pass_through_updating_and_are_limited_by_the_day() {
    let mut world = World::with_stream(1, EngineSettings::default()).await;
    let settle = |world: &World| world.clock.advance_ms(1000);
    settle(&world);
    for _ in 0..25 {
        world.start_with("a").await.expect("started");
        assert_eq!(world.status(), Some(StreamStatus::Updating));
        assert!(world.store(b"x").await, "puts go on");
        let again = world.start_with("a").await;
        assert!(matches!(again, Err(EncryptionError::Stream(StreamUnavailable::NotActive(_)))));
        let stopped = world.stop_with("a").await;
        assert!(matches!(stopped, Err(EncryptionError::Stream(StreamUnavailable::NotActive(_)))));
        settle(&world);
        assert_eq!(world.status(), Some(StreamStatus::Active));
        world.stop_with("a").await.expect("stopped");
        assert_eq!(world.status(), Some(StreamStatus::Updating));
        settle(&world);
    }
    world.cut_power().await;
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
    let stream = world.stream();
    assert!(stream.encryption.data_keys.len() <= 27);
}

#[tokio::test]
async fn with_another_data_key_records_are_an_error_and_never_garbage() {
    let world = World::plain(1).await;
    world.start_with("a").await.expect("started");
    world.store(SECRET).await;
    world.keys.mask.store(0x5b, Ordering::SeqCst);
    world.keys.set(None);
    let read = world.get_as(ALICE).await;
    assert!(matches!(read, Err(GetRecordsError::Read(ShardReadError::RecordNotAuthentic(_)))));
    world.keys.mask.store(0x5a, Ordering::SeqCst);
    world.keys.set(None);
    assert_eq!(world.read_stored().await, [(SECRET.to_vec(), true)]);
}
