//! Producers that never stop, random reshards, and a power cut in or around most of them: what
//! was acknowledged is read once, in order, parents before their children.
//!
//! Where a power cut falls depends on the threads' timing, what is done does not. A failure names
//! its seed; `ANABRANCH_SEED` runs that one alone.

use crate::ring::{assert_covers_ring, list};
use crate::world::{STREAM, Setup, entry, get_request, named, put_on, scope};
use anabranch_engine::error::{ChangeFailure, PutError, RescaleError, ReshardError};
use anabranch_engine::{
    Boundless, Engine, EngineSettings, NewStream, PutOutcome, Records, StartingPosition,
    StreamStatus,
};
use anabranch_env::Fault;
use anabranch_model::shard_filter::ShardFilter;
use anabranch_model::{Shard, ShardId, hash_key};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::{JoinSet, yield_now};

const SEEDS: u64 = 25;
/// With [`SEEDS`] and the share that has one, more than 1,000 reshards with a power cut.
const RESHARDS: usize = 50;
const PRODUCERS: usize = 3;
const KEYS: u64 = 2;
const OPEN_SHARDS_MAX: u32 = 12;
/// A seed takes a fraction of a second.
const SEED_PATIENCE: Duration = Duration::from_secs(60);

/// What one producer knows.
#[derive(Debug, Default)]
struct Producer {
    /// Counter of its next record.
    next: u64,
    /// Counter and sequence number of each record that was acknowledged, by partition key.
    acknowledged: BTreeMap<String, Vec<(u64, String)>>,
}

struct Case {
    seed: u64,
    rng: StdRng,
    setup: Setup,
    producers: Vec<Arc<Mutex<Producer>>>,
    crashes: u32,
}

/// One process.
struct Life {
    engine: Arc<Engine>,
    stop: Arc<AtomicBool>,
    running: JoinSet<()>,
}

impl Case {
    fn new(seed: u64) -> Self {
        // Half of the seeds have a reshard as a state of the stream before it is made.
        let transition_ms = seed % 2;
        let settings =
            EngineSettings { limit_streams: false, transition_ms, ..Setup::default().settings };
        Self {
            seed,
            rng: StdRng::seed_from_u64(seed),
            setup: Setup { settings, ..Setup::default() },
            producers: (0..PRODUCERS).map(|_| Arc::default()).collect(),
            crashes: 0,
        }
    }

    async fn run(mut self) {
        let mut life = self.begin().await;
        self.create(&life.engine).await;
        self.produce(&mut life);
        for _ in 0..RESHARDS {
            self.until_active(&life).await;
            if self.rng.random_bool(0.85) {
                // In a reshard, before or after it: a record more or less decides.
                self.setup.disk.fail_after(self.rng.random_range(0..12), Fault::Dead);
                self.reshard(&life.engine).await;
                // The producers go on until they notice.
                while life.running.join_next().await.is_some() {}
                life = self.after_crash(life).await;
                self.produce(&mut life);
            } else {
                self.reshard(&life.engine).await;
            }
        }
        self.until_active(&life).await;
        life.stop.store(true, Ordering::Relaxed);
        while life.running.join_next().await.is_some() {}
        self.check(&life.engine).await;
        assert!(self.crashes > 0, "seed {}: no crash", self.seed);
    }

    async fn begin(&self) -> Life {
        let started = self.setup.start().await;
        let engine = started.unwrap_or_else(|error| panic!("seed {}: {error}", self.seed));
        Life { engine, stop: Arc::default(), running: JoinSet::new() }
    }

    async fn after_crash(&mut self, life: Life) -> Life {
        life.engine.store().shut_down();
        self.crashes += 1;
        self.setup.disk = self.setup.disk.crash(self.rng.random());
        self.setup.clock.advance_ms(self.rng.random_range(0..1500));
        let life = self.begin().await;
        assert_covers_ring(&list(&life.engine, &scope(), STREAM, ShardFilter::AtLatest));
        life
    }

    async fn create(&self, engine: &Arc<Engine>) {
        let new = NewStream::provisioned(STREAM, 2);
        engine.control.create_stream(&scope(), new).await.expect("created");
        self.setup.clock.advance_ms(self.setup.settings.transition_ms);
    }

    fn produce(&self, life: &mut Life) {
        for (number, producer) in self.producers.iter().enumerate() {
            let engine = life.engine.clone();
            let (stop, producer) = (life.stop.clone(), producer.clone());
            life.running.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    if put(&engine, number, &producer).await.is_err() {
                        return;
                    }
                    yield_now().await;
                }
            });
        }
    }

    /// Waits until the stream takes changes.
    async fn until_active(&self, life: &Life) {
        loop {
            let stream = life.engine.stream(&scope(), STREAM).expect("there");
            if stream.status(life.engine.now_ms()) == Some(StreamStatus::Active) {
                return;
            }
            yield_now().await;
        }
    }

    /// Does something to the shards. What becomes of it after a crash shows later.
    async fn reshard(&mut self, engine: &Arc<Engine>) {
        self.setup.clock.advance_ms(self.rng.random_range(0..600));
        let mut open = list(engine, &scope(), STREAM, ShardFilter::AtLatest);
        open.sort_by_key(|shard| shard.range.start);
        let count = open.len() as u32;
        let place = self.rng.random_range(0..open.len());
        let outcome = match self.rng.random_range(0..3) {
            0 if count < OPEN_SHARDS_MAX => {
                let at = self.cut_of(&open[place]).to_string();
                engine
                    .control
                    .split_shard(&scope(), STREAM, &open[place].id.to_string(), &at)
                    .await
                    .map_err(from_reshard)
            }
            1 if place > 0 => {
                let [lower, upper] = [place - 1, place].map(|at| open[at].id.to_string());
                let merged = engine.control.merge_shards(&scope(), STREAM, &lower, &upper).await;
                merged.map_err(from_reshard)
            }
            _ => {
                let most = (2 * count).min(OPEN_SHARDS_MAX);
                let target = self.rng.random_range(count.div_ceil(2)..=most);
                let begun = engine.control.update_shard_count(&scope(), STREAM, target).await;
                begun.map(drop).map_err(|error| match error {
                    RescaleError::Failure(failure) => failure,
                    refused => panic!("{refused}"),
                })
            }
        };
        match outcome {
            Ok(()) => {}
            Err(ChangeFailure::Append(_)) if self.setup.disk.is_dead() => {}
            Err(error) => panic!("seed {}: {error}", self.seed),
        }
    }

    /// Somewhere in the shard, often right at a key that is written to.
    fn cut_of(&mut self, shard: &Shard) -> u128 {
        let range = shard.range;
        let (from, to) = (range.start + 2, range.end_inclusive - 1);
        let key = key_of(self.rng.random_range(0..PRODUCERS), self.rng.random_range(0..KEYS));
        let hash = hash_key::of_partition_key(&key);
        match self.rng.random() {
            true if (from..=to).contains(&hash) => hash,
            _ => self.rng.random_range(from..=to),
        }
    }

    /// Reads everything as a consumer does and compares it with what was acknowledged.
    async fn check(&self, engine: &Arc<Engine>) {
        let seed = self.seed;
        let mut found: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
        for (key, counter, number) in self.read_family(engine).await {
            let own = found.entry(key.clone()).or_default();
            if let Some((last, last_number)) = own.last() {
                assert!(counter > *last, "seed {seed}: {key} has {counter} after {last}");
                assert!(number > *last_number, "seed {seed}: {key} {counter}: numbers fall");
            }
            own.push((counter, number));
        }
        for producer in &self.producers {
            let producer = producer.lock().expect("no panic");
            for (key, sent) in &producer.acknowledged {
                let own: BTreeSet<_> = found.remove(key).unwrap_or_default().into_iter().collect();
                for record in sent {
                    assert!(own.contains(record), "seed {seed}: {key} lost {record:?}");
                }
                assert!(own.iter().all(|(counter, _)| *counter < producer.next), "seed {seed}");
            }
        }
    }

    /// All records with their keys, counters and sequence numbers, parents before children.
    async fn read_family(&self, engine: &Arc<Engine>) -> Vec<(String, u64, String)> {
        let all = list(engine, &scope(), STREAM, ShardFilter::FromTrimHorizon);
        let roots = list(engine, &scope(), STREAM, ShardFilter::AtTrimHorizon);
        let mut waiting: VecDeque<ShardId> = roots.iter().map(|shard| shard.id).collect();
        let mut done = BTreeSet::new();
        let mut records = Vec::new();
        while let Some(shard) = waiting.pop_front() {
            let children = self.read_shard(engine, shard, &mut records).await;
            assert!(done.insert(shard), "seed {}: {shard} twice", self.seed);
            for child in children {
                let parents = [child.parent, child.adjacent_parent];
                if parents.iter().flatten().all(|parent| done.contains(parent)) {
                    waiting.push_back(child.id);
                }
            }
        }
        assert_eq!(done, all.iter().map(|shard| shard.id).collect(), "seed {}", self.seed);
        records
    }

    /// Reads a shard to its end or tip and returns its children.
    async fn read_shard(
        &self,
        engine: &Arc<Engine>,
        shard: ShardId,
        records: &mut Vec<(String, u64, String)>,
    ) -> Vec<Shard> {
        let (scope, text) = (scope(), shard.to_string());
        let start = engine.data.shard_iterator(
            &named(engine, STREAM),
            &text,
            &StartingPosition::TrimHorizon,
        );
        let mut iterator = start.expect("an iterator");
        loop {
            let opened = engine.data.open_iterator(&iterator).expect("an iterator");
            let request = get_request(&scope, &opened, 37);
            let reply = engine.data.get_records(request, &Boundless).await.expect("records").0;
            for run in &reply.runs {
                for (index, record) in (run.first_index..).zip(Records::new(&run.body)) {
                    let number = reply.slot.shard.sequence_number(index, run.arrival_ms);
                    let counter = u64::from_le_bytes(record.data.try_into().expect("8 bytes"));
                    let key = record.partition_key.expect("a key").to_owned();
                    records.push((key, counter, number.to_string()));
                }
            }
            assert_eq!(reply.next_iterator.is_none(), !reply.child_shards.is_empty());
            match reply.next_iterator {
                None => return reply.child_shards,
                Some(_) if reply.millis_behind_latest == 0 => return Vec::new(),
                Some(next) => iterator = next,
            }
        }
    }
}

fn key_of(producer: usize, key: u64) -> String {
    format!("{producer}-{key}")
}

/// Puts a batch; an error leaves it open whether the records are there.
async fn put(engine: &Engine, number: usize, producer: &Mutex<Producer>) -> Result<(), PutError> {
    let first = {
        let mut producer = producer.lock().expect("no panic");
        producer.next += 3;
        producer.next - 3
    };
    let records: Vec<_> =
        (first..first + 3).map(|at| (key_of(number, at % KEYS), at, at.to_le_bytes())).collect();
    let entries: Vec<_> = records.iter().map(|(key, _, data)| entry(key, data)).collect();
    let outcomes = put_on(engine, STREAM, &entries).await?;
    let mut producer = producer.lock().expect("no panic");
    for ((key, counter, _), outcome) in records.into_iter().zip(outcomes) {
        let PutOutcome::Stored { sequence_number, .. } = outcome else { panic!("throttled") };
        let number = sequence_number.to_string();
        producer.acknowledged.entry(key).or_default().push((counter, number));
    }
    Ok(())
}

#[test]
fn nothing_is_lost_doubled_or_reordered_by_reshards_and_power_cuts() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let only = std::env::var("ANABRANCH_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in only.map_or(0..SEEDS, |seed: u64| seed..seed + 1) {
        runtime.block_on(async {
            let ended = tokio::time::timeout(SEED_PATIENCE, Case::new(seed).run()).await;
            ended.unwrap_or_else(|_| panic!("seed {seed}: it hangs"));
        });
    }
}

/// Only the disk may be why a change is not made.
fn from_reshard(error: ReshardError) -> ChangeFailure {
    match error {
        ReshardError::Failure(failure) => failure,
        refused => panic!("{refused}"),
    }
}
