//! A spool on a disk that forgets, tears and refuses, against what was accepted.

use super::*;
use anabranch_env::{Disk, FakeDisk, Fault, PowerCut};
use bytes::Bytes;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};

/// Takes as many records as there is room for, and keeps them.
#[derive(Debug)]
struct Sink {
    room: Semaphore,
    taken: Mutex<Vec<Taken>>,
}

#[derive(Debug)]
struct Taken {
    id: RecordId,
    record: SpoolRecord,
    has_ticket: bool,
    is_found: bool,
}

type Ticket = oneshot::Sender<Option<SpoolTrouble>>;

impl Sink {
    fn new(records: usize) -> Arc<Self> {
        Arc::new(Self { room: Semaphore::new(records), taken: Mutex::default() })
    }

    fn numbers(&self) -> Vec<u32> {
        self.taken.lock().iter().map(|taken| number(&taken.record)).collect()
    }
}

impl Outlet for Sink {
    type Ticket = Ticket;

    fn take(self: &Arc<Self>, spooled: Spooled<Ticket>) {
        let Spooled { id, record, ticket, room, is_found } = spooled;
        assert_eq!(room, 1);
        self.taken.lock().push(Taken { id, record, has_ticket: ticket.is_some(), is_found });
    }

    fn room<'a>(
        &'a self,
        _: &SpoolRecord,
    ) -> Pin<Box<dyn Future<Output = Option<u32>> + Send + 'a>> {
        Box::pin(async {
            self.room.acquire().await.ok()?.forget();
            Some(1)
        })
    }

    fn give_back(&self, room: u32) {
        self.room.add_permits(room as usize);
    }

    fn is_wanted(ticket: &Ticket) -> bool {
        !ticket.is_closed()
    }

    fn refuse(&self, ticket: Ticket, trouble: SpoolTrouble) {
        let _ = ticket.send(Some(trouble));
    }

    fn leave(&self, ticket: Ticket) {
        let _ = ticket.send(None);
    }
}

fn record(number: u32) -> SpoolRecord {
    let mut data = number.to_le_bytes().to_vec();
    data.resize(4 + number as usize % 700, number as u8);
    SpoolRecord {
        stream: format!("stream-{}", number % 3).into(),
        partition_key: format!("key-{}", number % 7).into(),
        explicit_hash_key: (number.is_multiple_of(2)).then_some(u128::from(number)),
        is_ordered: number.is_multiple_of(5),
        put_ms: u64::from(number),
        data: Bytes::from(data),
    }
}

fn number(record: &SpoolRecord) -> u32 {
    u32::from_le_bytes(record.data[..4].try_into().expect("four bytes"))
}

const DIRECTORY: &str = "/spool";
const RECORD_MAX: usize = 2_000;

struct Running {
    store: Arc<Store<Sink>>,
    sink: Arc<Sink>,
}

impl Running {
    fn open(disk: &FakeDisk, room: usize) -> Result<Self, SpoolError> {
        Self::open_within(disk, room, 1 << 20)
    }

    fn open_within(disk: &FakeDisk, room: usize, max_bytes: u64) -> Result<Self, SpoolError> {
        let spool = Spool::new(DIRECTORY).max_bytes(max_bytes);
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let store = Store::open(disk, &spool, RECORD_MAX, 1 << 20)?;
        let sink = Sink::new(room);
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::spawn(feed(store.clone(), sink.clone()));
        Ok(Self { store, sink })
    }

    async fn put(&self, number: u32) -> Result<(), SpoolTrouble> {
        let record = record(number);
        let admission = self.store.admit(&self.sink, &record).await.expect("not closed");
        let (ticket, receipt) = oneshot::channel();
        let (accepted, told) = oneshot::channel();
        let room = self.sink.room.try_acquire().ok().map(|room| room.forget()).map(|()| 1);
        let accepted = Some(accepted);
        self.store.append(&self.sink, Append { record, ticket, room, accepted, admission });
        let told = told.await.expect("it is told");
        drop(receipt);
        told
    }

    async fn put_all(&self, numbers: std::ops::Range<u32>) {
        for number in numbers {
            self.put(number).await.expect("accepted");
        }
    }

    /// All that was taken and not yet settled gets an outcome.
    fn settle(&self, numbers: &[u32]) {
        let ids: Vec<RecordId> = {
            let taken = self.sink.taken.lock();
            let is_one = |taken: &&Taken| numbers.contains(&number(&taken.record));
            taken.iter().filter(is_one).map(|taken| taken.id).collect()
        };
        assert_eq!(ids.len(), numbers.len());
        let count = ids.len();
        self.store.settle(&self.sink, Settled { stored: ids, ..Settled::default() });
        self.sink.room.add_permits(count);
    }

    async fn handed_on(&self) -> Vec<u32> {
        self.store.until_handed_on().await;
        self.sink.numbers()
    }

    async fn finish(self) {
        self.store.finish(&self.sink).await;
    }
}

fn files(disk: &FakeDisk, extension: &str) -> usize {
    let is_one = |path: &&std::path::PathBuf| path.extension().is_some_and(|end| end == extension);
    disk.paths().iter().filter(is_one).count()
}

#[tokio::test(start_paused = true)]
async fn records_are_handed_on_in_order_and_nothing_is_left_when_they_have_outcomes() {
    let disk = FakeDisk::default();
    let running = Running::open(&disk, 1_000).expect("opened");
    running.put_all(0..500).await;
    let all: Vec<u32> = (0..500).collect();
    assert_eq!(running.handed_on().await, all);
    {
        let taken = running.sink.taken.lock();
        assert!(taken.iter().all(|one| one.record == record(number(&one.record))));
        assert!(taken.iter().all(|one| one.has_ticket && !one.is_found));
    }
    running.settle(&all);
    running.store.until_handed_on().await;
    assert_eq!(running.store.status().records, 0);
    running.finish().await;
    assert_eq!((files(&disk, "records"), files(&disk, "outcomes")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_memory_has_no_room_for_is_read_back_in_order() {
    let disk = FakeDisk::default();
    let running = Running::open(&disk, 5).expect("opened");
    running.put_all(0..800).await;
    assert_eq!(running.sink.numbers(), [0, 1, 2, 3, 4]);
    let (mut settled, mut put) = (0, 800);
    while settled < 1_000 {
        if settled >= 400 && put == 800 {
            put = 1_000;
            running.put_all(800..put).await;
        }
        let taken = running.sink.numbers();
        assert_eq!(taken, (0..taken.len() as u32).collect::<Vec<_>>());
        assert!(taken.len() <= settled + 5);
        match taken.len() > settled {
            true => running.settle(&taken[settled..]),
            false => tokio::task::yield_now().await,
        }
        settled = taken.len();
    }
    running.store.until_handed_on().await;
    assert_eq!(running.store.status().records, 0);
    // Caught up: nothing waits behind the disk.
    running.put_all(1_000..1_004).await;
    assert_eq!(running.sink.numbers().len(), 1_004);
}

#[tokio::test(start_paused = true)]
async fn a_full_spool_waits_until_segments_go() {
    let disk = FakeDisk::default();
    let running = Running::open_within(&disk, 1_000, 64 << 10).expect("opened");
    let mut count = 0;
    loop {
        let one = record(count);
        let Some(admission) = running.store.try_admit(&running.sink, &one).expect("open") else {
            break;
        };
        running.store.take_back(admission);
        running.put(count).await.expect("accepted");
        count += 1;
    }
    let taken: u64 = disk
        .paths()
        .iter()
        .map(|path| disk.open(path, false).expect("there").len().expect("known"))
        .sum();
    assert!(taken <= 64 << 10, "{taken} bytes");
    assert!(count > 100, "{count} records");
    let waiting = running.put(count);
    tokio::pin!(waiting);
    let wait = std::time::Duration::from_secs(3_600);
    assert!(tokio::time::timeout(wait, &mut waiting).await.is_err());
    running.settle(&(0..count).collect::<Vec<_>>());
    waiting.await.expect("accepted");
}

#[tokio::test(start_paused = true)]
async fn one_producer_at_a_time_has_it_and_only_its_own_files_are_there() {
    let disk = FakeDisk::default();
    let first = Running::open(&disk, 1).expect("opened");
    let second = Running::open(&disk, 1).err().expect("in use");
    assert!(matches!(second, SpoolError::InUse { .. }), "{second}");
    first.finish().await;
    Running::open(&disk, 1).expect("free").finish().await;
    disk.create(&Path::new(DIRECTORY).join("letters")).expect("made");
    let foreign = Running::open(&disk, 1).err().expect("foreign");
    assert!(foreign.to_string().contains("letters"), "{foreign}");
    let small = Running::open_within(&FakeDisk::default(), 1, 1_000).err().expect("small");
    assert!(matches!(small, SpoolError::TooSmall { .. }), "{small}");
}

#[tokio::test(start_paused = true)]
async fn what_has_no_outcome_is_found_by_the_next_process() {
    let disk = FakeDisk::default();
    let running = Running::open(&disk, 1_000).expect("opened");
    running.put_all(0..200).await;
    running.handed_on().await;
    let settled: Vec<u32> = (0..200).filter(|number| number % 3 != 1).collect();
    running.settle(&settled);
    running.finish().await;
    for room in [1, 1_000] {
        let running = Running::open(&disk, room).expect("opened");
        assert_eq!(running.store.status().found, 67);
        let expected: Vec<u32> = (0..200).filter(|number| number % 3 == 1).collect();
        if room == 1_000 {
            running.put_all(200..210).await;
            let all = running.handed_on().await;
            assert_eq!(all[..67], expected);
            assert_eq!(all[67..], (200..210).collect::<Vec<_>>());
            let taken = running.sink.taken.lock();
            assert!(taken.iter().all(|one| one.is_found == (number(&one.record) < 200)));
        }
        running.finish().await;
    }
}

/// What happened until the power went.
#[derive(Default)]
struct History {
    accepted: Vec<u32>,
    /// Those whose outcomes were written by a process that ended as it should.
    done: BTreeSet<u32>,
    /// Those that have an outcome.
    settled: BTreeSet<u32>,
    next: u32,
}

async fn act(running: &Running, history: &mut History, rng: &mut StdRng) {
    for _ in 0..rng.random_range(1..60) {
        if rng.random_bool(0.7) {
            let number = history.next;
            history.next += 1;
            if running.put(number).await.is_ok() {
                history.accepted.push(number);
            }
        } else {
            let taken = running.sink.numbers();
            let open: Vec<u32> =
                taken.into_iter().filter(|one| !history.settled.contains(one)).collect();
            let some: Vec<u32> = open.into_iter().filter(|_| rng.random_bool(0.6)).collect();
            history.settled.extend(&some);
            running.settle(&some);
        }
    }
}

async fn check(running: &Running, history: &History, seed: u64) {
    running.sink.room.add_permits(100_000);
    let found = running.handed_on().await;
    assert!(found.is_sorted_by(|a, b| a < b), "seed {seed}: order: {found:?}");
    for number in &history.accepted {
        let is_there = found.binary_search(number).is_ok();
        assert!(is_there || history.settled.contains(number), "seed {seed}: {number} is lost");
        assert!(!(is_there && history.done.contains(number)), "seed {seed}: {number} again");
    }
    let taken = running.sink.taken.lock();
    assert!(taken.iter().all(|one| one.record == record(number(&one.record))), "seed {seed}");
    assert_eq!(running.store.status().damage, [], "seed {seed}");
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_is_there_after_any_crash() {
    let first: u64 =
        std::env::var("ANABRANCH_SEED").map_or(0, |seed| seed.parse().expect("a number"));
    let seeds = if std::env::var_os("ANABRANCH_SEED").is_some() { 1 } else { 150 };
    for seed in first..first + seeds {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut disk = FakeDisk::default();
        let mut history = History::default();
        for _ in 0..4 {
            let room = rng.random_range(1..40);
            let running = Running::open_within(&disk, room, 400 << 10).expect("opened");
            if rng.random_bool(0.3) {
                running.sink.room.add_permits(1_000);
                running.handed_on().await;
            }
            if rng.random_bool(0.5) {
                let faults = [
                    Fault::Dead,
                    Fault::NoSpace,
                    Fault::NoSpaceAtTheEnd,
                    Fault::Broken,
                    Fault::Short,
                ];
                let fault = faults[rng.random_range(0..faults.len())];
                disk.fail_after(rng.random_range(0..80), fault);
            }
            act(&running, &mut history, &mut rng).await;
            running.store.close();
            match rng.random_range(0..3) {
                0 => {
                    running.store.finish(&running.sink).await;
                    // What is on a dead disk is not written.
                    if !disk.is_dead() && !running.store.status().has_failed {
                        disk.forget_faults();
                    }
                }
                1 => running.store.stop(),
                _ => {}
            }
            running.store.stop();
            running.store.until_handed_on().await;
            let cut = PowerCut::ALL[rng.random_range(0..PowerCut::ALL.len())];
            disk = if rng.random() { disk.restart() } else { disk.power_cut(cut, seed) };
            disk.forget_faults();
        }
        let running = Running::open(&disk, 0).expect("opened");
        check(&running, &history, seed).await;
        running.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn damage_is_told_with_its_place_and_everything_else_is_handed_on() {
    for at in [70, 300, 5_000, 20_000] {
        let disk = FakeDisk::default();
        let running = Running::open_within(&disk, 0, 300 << 10).expect("opened");
        running.put_all(0..200).await;
        running.finish().await;
        let path = disk
            .paths()
            .into_iter()
            .find(|path| path.extension().is_some_and(|end| end == "records"));
        let path = path.expect("there is one");
        let file = disk.open(&path, true).expect("there");
        let at = at % (file.len().expect("known") - 64);
        let mut byte = file.read_vec_at(1, at).expect("read");
        byte[0] ^= 0x10;
        file.write_all_at(&mut [std::io::IoSlice::new(&byte)], at).expect("written");
        let running = Running::open(&disk, 1_000).expect("opened");
        let found = running.handed_on().await;
        assert_eq!(found.len(), 199, "{at}");
        let damage = running.store.status().damage;
        assert_eq!(damage.len(), 1);
        assert_eq!(damage[0].path, path);
        assert!((damage[0].offset..damage[0].offset + damage[0].bytes).contains(&at));
        running.settle(&found);
        running.finish().await;
        assert_eq!((files(&disk, "records"), files(&disk, "damaged")), (0, 1));
        Running::open(&disk, 1).expect("opened").finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_volume_refuses_and_keeps_nothing_of_what_it_refused() {
    let disk = FakeDisk::default();
    let running = Running::open(&disk, 1_000).expect("opened");
    running.put_all(0..10).await;
    for (refused, left) in [(10, 0), (11, 50), (12, 20)] {
        disk.set_space(Some(left));
        assert_eq!(running.put(refused).await, Err(SpoolTrouble::NoRoom));
    }
    disk.set_space(None);
    running.put_all(13..15).await;
    drop(running);
    let found = Running::open(&disk.restart(), 1_000).expect("opened").handed_on().await;
    assert_eq!(found, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14]);
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_sync_nothing_is_taken_until_it_is_opened_again() {
    let disk = FakeDisk::default();
    let running = Running::open(&disk, 1_000).expect("opened");
    running.put_all(0..3).await;
    disk.fail_after(1, Fault::BrokenQuietly);
    assert_eq!(running.put(3).await, Err(SpoolTrouble::Failed));
    assert_eq!(running.put(4).await, Err(SpoolTrouble::Failed));
    assert!(running.store.status().has_failed);
    // What was taken still gets its outcome.
    running.settle(&[0]);
    running.finish().await;
    let running = Running::open(&disk.power_cut(PowerCut::DropsUnsynced, 1), 10).expect("opened");
    assert!(running.handed_on().await.ends_with(&[1, 2]));
    running.put(5).await.expect("accepted");
}

#[tokio::test(start_paused = true)]
async fn contents_are_what_the_next_producer_sends() {
    let disk = FakeDisk::default();
    let running = Running::open(&disk, 1_000).expect("opened");
    running.put_all(0..60).await;
    running.settle(&[0, 1, 2, 30]);
    running.finish().await;
    let contents = spool_contents(&disk, Path::new(DIRECTORY)).expect("opened");
    let expected: Vec<_> = (0..60)
        .filter(|number| ![0, 1, 2, 30].contains(number))
        .map(record)
        .map(|one| ((*one.stream).into(), one.partition_key, one.data))
        .collect();
    assert_eq!(contents, SpoolContents { records: expected, lost: 0, unsettled: 56 });
}
