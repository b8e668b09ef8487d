//! A cell whose time was led ahead by a clock that was wrong, and turns back.

use crate::cell::writer::{Next, Writer};
use crate::{
    Appended, Confirmation, Durability, Gate, Runs, RunsBuilder, Store, StoreOptions, Succession,
};
use anabranch_env::{AgreedClock, Clock, FakeDisk, ManualClock};
use anabranch_model::ShardKey;
use bytes::Bytes;
use std::future::Future;
use std::path::PathBuf;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

const START_MS: u64 = 1_800_000_000_000;
const AHEAD_MS: u64 = 3650 * 24 * 3_600_000;
const HOUR_MS: u64 = 3_600_000;

fn clock(hands: &Arc<ManualClock>) -> Arc<AgreedClock> {
    Arc::new(AgreedClock::new(hands.clone()))
}

fn record() -> Runs {
    let mut runs = RunsBuilder::default();
    runs.push(ShardKey(1), |run| run.push(Some("k"), b"data"));
    runs.finish()
}

fn open(durability: Durability, disk: &FakeDisk, clock: Arc<AgreedClock>) -> (Store, Writer) {
    let options = StoreOptions {
        durability,
        journal_file_bytes: 16 << 10,
        tail_cache_bytes: 48 << 10,
        ..StoreOptions::new(PathBuf::from("/data"))
    };
    let opened = Store::open(options, Arc::new(disk.clone()), clock).expect("opened");
    let (store, writer, _) = opened.0.take_apart();
    (store, writer)
}

/// Lets the writer go while a call is under way, and returns the answer.
fn finish<T>(call: Pin<&mut impl Future<Output = T>>, writer: &mut Writer) -> T {
    let (mut call, mut task) = (call, Context::from_waker(Waker::noop()));
    for _ in 0..10 {
        if let Poll::Ready(answer) = call.as_mut().poll(&mut task) {
            return answer;
        }
        while writer.turn(Instant::now()) == Next::Again {}
    }
    panic!("no answer");
}

fn queue_turn(store: &Store, writer: &mut Writer) -> (Appended, Confirmation) {
    let admitted = finish(pin!(store.admit_command(Bytes::from_static(b"turn"))), writer);
    let queued = store.queue_turning_back(admitted.expect("room"), &Succession::default());
    queued.expect("queued")
}

fn shut_down(store: &Store, writer: &mut Writer) {
    store.shut_down();
    while writer.turn(Instant::now()) != Next::Stop {}
}

#[test]
fn a_restart_between_leaves_nothing_of_the_wrong_time() {
    for durability in [Durability::Sync, Durability::Interval(Duration::from_millis(1))] {
        let (disk, hands) =
            (FakeDisk::default(), Arc::new(ManualClock::at_ms(START_MS + AHEAD_MS)));
        let gate = Gate::default();
        let (store, mut writer) = open(durability, &disk, clock(&hands));
        finish(pin!(store.append(record(), [&gate])), &mut writer).expect("stored");
        shut_down(&store, &mut writer);

        hands.set_ms(START_MS);
        let disk = disk.restart();
        let (store, mut writer) = open(durability, &disk, clock(&hands));
        assert_eq!(store.now_ms(), START_MS + AHEAD_MS);
        let (turned, confirmation) = queue_turn(&store, &mut writer);
        assert_eq!(turned.arrival_ms, START_MS);
        finish(pin!(confirmation.wait()), &mut writer).expect("stored");
        shut_down(&store, &mut writer);

        // The machine was off meanwhile: nobody can tell by the clocks alone what is wrong.
        hands.set_ms(START_MS + HOUR_MS);
        let (store, _writer) = open(durability, &disk.restart(), clock(&hands));
        assert_eq!(store.now_ms(), START_MS + HOUR_MS, "{durability:?}");
    }
}

#[test]
fn what_is_behind_the_turn_is_in_another_chapter() {
    let (disk, hands) = (FakeDisk::default(), Arc::new(ManualClock::at_ms(START_MS)));
    let (agreed, gate) = (clock(&hands), Gate::default());
    let (store, mut writer) = open(Durability::Sync, &disk, agreed.clone());

    // Wrong for so long that it is believed, and right again.
    hands.set_ms(START_MS + AHEAD_MS);
    for _ in 0..20 {
        agreed.observe();
        hands.advance_ms(60_000);
    }
    agreed.observe();
    assert_eq!(store.wrong_by_ms(), None);
    let mut task = Context::from_waker(Waker::noop());
    let mut ahead = pin!(store.append(record(), [&gate]));
    assert!(ahead.as_mut().poll(&mut task).is_pending());
    let mut behind = pin!(store.append(record(), [&gate]));
    hands.set_ms(hands.now_ms() - AHEAD_MS);
    let ahead_ms = store.now_ms() - hands.now_ms();
    assert_eq!(store.wrong_by_ms(), Some(ahead_ms));

    let (appended, _confirmation) = queue_turn(&store, &mut writer);
    assert_eq!(appended.arrival_ms, hands.now_ms());
    assert_eq!(store.wrong_by_ms(), None);
    assert!(behind.as_mut().poll(&mut task).is_pending());
    // All that has queued comes to the writer at once.
    let ahead = finish(ahead, &mut writer).expect("stored");
    let behind = finish(behind, &mut writer).expect("stored");
    assert_eq!(ahead.arrival_ms - behind.arrival_ms, ahead_ms);
    let chapters = store.shared().chapters.all();
    let first_indices: Vec<_> = chapters.iter().map(|chapter| chapter.first_index).collect();
    assert_eq!(first_indices[1..], behind.first_indices[..]);
}
