//! Snapshots of a cell with two machines, which reveal when they come to it.

use super::registers::Brake;
use super::*;
use crate::state::catalog::Catalog;
use crate::state::command::Command;
use crate::state::history::History;
use crate::{inspect, salvage};
use anabranch_storage::{RecoveredCommand, Store};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinHandle;

/// Journal files that nothing retires.
fn large_files() -> StoreOptions {
    StoreOptions { journal_file_bytes: 4 << 20, tail_cache_bytes: 64 << 20, ..options() }
}

/// What both machines are by a snapshot and the commands that it does not cover.
fn rebuilt(
    (covered, snapshot): &(u64, Vec<u8>),
    commands: &[RecoveredCommand],
) -> (Vec<u8>, Registers) {
    let behind = commands.partition_point(|command| command.number <= *covered);
    let history = History::read(Some(snapshot.as_slice()), &commands[behind..]);
    let mut history = history.expect("our own bytes");
    let catalog: Catalog = history.rebuild().expect("our own bytes");
    (catalog.snapshot().1, history.rebuild().expect("our own bytes"))
}

/// Everything that the journal has.
fn journaled(disk: &FakeDisk) -> Vec<RecoveredCommand> {
    let report = inspect::inspect(&disk.restart(), Path::new("/data")).expect("inspected");
    assert!(report.snapshot.is_none() && report.damage.is_empty());
    report.commands
}

/// The snapshots that storage could have made while something went on.
async fn snapshots(cell: &Shared, calls: impl Future) -> Vec<(u64, Vec<u8>)> {
    let (host, is_over) = (cell.host.clone(), Arc::new(AtomicBool::new(false)));
    let ends = is_over.clone();
    let taker = std::thread::spawn(move || {
        let mut snapshots: Vec<(u64, Vec<u8>)> = vec![host.snapshot()];
        while !ends.load(Ordering::Acquire) {
            let next = host.snapshot();
            snapshots.extend(snapshots.last().is_none_or(|last| *last != next).then_some(next));
        }
        snapshots
    });
    calls.await;
    is_over.store(true, Ordering::Release);
    taker.join().expect("no panic")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_of_any_moment_and_the_commands_behind_it_make_the_whole() {
    let mut taken = 0;
    for seed in 0..20 {
        let disk = FakeDisk::default();
        let cell = Shared::open(large_files(), &disk).await.expect("started");
        let snapshots = snapshots(&cell, calls(&cell, seed)).await;
        let last = cell.host.snapshot();
        cell.engine.store().shut_down();
        let commands = journaled(&disk);
        assert_eq!(commands.last().map(|command| command.number), Some(last.0), "all is settled");
        let whole = rebuilt(&last, &[]);
        for snapshot in &snapshots {
            assert_eq!(rebuilt(snapshot, &commands), whole, "seed {seed}, covers {}", snapshot.0);
        }
        taken += snapshots.len();
    }
    assert!(taken > 40, "{taken} snapshots");
}

type Taking = JoinHandle<Result<(), TakeError>>;

/// Takes a name, and another one whose change has its place in the journal, and is held up there.
async fn take_late(cell: &Shared) -> (Arc<Brake>, Taking) {
    take(&cell.registers, "early".into(), "a".into(), 1).await.expect("taken");
    assert_eq!(cell.host.snapshot().0, 2, "the secret, and a name");
    let brake = cell.registers.view().brake.clone();
    brake.set(true);
    let registers = cell.registers.clone();
    let late = tokio::spawn(async move { take(&registers, "late".into(), "a".into(), 1).await });
    let waiting = brake.clone();
    tokio::task::spawn_blocking(move || waiting.wait_for_one()).await.expect("held up");
    (brake, late)
}

/// One machine's change has its place in the journal, and the machine has not come to it when the other
/// shows a later one.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_snapshot_does_not_cover_what_a_machine_has_not_come_to() {
    let disk = FakeDisk::default();
    let cell = Shared::open(large_files(), &disk).await.expect("started");
    let (brake, late) = take_late(&cell).await;
    create(&cell.engine, name_of(0)).await.expect("created");

    let between = cell.host.snapshot();
    assert_eq!(between.0, 2);
    let left = journaled(&disk.power_cut(PowerCut::DropsUnsynced, 0));
    assert_eq!(left.len(), 4);
    brake.set(false);
    late.await.expect("no panic").expect("taken");
    let last = cell.host.snapshot();
    assert_eq!(last.0, 4);
    assert_eq!(rebuilt(&between, &left), rebuilt(&last, &[]));
}

/// A machine that is alone in its cell is never seen with more than is covered: an older version may read
/// its snapshots, and applies again what they do not cover.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_can_be_seen_is_covered_at_once() {
    let cell = Shared::open(large_files(), &FakeDisk::default()).await.expect("started");
    let (brake, late) = take_late(&cell).await;
    let (looking, names) = (cell.clone(), cell.names.clone());
    let looked = tokio::task::spawn_blocking(move || {
        looking.sequence.queue(|| {
            // While this goes on, nothing becomes covered.
            brake.set(false);
            let mut hidden = 0;
            while hidden < 1_000 {
                match names.try_read() {
                    None => hidden += 1,
                    Some(names) => assert_eq!(names.applied(), 2, "seen and not covered"),
                }
                std::thread::yield_now();
            }
            Err(AppendError::Overloaded)
        })
    });
    assert_eq!(looked.await.expect("not seen").map(drop), Err(AppendError::Overloaded));
    late.await.expect("no panic").expect("taken");
    assert_eq!((cell.names.read().applied(), cell.sequence.covered()), (3, 3));
}

/// The journal can lose what a snapshot has, by a power cut with durability `interval`, or because a backup
/// has copied it first.
#[tokio::test]
async fn a_number_that_a_snapshot_has_is_not_given_again() {
    let disk = FakeDisk::default();
    let cell = Shared::open(large_files(), &disk).await.expect("started");
    for number in 0..3 {
        take(&cell.registers, format!("n{number}"), "a".into(), 1).await.expect("taken");
    }
    let (covered, snapshot) = cell.host.snapshot();
    assert_eq!(covered, 4);
    cell.engine.store().shut_down();
    // It covers the first command alone.
    let disk = disk_with(1, &snapshot);
    let cell = Shared::open(large_files(), &disk).await.expect("started");
    assert_eq!(seen(&cell).taken.len(), 3);
    take(&cell.registers, "n3".into(), "a".into(), 1).await.expect("taken");
    assert_eq!(cell.registers.view().applied(), covered + 1);
    drop(cell);
    let cell = Shared::open(large_files(), &disk.restart()).await.expect("started");
    assert_eq!(seen(&cell).taken.len(), 4);
}

/// A data directory with a snapshot and no commands behind it.
fn disk_with(covered: u64, snapshot: &[u8]) -> FakeDisk {
    let (new, disk, path) = (FakeDisk::default(), FakeDisk::default(), Path::new("/data"));
    drop(Store::open(large_files(), Arc::new(new.clone()), Arc::new(ManualClock::at_ms(0))));
    let found = salvage::read(&new, path, &mut |_| {}).expect("read");
    found.write(&disk, path, (covered, snapshot), &[], &mut |_| {}).expect("written");
    disk
}

/// The catalog's own engine, which knows no other machine.
async fn start_alone(disk: &FakeDisk) -> Result<Arc<Engine>, StartError> {
    Engine::start_among(large_files(), EngineSettings::default(), components(disk)).await
}

#[tokio::test]
async fn who_does_not_know_a_machine_refuses_its_cell() {
    let disk = FakeDisk::default();
    drop(Shared::open(large_files(), &disk).await.expect("started"));
    let disk = disk.restart();
    drop(start_alone(&disk).await.expect("nobody has used the other machine"));
    let disk = disk.restart();
    let cell = Shared::open(large_files(), &disk).await.expect("started");
    take(&cell.registers, "a".into(), "a".into(), 1).await.expect("taken");
    let (covered, snapshot) = cell.host.snapshot();
    drop(cell);
    for disk in [disk.restart(), disk_with(covered, &snapshot)] {
        let refusal = start_alone(&disk).await.expect_err("machine 7 is unknown").to_string();
        assert!(refusal.contains("unknown machine number=7"), "{refusal}");
        let cell = Shared::open(large_files(), &disk.restart()).await.expect("started");
        assert_eq!(seen(&cell).taken.len(), 1, "nothing was changed");
    }
}

/// What is on the disk of a cell without other machines is what it was before there could be any.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_catalog_alone_is_journaled_and_kept_as_it_is() {
    let disk = FakeDisk::default();
    let cell = Shared::open(large_files(), &disk).await.expect("started");
    let creates = (0..100).map(|number| {
        let engine = cell.engine.clone();
        tokio::spawn(async move { create(&engine, name_of(number)).await.expect("created") })
    });
    let creates: Vec<_> = creates.collect();
    let created = async {
        for create in creates {
            create.await.expect("no panic");
        }
    };
    let mut snapshots = snapshots(&cell, created).await;
    snapshots.push(cell.host.snapshot());
    drop(cell);
    let commands = journaled(&disk);
    for command in &commands {
        let decoded = Command::decode(&command.payload).expect("the catalog's");
        assert_eq!(decoded.encode(), command.payload);
    }
    for (covered, snapshot) in snapshots {
        let before = commands.partition_point(|command| command.number <= covered);
        let catalog = Catalog::rebuild(None, &commands[..before]).expect("rebuilt");
        assert_eq!((covered, snapshot), catalog.snapshot());
    }
}
