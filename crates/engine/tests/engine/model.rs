//! The engine against a plain model of it: random puts, splits, merges, retention, streams that come
//! and go, clock jumps, faults of the disk, crashes and restarts.
//!
//! What is done depends on the seed alone; where a fault meets it, on the threads' timing as well.
//! A failure names its seed; `ANABRANCH_SEED=n` runs that one alone.

use crate::ring::{assert_covers_ring, list};
use crate::world::{START_MS, Setup, entry, get_request, named, put_on, scope};
use anabranch_engine::error::{
    ChangeFailure, CreateStreamError, DeleteStreamError, NotReshardable, PutError, RescaleError,
    ReshardError, RetentionError, ShardIteratorError, ShardNameError, StreamUnavailable,
};
use anabranch_engine::{
    Boundless, Engine, EngineSettings, NewStream, PutOutcome, Records, StartError,
    StartingPosition, StoreHealth, StoreOptions,
};
use anabranch_env::{Clock, Fault, PowerCut};
use anabranch_model::ShardId;
use anabranch_model::retention::HOUR_MS;
use anabranch_model::shard_filter::ShardFilter;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

const CASES: u64 = 1_000;
const OPEN_SHARDS_MAX: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    key: String,
    data: Vec<u8>,
}

#[derive(Debug, Default)]
struct StreamModel {
    /// By shard and sequence number, with arrival times.
    records: BTreeMap<(ShardId, String), (u64, Record)>,
    /// Puts that failed: they are there as a whole, or not at all.
    uncertain: Vec<Vec<Record>>,
    /// Records that arrived before may be gone.
    floor_ms: u64,
    /// What was before this at the last look was hidden.
    horizon_ms: u64,
    /// Failed puts of earlier lives that were not seen since a start, because the clock was ahead.
    hidden: Vec<Vec<Record>>,
}

struct Case {
    seed: u64,
    rng: StdRng,
    setup: Setup,
    streams: BTreeMap<String, StreamModel>,
    /// Streams whose creation or deletion failed.
    doubtful: Vec<String>,
    engine: Option<Arc<Engine>>,
    next_datum: u64,
    /// Whether this process may meet a fault or a full volume.
    is_faulty: bool,
    /// Whether what was found is compared for the first time.
    is_starting: bool,
}

fn setup() -> Setup {
    Setup {
        options: StoreOptions {
            journal_file_bytes: 8 << 10,
            tail_cache_bytes: 24 << 10,
            ..StoreOptions::new(PathBuf::from("/srv/data"))
        },
        settings: EngineSettings { limit_streams: false, ..Setup::default().settings },
        ..Setup::default()
    }
}

impl Case {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            rng: StdRng::seed_from_u64(seed),
            setup: setup(),
            streams: BTreeMap::new(),
            doubtful: Vec::new(),
            engine: None,
            next_datum: 0,
            is_faulty: false,
            is_starting: false,
        }
    }

    async fn run(mut self) {
        for _ in 0..self.rng.random_range(1..4) {
            self.live().await;
            self.end();
        }
        self.setup.disk.set_space(None);
        self.is_faulty = false;
        self.open_well().await;
        self.check().await;
    }

    fn engine(&self) -> Arc<Engine> {
        self.engine.clone().expect("started")
    }

    async fn live(&mut self) {
        let faults = [Fault::Dead, Fault::Broken, Fault::BrokenQuietly, Fault::NoSpace];
        match self.rng.random_range(0..10) {
            0..=5 => {
                let fault = faults[self.rng.random_range(0..faults.len())];
                self.setup.disk.fail_at(self.rng.random_range(0..90), fault);
                self.is_faulty = true;
            }
            6 => {
                self.setup.disk.set_space(Some(self.rng.random_range(0..60_000)));
                self.is_faulty = true;
            }
            _ => {}
        }
        if self.open().await.is_err() {
            assert!(self.is_faulty, "seed {}: it does not start", self.seed);
            self.setup.disk.set_space(None);
            self.end();
            self.open_well().await;
        }
        for _ in 0..self.rng.random_range(5..35) {
            self.act().await;
        }
    }

    /// Ends the process in one way or another.
    fn end(&mut self) {
        // A process that is killed does not get this far; what it does here it has begun before.
        if let Some(engine) = self.engine.take() {
            engine.store().shut_down();
        }
        let cut = PowerCut::ALL[self.rng.random_range(0..PowerCut::ALL.len())];
        self.setup.disk = match self.rng.random_range(0..4) {
            0 => self.setup.disk.restart(),
            _ => self.setup.disk.power_cut(cut, self.rng.random()),
        };
        self.is_faulty = self.setup.disk.free_space().is_some();
    }

    async fn open(&mut self) -> Result<(), StartError> {
        let engine = self.setup.start().await?;
        self.engine = Some(engine.clone());
        for name in std::mem::take(&mut self.doubtful) {
            if engine.stream(&scope(), &name).is_err() {
                self.streams.remove(&name);
            } else {
                self.streams.entry(name).or_default();
            }
        }
        self.is_starting = true;
        self.check().await;
        self.is_starting = false;
        for stream in self.streams.values_mut() {
            stream.uncertain.clear();
        }
        Ok(())
    }

    async fn open_well(&mut self) {
        if let Err(error) = self.open().await {
            panic!("seed {}: {error}", self.seed);
        }
    }

    async fn act(&mut self) {
        self.raise_floors();
        let names: Vec<String> = self.streams.keys().cloned().collect();
        let action = self.rng.random_range(0..24);
        let Some(name) = names.get(self.rng.random_range(0..names.len().max(1))).cloned() else {
            return self.create().await;
        };
        match action {
            0 => self.create().await,
            1 if self.rng.random_bool(0.3) => self.delete(name).await,
            2..=4 => self.reshard(&name).await,
            5 => self.set_retention(&name).await,
            6 | 7 => self.move_clock(),
            8 | 9 => self.check().await,
            10 => self.engine().store().nudge_maintenance(),
            _ => self.put(&name).await,
        }
        self.raise_floors();
    }

    /// What is before the horizon now may be gone for good.
    fn raise_floors(&mut self) {
        let engine = self.engine();
        let now_ms = self.setup.clock.now_ms();
        for (name, model) in &mut self.streams {
            let Ok(stream) = engine.stream(&scope(), name) else { continue };
            model.horizon_ms = stream.retention.trim_horizon_ms(now_ms);
            model.floor_ms = model.floor_ms.max(model.horizon_ms);
        }
    }

    /// An error of an operation: only what was planned may be its cause.
    fn expect_fault(&self, error: &Refused) {
        assert!(self.is_faulty, "seed {}: {error:?}", self.seed);
        assert!(matches!(error, Refused::Append), "seed {}: {error:?}", self.seed);
    }

    async fn create(&mut self) {
        let name = ["one", "two"][self.rng.random_range(0..2)].to_owned();
        if self.streams.contains_key(&name) || self.doubtful.contains(&name) {
            return;
        }
        let new = NewStream::provisioned(name.clone(), self.rng.random_range(1..4));
        match self.engine().control.create_stream(&scope(), new).await {
            Ok(()) => drop(self.streams.insert(name, StreamModel::default())),
            // Its deletion goes on.
            Err(CreateStreamError::Exists(_)) => {}
            Err(error) => {
                self.expect_fault(&error.into());
                self.doubtful.push(name);
            }
        }
    }

    async fn delete(&mut self, name: String) {
        match self.engine().control.delete_stream(&scope(), &name, true).await {
            Ok(()) => drop(self.streams.remove(&name)),
            Err(error) => {
                self.expect_fault(&error.into());
                self.doubtful.push(name);
            }
        }
    }

    async fn reshard(&mut self, name: &str) {
        let (engine, scope) = (self.engine(), scope());
        let mut open = list(&engine, &scope, name, ShardFilter::AtLatest);
        open.sort_by_key(|shard| shard.range.start);
        let place = self.rng.random_range(0..open.len());
        let range = open[place].range;
        let outcome = match self.rng.random_range(0..3) {
            0 if place > 0 => {
                let [lower, upper] = [place - 1, place].map(|at| open[at].id.to_string());
                let merged = engine.control.merge_shards(&scope, name, &lower, &upper).await;
                merged.map_err(Refused::from)
            }
            1 if open.len() < OPEN_SHARDS_MAX => {
                let target = self.rng.random_range(open.len().div_ceil(2)..=open.len() * 2) as u32;
                let begun = engine.control.update_shard_count(&scope, name, target).await;
                begun.map(drop).map_err(Refused::from)
            }
            _ if open.len() < OPEN_SHARDS_MAX && range.end_inclusive - range.start > 10 => {
                let at = self.rng.random_range(range.start + 2..=range.end_inclusive - 1);
                let shard = open[place].id.to_string();
                let split = engine.control.split_shard(&scope, name, &shard, &at.to_string()).await;
                split.map_err(Refused::from)
            }
            _ => return,
        };
        match outcome {
            // A change of the shard count goes on meanwhile.
            Ok(()) | Err(Refused::StreamNotActive) => {}
            Err(error) => {
                // It may have ended between the look and the call, and what was open is so no more.
                let mut now_open = list(&engine, &scope, name, ShardFilter::AtLatest);
                now_open.sort_by_key(|shard| shard.range.start);
                if now_open == open {
                    self.expect_fault(&error);
                }
            }
        }
    }

    async fn set_retention(&mut self, name: &str) {
        let engine = self.engine();
        let current = engine.stream(&scope(), name).expect("there").retention.hours;
        let hours = [24, 25, 100, 168, 500][self.rng.random_range(0..5)];
        let outcome = match hours > i64::from(current) {
            true => engine.control.increase_retention(&scope(), name, hours).await,
            false => engine.control.decrease_retention(&scope(), name, hours).await,
        };
        match outcome.map_err(Refused::from) {
            Ok(()) | Err(Refused::StreamNotActive) => {}
            Err(error) => {
                self.expect_fault(&error);
                // It may have been done: what it would hide may be hidden.
                let horizon_ms = engine.now_ms().saturating_sub(24 * HOUR_MS);
                let model = self.streams.get_mut(name).expect("there");
                model.floor_ms = model.floor_ms.max(horizon_ms);
            }
        }
    }

    fn move_clock(&mut self) {
        let now_ms = self.setup.clock.now_ms();
        let by_ms = match self.rng.random_range(0..3) {
            0 => self.rng.random_range(0..5_000),
            _ => self.rng.random_range(0..40 * HOUR_MS),
        };
        let moved_ms = if self.rng.random() { now_ms + by_ms } else { now_ms - by_ms };
        self.setup.clock.set_ms(moved_ms);
    }

    async fn put(&mut self, name: &str) {
        let bytes_max = [20, 300, 2_000][self.rng.random_range(0..3)];
        let records: Vec<Record> = (0..self.rng.random_range(1..5))
            .map(|_| {
                let mut data = self.next_datum.to_le_bytes().to_vec();
                self.next_datum += 1;
                data.resize(self.rng.random_range(8..=bytes_max), 7);
                Record { key: format!("key {}", self.rng.random_range(0..30)), data }
            })
            .collect();
        let (engine, was_failed) = (self.engine(), self.health() == StoreHealth::Failed);
        match put(&engine, name, &records).await {
            Ok(outcomes) => {
                assert!(!was_failed, "seed {}: acknowledged after a failure", self.seed);
                let now_ms = engine.now_ms();
                let model = self.streams.get_mut(name).expect("there");
                for (record, outcome) in records.into_iter().zip(outcomes) {
                    let PutOutcome::Stored { shard, sequence_number } = outcome else {
                        panic!("there are no limits");
                    };
                    let number = sequence_number.to_string();
                    let own = model.records.range(..(ShardId(shard.0 + 1), String::new()));
                    let last = own.last().filter(|((one, _), _)| *one == shard);
                    let rises = last.is_none_or(|((_, last), _)| *last < number);
                    assert!(rises, "seed {}: {number} after {last:?}", self.seed);
                    model.records.insert((shard, number), (now_ms, record));
                }
            }
            Err(error) => {
                self.expect_fault(&error.into());
                self.streams.get_mut(name).expect("there").uncertain.push(records);
            }
        }
    }

    fn health(&self) -> StoreHealth {
        self.engine().store().health()
    }

    /// Reads every stream and compares it with the model.
    async fn check(&mut self) {
        self.raise_floors();
        let engine = self.engine();
        let mut names: Vec<String> = self.streams.keys().cloned().collect();
        names.retain(|name| !self.doubtful.contains(name));
        for name in &names {
            assert_covers_ring(&list(&engine, &scope(), name, ShardFilter::AtLatest));
            let mut found = BTreeMap::new();
            for shard in list(&engine, &scope(), name, ShardFilter::FromTrimHorizon) {
                self.read_shard(&engine, name, shard.id, &mut found).await;
            }
            self.compare(name, found);
        }
    }

    fn compare(&mut self, name: &str, mut found: BTreeMap<(ShardId, String), (u64, Record)>) {
        let seed = self.seed;
        let model = self.streams.get_mut(name).expect("there");
        for (place, (arrival_ms, record)) in &model.records {
            let is_found = found.remove(place).map(|(_, found)| found);
            if let Some(found) = is_found {
                assert_eq!(found, *record, "seed {seed}: {name} {place:?}");
            } else {
                assert!(*arrival_ms < model.floor_ms, "seed {seed}: {name} lost {place:?}");
            }
        }
        // What failed shows after a start, if at all: as a whole or not, and once and for all. Only a
        // clock that is ahead then may hide it until it is right.
        let mut failed = std::mem::take(&mut model.hidden);
        if self.is_starting {
            failed.append(&mut model.uncertain);
        }
        let may_hide = model.horizon_ms > START_MS;
        for sent in failed {
            let is_sent = |(_, record): &(u64, Record)| sent.contains(record);
            let there: Vec<_> = found
                .iter()
                .filter(|(_, record)| is_sent(record))
                .map(|(p, _)| p.clone())
                .collect();
            let is_whole = there.is_empty() || there.len() == sent.len();
            assert!(is_whole, "seed {seed}: {name}: half of {sent:?}");
            if there.is_empty() && may_hide {
                model.hidden.push(sent.clone());
            }
            for place in there {
                let record = found.remove(&place).expect("there");
                model.records.insert(place, record);
            }
        }
        assert!(found.is_empty(), "seed {seed}: {name}: never sent: {found:?}");
    }

    async fn read_shard(
        &mut self,
        engine: &Arc<Engine>,
        name: &str,
        shard: ShardId,
        found: &mut BTreeMap<(ShardId, String), (u64, Record)>,
    ) {
        let (scope, text) = (scope(), shard.to_string());
        let start =
            engine.data.shard_iterator(&named(engine, name), &text, &StartingPosition::TrimHorizon);
        let is_listed = || {
            let shards = list(engine, &scope, name, ShardFilter::FromTrimHorizon);
            shards.iter().any(|one| one.id == shard)
        };
        let mut iterator = match start {
            Ok(iterator) => iterator,
            // A rescaling goes on by itself. It closes a shard at the time at which that was journaled,
            // and if the clock has jumped over the retention since, the shard has expired at once.
            Err(ShardIteratorError::Shard(ShardNameError::NotFound(_))) if !is_listed() => return,
            Err(error) => panic!("seed {}: {name} {shard}: {error}", self.seed),
        };
        let mut last = (String::new(), 0);
        loop {
            let opened = engine.data.open_iterator(&iterator);
            let opened = opened.unwrap_or_else(|error| panic!("seed {}: {error}", self.seed));
            let request = get_request(&scope, &opened, self.rng.random_range(1..40));
            let reply = match engine.data.get_records(request, &Boundless).await {
                Ok((reply, _)) => reply,
                Err(error) => panic!("seed {}: {error}", self.seed),
            };
            let durable = engine.store().durable_index();
            for run in &reply.runs {
                for (index, record) in (run.first_index..).zip(Records::new(&run.body)) {
                    assert!(index < durable, "seed {}: read before it is durable", self.seed);
                    let number = reply.slot.shard.sequence_number(index, run.arrival_ms);
                    let place = (number.to_string(), run.arrival_ms);
                    let rises = place.0 > last.0 && place.1 >= last.1;
                    assert!(rises, "seed {}: {place:?} after {last:?}", self.seed);
                    let key = record.partition_key.expect("a key").to_owned();
                    let record = Record { key, data: record.data.to_vec() };
                    found.insert((shard, place.0.clone()), (run.arrival_ms, record));
                    last = place;
                }
            }
            match reply.next_iterator {
                Some(next) if reply.millis_behind_latest > 0 => iterator = next,
                _ => return,
            }
        }
    }
}

async fn put(engine: &Engine, name: &str, records: &[Record]) -> Result<Vec<PutOutcome>, PutError> {
    let entries: Vec<_> = records.iter().map(|record| entry(&record.key, &record.data)).collect();
    put_on(engine, name, &entries).await
}

/// In halves, so that two cores share them.
fn run_all(half: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let only = std::env::var("ANABRANCH_SEED").ok().and_then(|seed| seed.parse().ok());
    match only {
        Some(seed) => runtime.block_on(Case::new(seed).run()),
        None => {
            for seed in (half..CASES).step_by(2) {
                runtime.block_on(Case::new(seed).run());
            }
        }
    }
}

#[test]
fn the_service_keeps_what_it_acknowledged_even_seeds() {
    run_all(0);
}

#[test]
fn the_service_keeps_what_it_acknowledged_odd_seeds() {
    run_all(1);
}

/// Why an operation was refused, as far as the model cares.
#[derive(Debug)]
enum Refused {
    Append,
    StreamNotActive,
    Other { _error: String },
}

impl Refused {
    fn other(error: impl std::fmt::Display) -> Self {
        Self::Other { _error: error.to_string() }
    }
}

impl From<PutError> for Refused {
    fn from(error: PutError) -> Self {
        match error {
            PutError::Append(_) => Self::Append,
            other => Self::other(other),
        }
    }
}

impl From<CreateStreamError> for Refused {
    fn from(error: CreateStreamError) -> Self {
        match error {
            CreateStreamError::Failure(ChangeFailure::Append(_)) => Self::Append,
            other => Self::other(other),
        }
    }
}

impl From<DeleteStreamError> for Refused {
    fn from(error: DeleteStreamError) -> Self {
        match error {
            DeleteStreamError::Failure(ChangeFailure::Append(_)) => Self::Append,
            other => Self::other(other),
        }
    }
}

impl From<ReshardError> for Refused {
    fn from(error: ReshardError) -> Self {
        match error {
            ReshardError::Failure(ChangeFailure::Append(_)) => Self::Append,
            ReshardError::Stream(NotReshardable::Stream(StreamUnavailable::NotActive(_))) => {
                Self::StreamNotActive
            }
            other => Self::other(other),
        }
    }
}

impl From<RescaleError> for Refused {
    fn from(error: RescaleError) -> Self {
        match error {
            RescaleError::Failure(ChangeFailure::Append(_)) => Self::Append,
            RescaleError::Stream(NotReshardable::Stream(StreamUnavailable::NotActive(_))) => {
                Self::StreamNotActive
            }
            other => Self::other(other),
        }
    }
}

impl From<RetentionError> for Refused {
    fn from(error: RetentionError) -> Self {
        match error {
            RetentionError::Failure(ChangeFailure::Append(_)) => Self::Append,
            RetentionError::Stream(StreamUnavailable::NotActive(_)) => Self::StreamNotActive,
            other => Self::other(other),
        }
    }
}
