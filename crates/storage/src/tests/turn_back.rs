//! A cell whose time was led ahead by a clock that was wrong, and turns back.

use crate::cell::writer::Next;
use crate::{Gate, RunsBuilder, Store, StoreOptions, Succession};
use anabranch_env::{AgreedClock, Clock, FakeDisk, ManualClock};
use anabranch_model::ShardKey;
use bytes::Bytes;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

const START_MS: u64 = 1_800_000_000_000;
const AHEAD_MS: u64 = 3650 * 24 * 3_600_000;
const HOUR_MS: u64 = 3_600_000;

fn clock(hands: &Arc<ManualClock>) -> Arc<AgreedClock> {
    Arc::new(AgreedClock::new(hands.clone()))
}

fn record() -> crate::Runs {
    let mut runs = RunsBuilder::default();
    runs.push(ShardKey(1), |run| run.push(Some("k"), b"data"));
    runs.finish()
}

#[test]
fn what_is_behind_the_turn_is_in_another_chapter_and_a_restart_goes_on_from_there() {
    let (disk, hands, gate) =
        (FakeDisk::default(), Arc::new(ManualClock::at_ms(START_MS)), Gate::default());
    let options = StoreOptions::new(PathBuf::from("/data"));
    let agreed = clock(&hands);
    let opened = Store::open(options.clone(), Arc::new(disk.clone()), agreed.clone());
    let (store, mut writer, _) = opened.expect("opened").0.take_apart();

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

    let Poll::Ready(Ok(command)) =
        pin!(store.admit_command(Bytes::from_static(b"turn"))).poll(&mut task)
    else {
        panic!("there is room");
    };
    let queued = store.queue_turning_back(command, &Succession::default());
    let (appended, _) = queued.expect("queued");
    assert_eq!(appended.arrival_ms, hands.now_ms());
    assert_eq!(store.wrong_by_ms(), None);
    assert!(behind.as_mut().poll(&mut task).is_pending());
    // All that has queued comes to the writer at once.
    while writer.turn(Instant::now()) == Next::Again {}
    let Poll::Ready(Ok(ahead)) = ahead.poll(&mut task) else { panic!("stored") };
    let Poll::Ready(Ok(behind)) = behind.poll(&mut task) else { panic!("stored") };
    assert_eq!(ahead.arrival_ms - behind.arrival_ms, ahead_ms);
    let chapters = store.shared().chapters.all();
    let first_indices: Vec<_> = chapters.iter().map(|chapter| chapter.first_index).collect();
    assert_eq!(first_indices[1..], behind.first_indices[..]);
    store.shut_down();
    while writer.turn(Instant::now()) != Next::Stop {}
    // What it had open does no harm: it is shut down.

    // The machine was off meanwhile: nobody can tell by the clocks alone what is wrong.
    hands.set_ms(hands.now_ms() + HOUR_MS);
    let opened = Store::open(options, Arc::new(disk.restart()), clock(&hands));
    let (store, _, _) = opened.expect("opened").0.take_apart();
    assert_eq!(store.now_ms(), hands.now_ms());
}
