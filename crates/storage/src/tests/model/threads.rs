//! The store as it runs, with its threads: random lives against a plain model, and what only threads
//! can meet. Each life has a seed, printed on failure; `ANABRANCH_SEED=n` runs that one alone.

use crate::format::frame::{FrameHeader, FrameKind};
use crate::format::record::Records;
use crate::medium::disk::medium::DiskMedium;
use crate::tests::support::{TestHost, append_command, queue_command};
use crate::{
    AppendError, Appended, DeletedRange, Deletion, Durability, Gate, ReadRequest, Runs,
    RunsBuilder, Store, StoreOptions, Succession,
};
use anabranch_env::{Disk, FakeDisk, Fault, ManualClock, PowerCut};
use anabranch_model::ShardKey;
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};
use std::time::Instant;
use tokio::task::JoinHandle;

const CASES: u64 = 100;
const SHARDS: u64 = 5;

/// A record that was sent: its data is unique.
type Sent = Vec<u8>;

#[derive(Default)]
struct Model {
    /// Acknowledged records by shard and index.
    acknowledged: BTreeMap<u64, BTreeMap<u64, Sent>>,
    /// Records whose fate is unknown: they may be there, at any index above the acknowledged.
    uncertain: BTreeMap<u64, Vec<Sent>>,
    commands: Vec<Vec<u8>>,
    uncertain_command: Option<Vec<u8>>,
}

struct Case {
    seed: u64,
    rng: StdRng,
    disk: FakeDisk,
    clock: Arc<ManualClock>,
    host: Arc<TestHost>,
    gates: Vec<Arc<Gate>>,
    model: Model,
    next_datum: u64,
}

fn options() -> StoreOptions {
    StoreOptions {
        journal_file_bytes: 8 << 10,
        tail_cache_bytes: 24 << 10,
        ..StoreOptions::new(PathBuf::from("/data"))
    }
}

impl Case {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            rng: StdRng::seed_from_u64(seed),
            disk: FakeDisk::default(),
            clock: Arc::new(ManualClock::at_ms(1_000_000)),
            host: Arc::default(),
            gates: (0..SHARDS).map(|_| Arc::default()).collect(),
            model: Model::default(),
            next_datum: 0,
        }
    }

    async fn run(mut self) {
        for _ in 0..self.rng.random_range(1..4) {
            self.live().await;
            let crash_seed = self.rng.random();
            self.disk = self.disk.crash(crash_seed);
        }
        let store = self.open();
        self.check_all(&store);
    }

    /// One life of a process: open, verify, act until the end or a fault.
    async fn live(&mut self) {
        let store = self.open();
        self.check_all(&store);
        let horizon = self.disk.operations();
        if self.rng.random_bool(0.7) {
            let fault = [Fault::Dead, Fault::Dead, Fault::Broken, Fault::NoSpace]
                [self.rng.random_range(0..4)];
            self.disk.fail_at(horizon + self.rng.random_range(0..60), fault);
        }
        for _ in 0..self.rng.random_range(0..80) {
            match self.rng.random_range(0..10) {
                0 => self.command(&store).await,
                1 => self.check_all(&store),
                2 => self.move_clock(),
                _ => self.append(&store).await,
            }
        }
        if self.rng.random() {
            store.shut_down();
        }
    }

    fn open(&mut self) -> Store {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let opened = Store::open(options(), disk, self.clock.clone());
        let (store, recovered) =
            opened.unwrap_or_else(|error| panic!("seed {}: {error}", self.seed));
        let mut commands: Vec<Vec<u8>> = recovered
            .snapshot
            .iter()
            .flat_map(|snapshot| snapshot.split(|b| *b == 0).map(<[u8]>::to_vec))
            .filter(|command| !command.is_empty())
            .collect();
        let mut last = self.host.applied.lock().0;
        for command in recovered.commands {
            commands.push(command.payload.to_vec());
            last = last.max(command.number);
        }
        if let Some(uncertain) = self.model.uncertain_command.take()
            && commands.last() == Some(&uncertain)
        {
            self.model.commands.push(uncertain);
        }
        assert_eq!(commands, self.model.commands, "seed {}: commands", self.seed);
        *self.host.applied.lock() = (last, self.model.commands.join(&0));
        store.start(self.host.clone()).expect("threads")
    }

    async fn command(&mut self, store: &Store) {
        let payload = format!("command {}", self.next_datum).into_bytes();
        self.next_datum += 1;
        if self.model.uncertain_command.is_some() {
            return;
        }
        match append_command(store, payload.clone(), &[]).await {
            Ok(appended) => {
                self.model.commands.push(payload);
                *self.host.applied.lock() = (appended.command, self.model.commands.join(&0));
            }
            Err(AppendError::StorageFull) => {}
            Err(_) => self.model.uncertain_command = Some(payload),
        }
    }

    async fn append(&mut self, store: &Store) {
        let mut runs = RunsBuilder::default();
        let mut gates = Vec::new();
        let mut sent = Vec::new();
        for _ in 0..self.rng.random_range(1..4) {
            let shard = self.rng.random_range(0..SHARDS);
            let mut data = Vec::new();
            for _ in 0..self.rng.random_range(1..5) {
                let mut datum = self.next_datum.to_le_bytes().to_vec();
                datum.resize(self.rng.random_range(8..400), 7);
                self.next_datum += 1;
                data.push(datum);
            }
            runs.push(ShardKey(shard), |run| {
                data.iter().for_each(|datum| run.push(Some("k"), datum));
            });
            gates.push(self.gates[shard as usize].clone());
            sent.push((shard, data));
        }
        match store.append(runs.finish(), gates.iter().map(|gate| &**gate)).await {
            Ok(appended) => {
                for ((shard, data), first) in sent.into_iter().zip(appended.first_indices) {
                    let shard = self.model.acknowledged.entry(shard).or_default();
                    for (index, datum) in (first..).zip(data) {
                        let last = shard.last_key_value().map_or(0, |(last, _)| *last);
                        assert!(index > last, "seed {}: index {index} after {last}", self.seed);
                        shard.insert(index, datum);
                    }
                }
            }
            Err(AppendError::StorageFull) => {}
            Err(_) => {
                for (shard, data) in sent {
                    self.model.uncertain.entry(shard).or_default().extend(data);
                }
            }
        }
    }

    fn move_clock(&mut self) {
        let now = 1_000_000 + self.rng.random_range(0..100_000);
        self.clock.set_ms(now);
    }

    fn check_all(&mut self, store: &Store) {
        for shard in 0..SHARDS {
            self.check_shard(store, shard);
        }
    }

    /// Reads a shard from the start in pages and compares it with the model.
    fn check_shard(&mut self, store: &Store, shard: u64) {
        let seed = self.seed;
        let mut found: BTreeMap<u64, Sent> = BTreeMap::new();
        let (mut from_index, mut last_ms) = (0, 0);
        loop {
            let request = ReadRequest {
                shard: ShardKey(shard),
                from_index,
                from_ms: 0,
                first_from_secs: 0,
                end_index: None,
                records_max: self.rng.random_range(1..20),
                bytes_max: self.rng.random_range(1..5000),
            };
            let reply = match store.read(&request) {
                Ok(reply) => reply,
                // Reading needs the disk too: a dead one ends the life.
                Err(_) if self.disk.is_dead() => return,
                Err(error) => panic!("seed {seed}: {error}"),
            };
            for run in &reply.runs {
                assert!(run.arrival_ms >= last_ms, "seed {seed}: arrival times never fall");
                last_ms = run.arrival_ms;
                for (index, record) in (run.first_index..).zip(Records::new(&run.body)) {
                    assert!(index >= from_index, "seed {seed}: read before the asked index");
                    assert!(found.insert(index, record.data.to_vec()).is_none(), "seed {seed}");
                }
            }
            assert!(reply.next_index > from_index || reply.at_tip, "seed {seed}: progress");
            from_index = reply.next_index;
            if reply.at_tip {
                break;
            }
        }
        let acknowledged = self.model.acknowledged.entry(shard).or_default();
        for (index, datum) in acknowledged.iter() {
            assert_eq!(found.get(index), Some(datum), "seed {seed}: shard {shard} index {index}");
        }
        let uncertain = self.model.uncertain.entry(shard).or_default();
        for (index, datum) in found {
            if acknowledged.contains_key(&index) {
                continue;
            }
            let place = uncertain.iter().position(|sent| *sent == datum);
            let place = place.unwrap_or_else(|| panic!("seed {seed}: {datum:?} was never sent"));
            // Once seen it must stay.
            uncertain.remove(place);
            acknowledged.insert(index, datum);
        }
    }
}

#[test]
fn what_was_acknowledged_survives_every_crash_and_fault() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let only = std::env::var("ANABRANCH_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in only.map_or(0..CASES, |seed: u64| seed..seed + 1) {
        runtime.block_on(Case::new(seed).run());
    }
}

fn memory_store(clock: &Arc<ManualClock>, host: &Arc<TestHost>) -> Store {
    memory_store_with(options(), clock, host)
}

fn memory_store_with(
    options: StoreOptions,
    clock: &Arc<ManualClock>,
    host: &Arc<TestHost>,
) -> Store {
    let options = StoreOptions { durability: Durability::Memory, ..options };
    let opened = Store::open(options, Arc::new(FakeDisk::default()), clock.clone());
    let (store, _) = opened.expect("opened");
    store.start(host.clone()).expect("threads")
}

/// One record of shard 1.
fn record(data: &[u8]) -> Runs {
    let mut runs = RunsBuilder::default();
    runs.push(ShardKey(1), |run| run.push(Some("k"), data));
    runs.finish()
}

fn run_of(bytes: usize) -> Runs {
    record(&vec![1; bytes])
}

static OPEN: LazyLock<Gate> = LazyLock::new(Gate::default);

async fn append(store: &Store, runs: Runs) -> Result<Appended, AppendError> {
    store.append(runs, [&*OPEN]).await
}

#[tokio::test]
async fn memory_is_bounded_and_comes_back_when_records_expire() {
    let (clock, host) = (Arc::new(ManualClock::at_ms(1_000)), Arc::<TestHost>::default());
    let store = memory_store(&clock, &host);
    let mut stored = 0;
    let error = loop {
        match append(&store, run_of(1000)).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, AppendError::MemoryFull);
    assert!((10..=40).contains(&stored), "{stored} records of 1000 bytes in 24 KiB");
    host.horizon_ms.store(5_000, Ordering::Release);
    clock.advance_ms(10_000);
    while append(&store, run_of(1000)).await.is_err() {
        store.nudge_maintenance();
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn where_the_oldest_go_memory_is_bounded_and_the_newest_are_there_in_order() {
    let clock = Arc::new(ManualClock::at_ms(1_000));
    // Journal files are larger than all memory in the second case.
    for journal_file_bytes in [4 << 10, 1 << 20] {
        let host = Arc::<TestHost>::default();
        let limits = StoreOptions { journal_file_bytes, drops_oldest: true, ..options() };
        let limit = limits.tail_cache_bytes;
        let store = memory_store_with(limits, &clock, &host);
        let mut kept = 0;
        for number in 0..200_u64 {
            let runs = record(&[&number.to_le_bytes()[..], &[1; 1000]].concat());
            append(&store, runs).await.expect("stored");
            let request = ReadRequest {
                shard: ShardKey(1),
                from_index: 0,
                from_ms: 0,
                first_from_secs: 0,
                end_index: None,
                records_max: 1_000,
                bytes_max: 1 << 20,
            };
            let reply = store.read(&request).expect("readable");
            let records = reply.runs.iter().flat_map(|run| Records::new(&run.body));
            let numbers = records.map(|record| {
                u64::from_le_bytes(record.data[..8].try_into().expect("eight bytes"))
            });
            let numbers: Vec<u64> = numbers.collect();
            let (count, stored) = (numbers.len() as u64, number + 1);
            assert_eq!(numbers, (stored - count..stored).collect::<Vec<_>>());
            assert!(count * 1_000 <= limit, "{count} records in {limit} bytes");
            // No more goes than must.
            assert!(count == stored || count * 1100 > limit / 2, "{count} of {stored}");
            kept = count;
        }
        store.shut_down();
        // Whatever is gone was told, once, in order.
        let mut told = 1;
        for (why, range) in host.deleted.lock().iter() {
            let DeletedRange { shard, indices: (first, end), .. } = *range;
            assert_eq!((*why, shard, first), (Deletion::MemoryFull, ShardKey(1), told));
            told = end;
        }
        assert_eq!(told, 201 - kept);
    }
}

#[tokio::test]
async fn a_full_volume_takes_commands_serves_reads_and_goes_on_when_there_is_room() {
    let disk = FakeDisk::default();
    let (clock, host) = (Arc::new(ManualClock::at_ms(1_000)), Arc::<TestHost>::default());
    let opened = Store::open(options(), Arc::new(disk.clone()), clock.clone());
    let (store, _) = opened.expect("opened");
    let store = store.start(host.clone()).expect("threads");
    disk.set_space(Some(0));
    let mut stored = 0;
    // To the last byte that records may have.
    for bytes in [300, 30, 1] {
        let error = loop {
            match append(&store, run_of(bytes)).await {
                Ok(_) => stored += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error, AppendError::StorageFull);
    }
    for _ in 0..3 {
        let command = append_command(&store, vec![b'm'; 80], &[]).await;
        *host.applied.lock() = (command.expect("there is room for it").command, Vec::new());
        assert_eq!(append(&store, run_of(1)).await, Err(AppendError::StorageFull));
    }
    let request = ReadRequest {
        shard: ShardKey(1),
        from_index: 0,
        from_ms: 0,
        first_from_secs: 0,
        end_index: None,
        records_max: 1_000,
        bytes_max: 1 << 20,
    };
    assert_eq!(store.read(&request).expect("readable").runs.len(), stored);
    disk.set_space(None);
    append(&store, run_of(300)).await.expect("without a restart");
}

#[tokio::test]
async fn commands_that_follow_one_that_was_refused_are_refused_too() {
    let disk = FakeDisk::default();
    let clock = Arc::new(ManualClock::at_ms(1_000));
    let opened = Store::open(options(), Arc::new(disk.clone()), clock);
    let (store, _) = opened.expect("opened");
    let store = store.start(Arc::<TestHost>::default()).expect("threads");
    disk.set_space(Some(0));
    while append(&store, run_of(300)).await.is_ok() {}
    let (large, small) = (Bytes::from(vec![0; 12 << 10]), Bytes::from_static(b"m"));
    for _ in 0..20 {
        let succession = Succession::default();
        let refused = queue_command(&store, large.clone(), &succession).await.expect("queued");
        // Queued before or after it was refused, whether it fits or not.
        let outcome = match queue_command(&store, small.clone(), &succession).await {
            Ok(next) => next.wait().await,
            Err(error) => Err(error),
        };
        assert_eq!(outcome, Err(AppendError::StorageFull));
        assert_eq!(refused.wait().await, Err(AppendError::StorageFull));
        let late = queue_command(&store, small.clone(), &succession).await;
        assert_eq!(late.map(drop), Err(AppendError::StorageFull));
    }
    let anew = queue_command(&store, small, &Succession::default()).await;
    let anew = anew.expect("there is room for it");
    assert_eq!(anew.wait().await, Ok(()));
}

#[tokio::test]
async fn damage_in_acknowledged_journal_is_refused_not_cut() {
    let disk = FakeDisk::default();
    let clock = Arc::new(ManualClock::at_ms(1_000));
    let open = |disk: &FakeDisk| {
        Store::open(options(), Arc::new(disk.clone()), clock.clone()).map(|(store, _)| store)
    };
    let store = open(&disk).expect("opened");
    let store = store.start(Arc::<TestHost>::default()).expect("threads");
    for _ in 0..3 {
        append(&store, run_of(500)).await.expect("stored");
    }
    drop(store);
    let journal = PathBuf::from("/data/journal/0000000000000001.journal");
    disk.corrupt(&journal, |bytes| bytes[300] ^= 1);
    let error = open(&disk).expect_err("refused").to_string();
    assert!(error.contains("offset=64") && error.contains("journal"), "{error}");
    disk.corrupt(&journal, |bytes| bytes[300] ^= 1);
    open(&disk).expect("intact again");
}

#[tokio::test]
async fn a_missing_segment_is_noticed_at_the_start_and_an_expired_one_is_not_missed() {
    let disk = FakeDisk::default();
    let clock = Arc::new(ManualClock::at_ms(1_000));
    let open = || Store::open(options(), Arc::new(disk.clone()), clock.clone()).map(|(s, _)| s);
    let segments = || -> Vec<PathBuf> {
        let is_segment = |path: &PathBuf| path.extension().is_some_and(|name| name == "segment");
        disk.paths().into_iter().filter(is_segment).collect()
    };
    let store = open().expect("opened");
    let host = Arc::<TestHost>::default();
    let store = store.start(host.clone()).expect("threads");
    for _ in 0..3 {
        append(&store, run_of(6_000)).await.expect("stored");
    }
    while segments().len() < 2 {
        tokio::task::yield_now().await;
    }
    host.horizon_ms.store(500, Ordering::Release);
    drop(store);
    for missing in segments() {
        let file = disk.open(&missing, false).expect("there");
        let mut bytes = vec![0; file.len().expect("a length") as usize];
        file.read_exact_at(&mut bytes, 0).expect("read");
        disk.remove(&missing).expect("removed");
        let error = open().expect_err("refused").to_string();
        assert!(error.contains(&*missing.to_string_lossy()), "{error}");
        assert!(error.contains("SEGMENTS"), "{error}");
        let report = crate::inspect::inspect(&disk, &PathBuf::from("/data")).expect("inspected");
        assert_eq!(report.damage.len(), 1, "{:?}", report.damage);
        let put_back = || {
            let file = disk.create(&missing).expect("created");
            file.write_all_at(&mut [std::io::IoSlice::new(&bytes)], 0).expect("written");
        };
        put_back();
        let store = open().expect("all is there");
        // One that goes while the store is open is an error as well, and not a gap.
        disk.remove(&missing).expect("removed");
        let request = ReadRequest {
            shard: ShardKey(1),
            from_index: 0,
            from_ms: 0,
            first_from_secs: 0,
            end_index: None,
            records_max: 10,
            bytes_max: 1 << 20,
        };
        store.read(&request).expect_err("told");
        put_back();
        assert_eq!(store.read(&request).expect("there again").runs.len(), 3);
    }
    let store = open().expect("opened");
    host.horizon_ms.store(5_000, Ordering::Release);
    let store = store.start(host).expect("threads");
    while !segments().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(store);
    open().expect("nothing is missed");
}

#[tokio::test]
async fn nothing_is_confirmed_after_a_failed_sync() {
    let disk = FakeDisk::default();
    let clock = Arc::new(ManualClock::at_ms(1_000));
    let open = || Store::open(options(), Arc::new(disk.clone()), clock.clone()).expect("opened").0;
    // A first life makes the spare file, so that maintenance leaves the disk alone in the second.
    let store = open();
    let store = store.start(Arc::<TestHost>::default()).expect("threads");
    while !disk.paths().iter().any(|path| path.extension() == Some("spare".as_ref())) {
        tokio::task::yield_now().await;
    }
    drop(store);
    let store = open();
    // Three batches from one queue: each fills a journal file. The first sync fails.
    let syncs_at = disk.operations() + 1;
    disk.fail_at(syncs_at, Fault::Broken);
    let (store, mut writer, _) = store.take_apart();
    let writing = async { writer.turn(Instant::now()) };
    let appending = || append(&store, run_of(6_000));
    let (first, second, third, _) = tokio::join!(appending(), appending(), appending(), writing);
    for outcome in [first, second, third] {
        assert_eq!(outcome, Err(AppendError::Failed));
    }
    assert_eq!(store.durable_index(), 1, "and nothing is shown");
}

/// A store whose writer has no spare file while maintenance is busy, and the append that waits.
async fn without_a_spare(
    disk: &FakeDisk,
) -> (Arc<Store>, Arc<TestHost>, JoinHandle<Result<Appended, AppendError>>) {
    let clock = Arc::new(ManualClock::at_ms(1_000));
    let options = StoreOptions { tail_cache_bytes: 80 << 10, ..options() };
    let directory = DiskMedium::new(&options, Arc::new(disk.clone()));
    let writers = directory.spares().clone();
    let (store, _) = Store::open_on(&directory, options, clock).expect("opened");
    let host = Arc::<TestHost>::default();
    host.is_busy.store(true, Ordering::Release);
    let store = Arc::new(store.start(host.clone()).expect("threads"));
    while spares(disk) == 0 {
        tokio::task::yield_now().await;
    }
    // Each fills a journal file: the second takes the spare one, and for the third there is none.
    for _ in 0..2 {
        append(&store, run_of(6_000)).await.expect("stored");
    }
    let third = {
        let store = store.clone();
        tokio::spawn(async move { append(&store, run_of(6_000)).await })
    };
    let is_waiting = || writers.was_lacking.load(Ordering::Relaxed) || third.is_finished();
    while !(is_waiting() && host.is_asking.load(Ordering::Acquire)) {
        tokio::task::yield_now().await;
    }
    (store, host, third)
}

fn spares(disk: &FakeDisk) -> usize {
    let is_spare = |path: &&PathBuf| path.extension() == Some("spare".as_ref());
    disk.paths().iter().filter(is_spare).count()
}

/// To make one takes the disk from maintenance, and longer than what maintenance is about to do.
#[tokio::test]
async fn a_writer_without_a_spare_file_waits_for_one_and_the_next_time_there_are_more() {
    let disk = FakeDisk::default();
    let (store, host, third) = without_a_spare(&disk).await;
    disk.record();
    let has_waited = !third.is_finished();
    host.is_busy.store(false, Ordering::Release);
    assert!(has_waited);
    third.await.expect("no panic").expect("stored");
    let made = |line: &String| line.starts_with("create /data/journal/next.tmp");
    assert!(!disk.take_recorded().iter().any(made), "and makes none");
    while spares(&disk) < 2 {
        store.nudge_maintenance();
        tokio::task::yield_now().await;
    }
}

/// It may have its old name again after a power cut, and be read as what it was.
#[tokio::test]
async fn a_file_whose_new_name_may_not_last_is_not_written_to_by_who_waited_for_it() {
    let comes_back = |line: &String| line.starts_with("rename to /data/journal/next.spare");
    for after in 0..100 {
        let disk = FakeDisk::default();
        let (_store, host, third) = without_a_spare(&disk).await;
        disk.record();
        disk.fail_after(after, Fault::Broken);
        host.is_busy.store(false, Ordering::Release);
        let outcome = third.await.expect("no panic");
        let trace = disk.take_recorded();
        let place = trace.iter().position(comes_back).expect("there is a file in the end");
        if after == place as u64 + 1 {
            assert_eq!(outcome, Err(AppendError::Failed));
            let is_write = |line: &String| line.starts_with("write");
            assert!(!trace[place..].iter().any(is_write), "{trace:#?}");
            return;
        }
    }
    panic!("no fault was met at the sync");
}

#[tokio::test]
async fn records_that_look_like_frames_are_records() {
    let disk = FakeDisk::default();
    let clock = Arc::new(ManualClock::at_ms(1_000));
    let mut forged = Vec::new();
    for file_id in 0..60 {
        let header = FrameHeader {
            kind: FrameKind::Seal,
            file_id,
            subject: 0,
            index: 1 << 62,
            arrival_ms: 0,
            count: 0,
            body_len: 0,
            body_crc: 0,
            durable_bytes: u64::MAX,
            continues: false,
        };
        forged.extend(header.encode());
    }
    let mut expected = 0;
    for _ in 0..6 {
        let opened = Store::open(options(), Arc::new(disk.clone()), clock.clone());
        let (store, _) = opened.expect("forged frames do no harm");
        let store = store.start(Arc::<TestHost>::default()).expect("threads");
        for _ in 0..5 {
            let appended = append(&store, record(&forged)).await.expect("stored");
            expected += 1;
            assert_eq!(appended.first_indices, [expected]);
        }
        // Some lives end well, some do not.
        if expected % 2 == 0 {
            store.shut_down();
        }
    }
}

#[tokio::test]
async fn interval_durability_syncs_by_itself() {
    let disk = FakeDisk::default();
    let clock = Arc::new(ManualClock::at_ms(1_000));
    let durability = Durability::Interval(std::time::Duration::from_millis(1));
    let options = StoreOptions { durability, ..options() };
    let (store, _) =
        Store::open(options.clone(), Arc::new(disk.clone()), clock.clone()).expect("opened");
    let store = store.start(Arc::<TestHost>::default()).expect("threads");
    append(&store, run_of(500)).await.expect("acknowledged after the write");
    // A crash that keeps nothing that is not synced keeps the record sooner or later.
    let survives = |seed| {
        let after = Arc::new(disk.crash(seed));
        let (store, recovered) =
            Store::open(options.clone(), after, clock.clone()).expect("opened after the crash");
        drop(store);
        recovered.records == 1
    };
    while !(0..10).all(survives) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn indices_that_were_read_before_a_power_cut_are_not_given_out_again() {
    let clock = Arc::new(ManualClock::at_ms(1_000));
    let durability = Durability::Interval(std::time::Duration::from_secs(3_600));
    let options = StoreOptions { durability, ..options() };
    let mut losses = 0;
    for seed in 0..20 {
        let (mut disk, mut read_to, mut written) = (FakeDisk::default(), 0, 0);
        for life in 0..4 {
            let (store, recovered) =
                Store::open(options.clone(), Arc::new(disk.clone()), clock.clone())
                    .expect("opened");
            losses += u32::from(recovered.records < written);
            written = recovered.records;
            let store = store.start(Arc::<TestHost>::default()).expect("threads");
            for _ in 0..3 {
                let appended = append(&store, run_of(10)).await.expect("written");
                assert!(appended.first_indices[0] >= read_to, "seed {seed} life {life}");
                read_to = store.durable_index();
                written += 1;
            }
            disk = disk.crash(seed);
        }
    }
    assert!(losses > 0, "some power cut takes what was not synced");
}

#[tokio::test]
async fn nothing_comes_before_commands_that_only_a_snapshot_remembers() {
    let disk = FakeDisk::default();
    let clock = Arc::new(ManualClock::at_ms(1_000));
    let durability = Durability::Interval(std::time::Duration::from_secs(3_600));
    let options = StoreOptions { durability, ..options() };
    let (store, _) =
        Store::open(options.clone(), Arc::new(disk.clone()), clock.clone()).expect("opened");
    let host = Arc::<TestHost>::default();
    let store = store.start(host.clone()).expect("threads");
    append_command(&store, "first", &[]).await.expect("written");
    // The first file is full now, and the second is not synced within the hour. Maintenance
    // waits for the host to have applied the first command.
    for _ in 0..3 {
        append(&store, run_of(3_500)).await.expect("written");
    }
    clock.advance_ms(5_000);
    let last = append_command(&store, "last", &[]).await.expect("written");
    *host.applied.lock() = (last.command, b"both".to_vec());
    let is_snapshot = |path: &PathBuf| path.extension().is_some_and(|name| name == "snapshot");
    // A snapshot that has its name may still lose it: the directory is synced after the rename.
    let keeps_snapshot =
        || disk.power_cut(PowerCut::DropsUnsynced, 0).paths().iter().any(is_snapshot);
    while !keeps_snapshot() {
        store.nudge_maintenance();
        tokio::task::yield_now().await;
    }
    let (mut losses, early) = (0, Arc::new(ManualClock::at_ms(0)));
    for seed in 0..20 {
        let after = Arc::new(disk.crash(seed));
        let (store, recovered) =
            Store::open(options.clone(), after, early.clone()).expect("opened");
        assert_eq!(recovered.snapshot.as_deref(), Some(b"both".as_slice()), "seed {seed}");
        losses += u32::from(recovered.records < 3);
        assert!(store.durable_index() >= last.first_indices[0], "seed {seed}");
        let store = store.start(host.clone()).expect("threads");
        let appended = append(&store, run_of(10)).await.expect("written");
        assert!(appended.first_indices[0] >= last.first_indices[0], "seed {seed}");
        assert!(appended.arrival_ms >= last.arrival_ms, "seed {seed}");
    }
    assert!(losses > 0, "some power cut takes what was not synced");
}
