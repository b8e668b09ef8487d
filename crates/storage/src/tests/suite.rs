//! What holds on every medium. A new medium is a function here and a word in the list at the end.

use crate::cell::writer::{Next, Writer};
use crate::format::record::Records;
use crate::medium::disk::medium::DiskMedium;
use crate::medium::memory::MemoryMedium;
use crate::medium::opened::Medium;
use crate::tests::late::Late;
use crate::tests::support::{TestHost, append_command};
use crate::{
    AppendError, Appended, Gate, Opening, ReadRequest, Recovered, Runs, RunsBuilder, Store,
    StoreOptions,
};
use anabranch_env::{FakeDisk, ManualClock};
use anabranch_model::ShardKey;
use anabranch_model::retention::HOUR_MS;
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};
use std::task::Poll;
use std::time::Instant;

const SHARDS: u64 = 3;
const START_MS: u64 = 1_000_000;

type Make = dyn Fn(&StoreOptions) -> Box<dyn Medium>;

/// Somewhere that a store can be opened, again and again.
struct Place {
    medium: Box<Make>,
    /// Whether what was stored is there after a restart.
    persists: bool,
    /// Enough for all records of a test, or so little that memtables go.
    tail_cache_bytes: u64,
}

fn memory() -> Place {
    let medium = |options: &StoreOptions| Box::new(MemoryMedium::new(options)) as Box<dyn Medium>;
    Place { medium: Box::new(medium), persists: false, tail_cache_bytes: 1 << 20 }
}

fn disk() -> Place {
    let disk = Arc::new(FakeDisk::default());
    let medium = move |options: &StoreOptions| {
        Box::new(DiskMedium::new(options, disk.clone())) as Box<dyn Medium>
    };
    Place { medium: Box::new(medium), persists: true, tail_cache_bytes: 24 << 10 }
}

fn late() -> Place {
    let medium = |options: &StoreOptions| Box::new(Late::new(options)) as Box<dyn Medium>;
    Place { medium: Box::new(medium), persists: false, tail_cache_bytes: 1 << 20 }
}

impl Place {
    fn options(&self) -> StoreOptions {
        StoreOptions {
            journal_file_bytes: 8 << 10,
            tail_cache_bytes: self.tail_cache_bytes,
            ..StoreOptions::new(PathBuf::from("/data"))
        }
    }

    fn open(&self, options: StoreOptions) -> (Opening, Recovered, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at_ms(START_MS));
        let opened = Store::open_on(&*(self.medium)(&options), options, clock.clone());
        let (opening, recovered) = opened.expect("opened");
        (opening, recovered, clock)
    }

    fn start(&self) -> (Store, Arc<TestHost>, Arc<ManualClock>) {
        let (opening, _, clock) = self.open(self.options());
        let host = Arc::<TestHost>::default();
        (opening.start(host.clone()).expect("threads"), host, clock)
    }
}

static OPEN: LazyLock<Gate> = LazyLock::new(Gate::default);

/// Records of a request, by run: the shard and the data of each.
type Request = Vec<(u64, Vec<Vec<u8>>)>;

fn runs_of(request: &Request) -> Runs {
    let mut runs = RunsBuilder::default();
    for (shard, records) in request {
        runs.push(ShardKey(*shard), |run| {
            records.iter().for_each(|data| run.push(Some("key"), data));
        });
    }
    runs.finish()
}

/// One record of shard 1.
fn record(data: &[u8]) -> Runs {
    runs_of(&vec![(1, vec![data.to_vec()])])
}

async fn append(store: &Store, request: &Request) -> Result<Appended, AppendError> {
    store.append(runs_of(request), request.iter().map(|_| &*OPEN)).await
}

async fn append_record(store: &Store, data: &[u8]) -> Result<Appended, AppendError> {
    store.append(record(data), [&*OPEN]).await
}

async fn is_ready<T>(call: &mut Pin<&mut impl Future<Output = T>>) -> Option<T> {
    poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// All turns until there is nothing to do.
fn write_all(writer: &mut Writer) {
    // A medium that confirms later says so when it is asked.
    for _ in 0..100 {
        writer.turn(Instant::now());
    }
}

/// Data of a shard by index, read in small pages.
fn read_all(read: impl Fn(&ReadRequest) -> crate::ReadReply, shard: u64) -> BTreeMap<u64, Vec<u8>> {
    let (mut found, mut from_index, mut last_ms) = (BTreeMap::new(), 0, 0);
    loop {
        let (shard, end_index) = (ShardKey(shard), None);
        let (records_max, bytes_max) = (3, 2_000);
        let request = ReadRequest {
            shard,
            from_index,
            from_ms: 0,
            first_from_secs: 0,
            end_index,
            records_max,
            bytes_max,
        };
        let reply = read(&request);
        for run in &reply.runs {
            assert!(run.arrival_ms >= last_ms, "arrival times fall");
            last_ms = run.arrival_ms;
            for (index, record) in (run.first_index..).zip(Records::new(&run.body)) {
                assert!(index >= from_index, "before the asked index");
                assert!(found.insert(index, record.data.to_vec()).is_none(), "twice");
            }
        }
        assert!(reply.next_index > from_index || reply.at_tip, "no progress");
        from_index = reply.next_index;
        if reply.at_tip {
            return found;
        }
    }
}

fn read_store(store: &Store, shard: u64) -> BTreeMap<u64, Vec<u8>> {
    read_all(|request| store.read(request).expect("readable"), shard)
}

/// Data by shard and index.
type Model = BTreeMap<u64, BTreeMap<u64, Vec<u8>>>;

/// Stores what fills several chapters.
async fn fill(store: &Store, clock: &ManualClock) -> Model {
    let mut model = Model::new();
    let (mut next_index, mut last_ms) = (1, 0);
    for number in 0..40_u64 {
        // Now and then the clock goes back.
        clock.set_ms(START_MS + number * 7 % 50);
        let request: Request = (0..1 + number % 3)
            .map(|run| {
                let data = |n: u64| vec![(number * 9 + n) as u8; 100 + (n * 150) as usize];
                ((number + run) % SHARDS, (0..1 + (number + run) % 3).map(data).collect())
            })
            .collect();
        let appended = append(store, &request).await.expect("stored");
        assert!(appended.arrival_ms >= last_ms, "arrival times fall");
        last_ms = appended.arrival_ms;
        for ((shard, records), first) in request.into_iter().zip(appended.first_indices) {
            assert_eq!(first, next_index, "the runs of a request are consecutive");
            next_index += records.len() as u64;
            model.entry(shard).or_default().extend((first..).zip(records));
        }
    }
    model
}

async fn appended_records_are_read_back_in_order(place: Place) {
    let (store, _, clock) = place.start();
    let model = fill(&store, &clock).await;
    for (shard, records) in &model {
        assert_eq!(read_store(&store, *shard), *records, "shard {shard}");
    }
}

async fn requests_of_one_moment_have_one_order(place: Place) {
    let (store, ..) = place.start();
    let store = Arc::new(store);
    let calls: Vec<_> = (0..60_u8)
        .map(|number| {
            let store = store.clone();
            tokio::spawn(async move { append_record(&store, &[number; 500]).await })
        })
        .collect();
    let mut expected = BTreeMap::new();
    for (number, call) in (0..).zip(calls) {
        let appended = call.await.expect("no panic").expect("stored");
        expected.insert(appended.first_indices[0], vec![number; 500]);
    }
    assert!(expected.keys().copied().eq(1..=60), "no number twice, and none left out");
    assert_eq!(read_store(&store, 1), expected);
}

async fn a_request_is_stored_as_a_whole_or_not_at_all(place: Place) {
    let (store, ..) = place.start();
    let request: Request = (0..SHARDS).map(|shard| (shard, vec![vec![7; 10]])).collect();
    let closed = Gate::closed();
    let refused = store.append(runs_of(&request), [&*OPEN, &*OPEN, &closed]).await;
    assert_eq!(refused, Err(AppendError::Closed(ShardKey(2))));
    let appended = append(&store, &request).await.expect("stored");
    assert_eq!(appended.first_indices, [1, 2, 3]);
    for shard in 0..SHARDS {
        assert_eq!(read_store(&store, shard).len(), 1, "shard {shard}");
    }
}

async fn nothing_is_shown_before_it_is_confirmed(place: Place) {
    let (opening, ..) = place.open(place.options());
    let (store, mut writer, _) = opening.take_apart();
    let mut call = pin!(append_record(&store, b"first"));
    assert_eq!(is_ready(&mut call).await, None);
    assert_eq!(store.durable_index(), 1);
    assert!(read_store(&store, 1).is_empty());
    write_all(&mut writer);
    assert!(is_ready(&mut call).await.expect("answered").is_ok());
    assert_eq!(store.durable_index(), 2);
    assert_eq!(read_store(&store, 1).len(), 1);
}

async fn a_closed_gate_lets_nothing_behind_the_command(place: Place) {
    let (store, ..) = place.start();
    let gate = Arc::new(Gate::default());
    let before = store.append(record(b"before"), [&*gate]).await.expect("open");
    let closing = std::slice::from_ref(&gate);
    let closed = append_command(&store, "close", closing).await.expect("closed");
    assert!(closed.first_indices[0] > before.first_indices[0]);
    let refused = store.append(record(b"behind"), [&*gate]).await;
    assert_eq!(refused, Err(AppendError::Closed(ShardKey(1))));
    assert_eq!(read_store(&store, 1).len(), 1);
}

async fn commands_have_numbers_and_a_place_among_records(place: Place) {
    let (store, ..) = place.start();
    for number in 1..5 {
        let before = append_record(&store, b"record").await.expect("stored");
        let command = append_command(&store, "command", &[]).await;
        let command = command.expect("stored");
        assert_eq!(command.command, number);
        assert_eq!(command.first_indices, [before.first_indices[0] + 1]);
    }
}

async fn a_full_queue_holds_callers_back_and_then_refuses_them(place: Place) {
    let options = StoreOptions { queue_bytes: 4 << 10, ..place.options() };
    let (opening, ..) = place.open(options);
    let (store, mut writer, _) = opening.take_apart();
    let data = [7; 3_000];
    let mut first = pin!(append_record(&store, &data));
    assert_eq!(is_ready(&mut first).await, None);
    // Time passes when nothing else can happen.
    assert_eq!(append_record(&store, &data).await, Err(AppendError::Overloaded));
    let mut second = pin!(append_record(&store, &data));
    assert_eq!(is_ready(&mut second).await, None);
    write_all(&mut writer);
    assert!(is_ready(&mut first).await.expect("answered").is_ok());
    assert_eq!(is_ready(&mut second).await, None, "it has room, and is queued");
    write_all(&mut writer);
    assert!(is_ready(&mut second).await.expect("answered").is_ok());
}

async fn a_restart_finds_all_that_was_stored_or_nothing(place: Place) {
    let (store, host, clock) = place.start();
    let command = append_command(&store, "first", &[]).await.expect("stored");
    *host.applied.lock() = (command.command, b"first".to_vec());
    let model = fill(&store, &clock).await;
    let last = append_command(&store, "last", &[]).await.expect("stored");
    let end = store.durable_index();
    drop(store);
    let (opening, recovered, _) = place.open(place.options());
    if !place.persists {
        assert_eq!(opening.durable_index(), 1);
        assert!(recovered.snapshot.is_none() && recovered.commands.is_empty());
        return;
    }
    assert_eq!(opening.durable_index(), end);
    let newest = recovered.commands.last().expect("not in a snapshot");
    assert_eq!((newest.number, newest.index), (last.command, last.first_indices[0]));
    assert_eq!(&newest.payload[..], b"last");
    for (shard, records) in &model {
        let found = read_all(|request| opening.read(request).expect("readable"), *shard);
        assert_eq!(found, *records, "shard {shard}");
    }
    let store = opening.start(Arc::<TestHost>::default()).expect("threads");
    let appended = append_record(&store, b"and on").await.expect("stored");
    assert_eq!(appended.first_indices, [end]);
}

async fn what_has_expired_goes(place: Place) {
    let (store, host, clock) = place.start();
    fill(&store, &clock).await;
    host.horizon_ms.store(START_MS + 1_000, Ordering::Release);
    // What was looked at is looked at again.
    clock.advance_ms(HOUR_MS);
    // The active chapter stays until it is full.
    let kept = |store: &Store| -> BTreeSet<u64> {
        (0..SHARDS).flat_map(|shard| read_store(store, shard).into_keys()).collect()
    };
    let newest = store.durable_index() - 1;
    while kept(&store).first().is_some_and(|first| newest - first > 30) {
        store.nudge_maintenance();
        tokio::task::yield_now().await;
    }
    append_record(&store, b"and on").await.expect("stored");
}

async fn those_who_watch_a_shard_are_woken(place: Place) {
    let (store, ..) = place.start();
    let mut tip = store.watch_tip(ShardKey(1));
    tip.mark_seen();
    let (appended, ()) = tokio::join!(append_record(&store, b"record"), tip.advanced());
    appended.expect("stored");
    assert_eq!(read_store(&store, 1).len(), 1);
}

async fn what_is_queued_is_stored_when_a_store_shuts_down(place: Place) {
    let (opening, ..) = place.open(place.options());
    let (store, mut writer, _) = opening.take_apart();
    let data = [7; 2_000];
    let mut calls: Vec<_> = (0..10).map(|_| Box::pin(append_record(&store, &data))).collect();
    for call in &mut calls {
        assert_eq!(is_ready(&mut call.as_mut()).await, None);
    }
    store.shut_down();
    assert_eq!(append_record(&store, &data).await, Err(AppendError::ShuttingDown));
    while writer.turn(Instant::now()) != Next::Stop {}
    for call in calls {
        call.await.expect("stored");
    }
    assert_eq!(read_store(&store, 1).len(), 10);
}

/// A module for each medium, with every test.
macro_rules! on_every_medium {
    ($($medium:ident),+: $tests:tt) => {
        $(mod $medium { on_every_medium!(@ $medium $tests); })+
    };
    (@ $medium:ident [$($test:ident),+ $(,)?]) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $test() {
                super::$test(super::$medium()).await;
            }
        )+
    };
}

on_every_medium! {
    memory, disk, late: [
        appended_records_are_read_back_in_order,
        requests_of_one_moment_have_one_order,
        a_request_is_stored_as_a_whole_or_not_at_all,
        nothing_is_shown_before_it_is_confirmed,
        a_closed_gate_lets_nothing_behind_the_command,
        commands_have_numbers_and_a_place_among_records,
        a_full_queue_holds_callers_back_and_then_refuses_them,
        a_restart_finds_all_that_was_stored_or_nothing,
        what_has_expired_goes,
        those_who_watch_a_shard_are_woken,
        what_is_queued_is_stored_when_a_store_shuts_down,
    ]
}
