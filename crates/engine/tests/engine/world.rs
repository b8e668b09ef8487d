//! An engine on a disk, a clock and keys that the test moves, and what is done to one.
//!
//! What one file alone does stands in that file, in an `impl World` of its own.

use crate::keys::TestKeys;
use anabranch_engine::error::{
    CreateStreamError, GetRecordsError, PutError, ReshardError, ShardIteratorError, StartError,
};
use anabranch_engine::{
    Boundless, Components, Engine, EngineSettings, GetReply, GetRequest, NamedStream, NewStream,
    OpenIterator, OpenRun, PutEntry, PutOutcome, Records, Scope, ShardRates, StartingPosition,
    StoreOptions, Stream, StreamRef, StreamStatus,
};
use anabranch_env::{AgreedClock, Clock, FakeDisk, ManualClock};
use anabranch_model::ShardId;
use std::borrow::Cow;
use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::Arc;

/// Who calls.
pub(crate) const ALICE: &str = "arn:aws:iam::123456789012:user/alice";
/// The time at the start.
pub(crate) const START_MS: u64 = 1_700_000_000_000;
/// The stream of a test that needs one only.
pub(crate) const STREAM: &str = "s";

pub(crate) fn scope() -> Scope {
    Scope { account: Arc::from("123456789012"), region: Arc::from("us-east-1") }
}

/// [`STREAM`].
pub(crate) fn stream_ref() -> StreamRef {
    StreamRef { scope: scope(), name: Arc::from(STREAM) }
}

/// What an engine is started with, and what outlives it. By default there are no rates of shards
/// and no visible transitions, and journal files are so small that there are soon segments.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) disk: FakeDisk,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) keys: Arc<TestKeys>,
    pub(crate) options: StoreOptions,
    pub(crate) settings: EngineSettings,
    /// Whether the clock is believed only as far as its hands agree.
    pub(crate) agrees: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            disk: FakeDisk::default(),
            clock: Arc::new(ManualClock::at_ms(START_MS)),
            keys: Arc::default(),
            options: StoreOptions {
                journal_file_bytes: 16 << 10,
                tail_cache_bytes: 48 << 10,
                ..StoreOptions::new(PathBuf::from("/data"))
            },
            settings: EngineSettings {
                rates: ShardRates::OFF,
                transition_ms: 0,
                ..EngineSettings::default()
            },
            agrees: false,
        }
    }
}

impl Setup {
    pub(crate) fn components(&self) -> Components {
        let disk = Arc::new(self.disk.clone());
        let clock: Arc<dyn Clock> = match self.agrees {
            true => Arc::new(AgreedClock::new(self.clock.clone())),
            false => self.clock.clone(),
        };
        Components::alone(disk, clock, self.keys.clone())
    }

    pub(crate) async fn start(&self) -> Result<Arc<Engine>, StartError> {
        let (options, settings) = (self.options.clone(), self.settings.clone());
        Engine::start_among(options, settings, self.components()).await
    }
}

/// A running engine.
pub(crate) struct World {
    pub(crate) engine: Arc<Engine>,
    pub(crate) scope: Scope,
    setup: Setup,
}

impl Deref for World {
    type Target = Setup;

    fn deref(&self) -> &Setup {
        &self.setup
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Setup {
        &mut self.setup
    }
}

impl World {
    pub(crate) async fn new(setup: Setup) -> Self {
        Self { engine: setup.start().await.expect("the engine starts"), scope: scope(), setup }
    }

    pub(crate) async fn unlimited() -> Self {
        Self::new(Setup::default()).await
    }

    pub(crate) async fn with(settings: EngineSettings) -> Self {
        Self::new(Setup { settings, ..Setup::default() }).await
    }

    /// With [`STREAM`].
    pub(crate) async fn with_stream(shards: u32, settings: EngineSettings) -> Self {
        let world = Self::with(settings).await;
        world.create(STREAM, shards).await.expect("created");
        world
    }

    /// With [`STREAM`], and nothing is limited.
    pub(crate) async fn plain(shards: u32) -> Self {
        Self::with_stream(shards, Setup::default().settings).await
    }

    /// Ends the engine, and starts another one.
    pub(crate) async fn restart(&mut self) {
        self.engine.store().shut_down();
        self.engine = self.start().await.expect("the engine starts");
    }

    /// Takes the power away, and starts another engine on what is on the disk.
    pub(crate) async fn cut_power(&mut self) {
        self.disk = self.disk.crash(7);
        self.engine = self.start().await.expect("the engine starts");
    }

    /// Creates a provisioned stream.
    pub(crate) async fn create(&self, name: &str, shards: u32) -> Result<(), CreateStreamError> {
        let new = NewStream::provisioned(name, shards);
        self.engine.control.create_stream(&self.scope, new).await
    }

    pub(crate) fn stream(&self) -> Arc<Stream> {
        self.engine.stream(&self.scope, STREAM).expect("there")
    }

    pub(crate) fn status(&self) -> Option<StreamStatus> {
        self.stream().status(self.engine.now_ms())
    }

    /// Waits until the stream has become what it is asked to be.
    pub(crate) async fn settle(&self) {
        while self.status() == Some(StreamStatus::Updating) {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn split(&self, shard: &str, at: u128) -> Result<(), ReshardError> {
        self.engine.control.split_shard(&self.scope, STREAM, shard, &at.to_string()).await
    }

    /// Puts records, which have a key and data each.
    pub(crate) async fn put(&self, name: &str, records: &[(&str, &[u8])]) -> Vec<PutOutcome> {
        let entries: Vec<_> = records.iter().map(|(key, data)| entry(key, data)).collect();
        let put = try_put(&self.engine, name, &entries).await;
        put.expect("committed").expect("no reshard")
    }

    /// Puts a record where the hash key says.
    pub(crate) async fn put_at(&self, hash_key: u128, data: &[u8]) -> PutOutcome {
        let put = try_put(&self.engine, STREAM, &[entry_at(hash_key, data)]).await;
        put.expect("committed").expect("no reshard")[0]
    }

    pub(crate) fn iterator(
        &self,
        name: &str,
        shard: u32,
        position: StartingPosition,
    ) -> Result<String, ShardIteratorError> {
        let shard = ShardId(shard).to_string();
        self.engine.data.shard_iterator(&named(&self.engine, name), &shard, &position)
    }

    pub(crate) async fn get(
        &self,
        iterator: &str,
        max: usize,
    ) -> Result<GetReply, GetRecordsError> {
        let iterator = self.engine.data.open_iterator(iterator).expect("an iterator");
        self.engine
            .data
            .get_records(get_request(&self.scope, &iterator, max), &Boundless)
            .await
            .map(|(reply, _)| reply)
    }

    /// Data of all records of a shard from a position on.
    pub(crate) async fn read(
        &self,
        name: &str,
        shard: u32,
        position: StartingPosition,
    ) -> Vec<Vec<u8>> {
        let mut iterator = self.iterator(name, shard, position).expect("an iterator");
        let mut data = Vec::new();
        loop {
            let reply = self.get(&iterator, 100).await.expect("records");
            data.extend(contents(&reply.runs));
            if reply.millis_behind_latest == 0 {
                return data;
            }
            iterator = reply.next_iterator.expect("an open shard");
        }
    }

    /// Segments whose name has this part.
    pub(crate) fn segments(&self, part: &str) -> Vec<PathBuf> {
        let mut paths = self.disk.paths();
        paths.retain(|path| {
            let name = path.to_string_lossy();
            name.ends_with(".segment") && name.contains(part)
        });
        paths
    }
}

/// What there is under a name.
pub(crate) fn named(engine: &Engine, name: &str) -> NamedStream {
    engine.named(StreamRef { scope: scope(), name: name.into() })
}

/// A record with a key.
pub(crate) fn entry<'a>(key: &'a str, data: &'a [u8]) -> PutEntry<'a, &'a [u8]> {
    PutEntry { partition_key: Some(Cow::Borrowed(key)), explicit_hash_key: None, data }
}

/// A record that goes where the hash key says.
pub(crate) fn entry_at(hash_key: u128, data: &[u8]) -> PutEntry<'_, &[u8]> {
    PutEntry { explicit_hash_key: Some(hash_key), ..entry("k", data) }
}

/// Puts records. `None`: a shard has just been closed, and nothing is stored.
pub(crate) async fn try_put(
    engine: &Engine,
    name: &str,
    entries: &[PutEntry<'_, &[u8]>],
) -> Result<Option<Vec<PutOutcome>>, PutError> {
    let prepared = engine.data.prepare_put_records(&named(engine, name), ALICE, entries)?;
    Ok(engine.data.commit_put(prepared).await?)
}

/// Puts records, again when a shard is closed meanwhile.
pub(crate) async fn put_on(
    engine: &Engine,
    name: &str,
    entries: &[PutEntry<'_, &[u8]>],
) -> Result<Vec<PutOutcome>, PutError> {
    loop {
        if let Some(outcomes) = try_put(engine, name, entries).await? {
            return Ok(outcomes);
        }
    }
}

/// To get records at an iterator, so many at most.
pub(crate) fn get_request<'a>(
    scope: &'a Scope,
    iterator: &'a OpenIterator,
    records_max: usize,
) -> GetRequest<'a> {
    GetRequest { scope, principal: ALICE, iterator, records_max, dry_run: false }
}

/// Data of all records.
pub(crate) fn contents(runs: &[OpenRun]) -> Vec<Vec<u8>> {
    let records = runs.iter().flat_map(|run| Records::new(&run.body));
    records.map(|record| record.data.to_vec()).collect()
}
