//! A scenario that takes every step that touches the disk, and one case for each thing that can go
//! wrong at each of its operations: the process dies or the power is cut, in several ways, and again
//! in the recovery from that; a write, a sync or an allocation fails; a write takes several calls; the
//! volume is full from there on; a read fails. Crashes and failed syncs also with durability `interval`.

use super::world::{AT_ONCE, DAY_MS, End, ON_DEMAND, Plan, START_MS, World};
use crate::{Durability, StoreHealth};
use anabranch_env::{FakeDisk, Fault, PowerCut};

/// What the scenario does, one after the other. None of it looks at what came of the one before.
const STEPS: &[fn(&mut World)] = &[
    // The first start. The name of a step that opens is in the operations that it does.
    |world| drop(world.open()),
    |world| world.put(&[(0, 2, 60), (1, 1, 40)]),
    |world| {
        let note = world.note_command(30);
        world.batch(vec![note]);
    },
    World::idle,
    // Files fill up: the next ones are begun, segments written, a snapshot made, files used again.
    fill,
    World::maintain,
    |world| {
        let shard = world.open_shards()[0];
        world.command(format!("s {shard}"));
    },
    World::idle,
    fill,
    World::maintain,
    |world| {
        let open = world.open_shards();
        world.command(format!("m {} {}", open[open.len() - 2], open[open.len() - 1]));
    },
    fill,
    fill,
    World::maintain,
    // More than the tail cache holds: memtables go.
    World::check,
    // The power is cut between the write and the sync of a request with several runs.
    |world| torn(world, PowerCut::Tears, 5),
    fill,
    World::maintain,
    |world| torn(world, PowerCut::KeepsAll, 0),
    |world| {
        let batch = vec![world.note_command(10), world.note_command(400)];
        world.batch(batch);
    },
    fill,
    World::maintain,
    World::idle,
    // Old records expire, and a shard is dropped.
    |world| {
        world.clock.set_ms(START_MS + 2 * DAY_MS);
        world.maintain();
    },
    |world| {
        let shard = world.open_shards()[0];
        world.command(format!("d {shard}"));
    },
    World::maintain,
    World::check,
    // It ends well and starts again, with a clock that went back.
    |world| {
        world.end(End::ShutDown);
        world.clock.set_ms(START_MS);
        drop(world.open());
    },
    |world| {
        let open = world.open_shards();
        world.put(&[(open[0], 3, 100), (open[open.len() - 1], 1, 20)]);
    },
    World::maintain,
];

/// More than a file's worth of records.
fn fill(world: &mut World) {
    for bytes in [900, 850, 900] {
        let open = world.open_shards();
        let (first, last) = (open[0], open[open.len() - 1]);
        world.put(&[(first, 1, bytes), (last, 2, bytes / 4)]);
    }
}

fn torn(world: &mut World, cut: PowerCut, seed: u64) {
    world.doom(1);
    let open = world.open_shards();
    let last = open[open.len() - 1];
    world.put(&[(open[0], 1, 700), (last, 2, 300), (open[0], 1, 100)]);
    if world.disk.is_dead() {
        world.end(End::Power(cut, seed));
        drop(world.open());
    } else {
        // The put was refused before it came to the disk.
        world.avert_doom();
    }
}

/// Steps after the one in which something went wrong.
const STEPS_AFTER_FAULT: usize = 5;

/// Goes through the scenario until the process is dead or did not start, or has met its fault and
/// gone on for a while.
fn play(world: &mut World) {
    let mut left = STEPS.len();
    for step in STEPS {
        step(world);
        if world.disk.is_dead() || !world.is_open() || left == 0 {
            return;
        }
        left -= 1;
        if world.has_met_fault() {
            left = left.min(STEPS_AFTER_FAULT);
        }
    }
}

fn played(name: &str, plan: Plan, durability: Durability) -> World {
    played_on(|_| {}, name, plan, durability)
}

fn played_on(prepare: impl Fn(&FakeDisk), name: &str, plan: Plan, durability: Durability) -> World {
    let mut world = World::new(name.to_owned(), plan);
    world.durability = durability;
    prepare(&world.disk);
    play(&mut world);
    world
}

/// Operations and reads of the scenario when nothing goes wrong.
fn length(durability: Durability) -> (u64, u64) {
    let world = played("nothing goes wrong", Plan::default(), durability);
    (world.all_operations(), world.all_reads())
}

/// Numbers of the operations that begin with one of these words.
fn operations(words: &[&str], durability: Durability) -> Vec<u64> {
    let mut world = World::new("traced".to_owned(), Plan::default());
    world.durability = durability;
    world.record();
    play(&mut world);
    let trace = world.recorded();
    let operations = trace.iter().filter(|line| line.contains(" /"));
    let numbered = (0..).zip(operations);
    let chosen = numbered.filter(|(_, line)| words.iter().any(|word| line.starts_with(word)));
    chosen.map(|(number, _)| number).collect()
}

/// From here on nothing goes wrong: all is as it was, and it goes on.
fn goes_on(world: &mut World) {
    world.open_well();
    let shard = world.open_shards()[0];
    world.put(&[(shard, 2, 30)]);
    world.maintain();
    world.idle();
    assert_eq!(world.health(), Some(StoreHealth::Writable));
    world.end(End::Power(PowerCut::DropsUnsynced, 0));
    world.open_well();
}

/// Operations that may need space.
const GROWING: &[&str] = &["create /", "allocate", "write", "rename to /srv/data/journal/0"];

fn ends(seed: u64) -> Vec<End> {
    let cuts = PowerCut::ALL.into_iter().map(|cut| End::Power(cut, seed));
    cuts.chain([End::Killed]).collect()
}

#[test]
fn the_scenario_takes_every_step() {
    let mut world = World::new("traced".to_owned(), Plan::default());
    world.record();
    play(&mut world);
    let trace = world.recorded();
    let expected = [
        "create directory /srv/data/journal",
        "rename to /srv/data/FORMAT",
        "allocate /srv/data/journal/next.tmp",
        "rename to /srv/data/journal/0000000000000002.journal",
        "rename to /srv/data/journal/next.spare",
        "rename to /srv/data/SEGMENTS",
        ".segment.tmp",
        "rename to /srv/data/segments/",
        "remove /srv/data/segments/",
        ".snapshot.tmp",
        "rename to /srv/data/catalog/",
        "remove /srv/data/catalog/",
        "rename to /srv/data/journal/tail.copy",
        "remove /srv/data/journal/tail.copy",
    ];
    for step in expected {
        assert!(trace.iter().any(|line| line.contains(step)), "{step} is not in {trace:#?}");
    }
    let is_kept = |line: &String| {
        line.starts_with("rename to /srv/data/journal/0") && line.ends_with(".spare")
    };
    assert!(trace.iter().any(is_kept), "no second spare file in {trace:#?}");
    let torn = trace.iter().position(|line| line.starts_with("Power(Tears")).expect("a torn end");
    let sealed = &trace[torn..torn + 30];
    assert!(sealed.iter().any(|line| line.contains("next.spare")), "no torn tail in {sealed:#?}");
}

/// Every second operation, so that two cores share them. All ends of the first crash, and at each
/// operation of one of the recoveries a second, or at some.
fn crash_everywhere(half: u64, durability: Durability, again_step: usize) {
    for at in (half..length(durability).0).step_by(2) {
        let plan = Plan { fault: Some((at, Fault::Dead)), ..Plan::default() };
        let world = played(&format!("{durability} dead at {at}"), plan, durability);
        for (kind, end) in ends(at).into_iter().enumerate() {
            let mut after = world.after(format!("{durability} dead at {at}, {end:?}"), end);
            after.open_well();
            let is_followed = kind as u64 == at / 2 % ends(0).len() as u64;
            if !is_followed {
                continue;
            }
            let recovery = after.all_operations();
            for again in (at % again_step as u64..recovery).step_by(again_step) {
                let second = ends(again)[(at + again) as usize % ends(0).len()];
                let name =
                    format!("{durability} dead at {at}, {end:?}, dead at {again}, {second:?}");
                let mut after = world.after(name.clone(), end);
                after.plan_fault(again, Fault::Dead);
                assert!(after.open().is_err(), "{name}: its recovery has {recovery} operations");
                after.after(name, second).open_well();
            }
            after.end(End::Killed);
            goes_on(&mut after);
        }
    }
}

#[test]
fn a_crash_at_any_operation_and_another_in_its_recovery_even() {
    crash_everywhere(0, Durability::Sync, 1);
}

#[test]
fn a_crash_at_any_operation_and_another_in_its_recovery_odd() {
    crash_everywhere(1, Durability::Sync, 1);
}

#[test]
fn a_crash_at_any_operation_before_or_after_a_sync_that_nobody_waits_for() {
    for half in [0, 1] {
        crash_everywhere(half, ON_DEMAND, 5);
        crash_everywhere(half, AT_ONCE, 20);
    }
}

/// Plays the scenario with a fault at each of these operations.
fn fail_at_each(
    operations: Vec<u64>,
    fault: Fault,
    durability: Durability,
    look: impl Fn(&mut World),
) {
    fail_at_each_on(|_| {}, operations, fault, durability, look);
}

fn fail_at_each_on(
    prepare: impl Fn(&FakeDisk),
    operations: Vec<u64>,
    fault: Fault,
    durability: Durability,
    look: impl Fn(&mut World),
) {
    assert!(operations.len() > 20, "{operations:?}");
    for at in operations {
        let plan = Plan { fault: Some((at, fault)), ..Plan::default() };
        let name = format!("{durability} {fault:?} at {at}");
        let mut world = played_on(&prepare, &name, plan, durability);
        if world.is_open() {
            world.check();
        }
        look(&mut world);
        world.mend();
        // What a sync that failed left is readable, and must be durable once it was seen.
        world.end_and_forget_plan(End::Killed);
        goes_on(&mut world);
    }
}

#[test]
fn an_error_of_any_operation_is_survived() {
    for durability in [Durability::Sync, ON_DEMAND] {
        let operations = (0..length(durability).0).collect();
        fail_at_each(operations, Fault::Broken, durability, |_| {});
    }
}

#[test]
fn data_that_a_failed_sync_left_readable_are_not_taken_for_durable() {
    for durability in [Durability::Sync, ON_DEMAND, AT_ONCE] {
        let syncs = operations(&["sync /"], durability);
        fail_at_each(syncs, Fault::BrokenQuietly, durability, |_| {});
    }
}

#[test]
fn no_space_at_any_operation_is_survived_without_a_restart() {
    for (durability, fault) in [
        (Durability::Sync, Fault::NoSpace),
        (Durability::Sync, Fault::NoSpaceAtAll),
        (ON_DEMAND, Fault::NoSpaceAtTheEnd),
    ] {
        let growing = operations(GROWING, durability);
        fail_at_each(growing, fault, durability, goes_on_without_a_restart);
    }
}

#[test]
fn a_crash_while_what_had_no_space_is_cut_off_leaves_none_of_it_or_all() {
    let journal = operations(&["write /srv/data/journal"], Durability::Sync);
    assert!(journal.len() > 20, "{journal:?}");
    let torn = [Fault::NoSpace, Fault::NoSpaceAtTheEnd];
    for (at, fault) in journal.into_iter().flat_map(|at| torn.map(|fault| (at, fault))) {
        // A sync, a seal and its sync, and the next file.
        for after in 1..6 {
            let plan = Plan { fault: Some((at, fault)), dies_after: Some(after), read_fault: None };
            let name = format!("{fault:?} at {at}, dead {after} later");
            let world = played(&name, plan, Durability::Sync);
            let end = ends(at)[(at + after) as usize % ends(0).len()];
            let mut after = world.after(format!("{name}, {end:?}"), end);
            after.open_well();
            after.end(End::Killed);
            goes_on(&mut after);
        }
    }
}

#[test]
fn it_is_full_until_what_there_was_no_room_for_finds_some() {
    let mut world = World::new("full".to_owned(), Plan::default());
    world.open_well();
    world.plan_fault(0, Fault::NoSpaceAtAll);
    world.put(&[(0, 1, 100)]);
    assert_eq!(world.health(), Some(StoreHealth::Full));
    world.put(&[(0, 1, 100)]);
    assert_eq!(world.health(), Some(StoreHealth::Writable));
    // No room for a file: a command that finds some in this one says nothing of that.
    world.disk.set_space(Some(0));
    for fault in [None, Some(Fault::NoSpaceAtAll), None] {
        fill(&mut world);
        assert_eq!(world.health(), Some(StoreHealth::Full));
        if let Some(fault) = fault {
            world.plan_fault(0, fault);
        }
        let note = world.note_command(10);
        world.batch(vec![note]);
        assert_eq!(world.health(), Some(StoreHealth::Full));
    }
}

#[test]
fn a_sync_without_space_is_a_sync_that_failed() {
    let mut world = World::new("no space for a sync".to_owned(), Plan::default());
    world.open_well();
    world.plan_fault(1, Fault::NoSpace);
    world.put(&[(0, 1, 100)]);
    assert_eq!(world.health(), Some(StoreHealth::Failed));
    world.mend();
    world.put(&[(0, 1, 100)]);
    assert_eq!(world.health(), Some(StoreHealth::Failed), "for good");
}

#[test]
fn a_volume_that_copies_on_write_is_full_and_not_broken() {
    // Nothing, a seal, some of a request.
    for left in [0, 70, 700] {
        let growing = operations(GROWING, Durability::Sync);
        let prepare = |disk: &FakeDisk| disk.copy_on_write(left);
        fail_at_each_on(prepare, growing, Fault::Full, Durability::Sync, goes_on_without_a_restart);
    }
}

#[test]
fn writes_that_take_several_calls_make_no_difference() {
    let mut world = World::new("short writes".to_owned(), Plan::default());
    world.disk.write_in_parts();
    play(&mut world);
    assert_eq!(world.health(), Some(StoreHealth::Writable));
    world.end(End::Killed);
    goes_on(&mut world);
}

#[test]
fn a_volume_that_is_full_from_any_operation_on_takes_writes_when_there_is_room_again() {
    let growing = operations(GROWING, Durability::Sync);
    fail_at_each(growing, Fault::Full, Durability::Sync, goes_on_without_a_restart);
}

#[test]
fn a_want_of_descriptors_from_any_operation_on_ends_when_there_are_some_again() {
    let operations = (0..length(Durability::Sync).0).collect();
    let fault = Fault::OutOfDescriptors;
    fail_at_each(operations, fault, Durability::Sync, goes_on_without_a_restart);
}

/// What was missing is there again.
fn goes_on_without_a_restart(world: &mut World) {
    if !world.is_open() {
        return;
    }
    assert_ne!(world.health(), Some(StoreHealth::Failed), "nothing is broken");
    world.forget_plan();
    world.mend();
    world.maintain();
    world.check();
    fill(world);
    assert_eq!(world.health(), Some(StoreHealth::Writable), "without a restart");
}

/// Found by the engine's model test.
#[test]
fn segments_of_an_attempt_that_failed_are_not_read_beside_those_of_the_next() {
    for after in 0.. {
        let mut world = World::new(format!("fault after {after}"), Plan::default());
        world.open_well();
        fill(&mut world);
        world.plan_fault(after, Fault::Broken);
        world.maintain();
        world.set_retention(0, 7 * DAY_MS);
        world.maintain();
        if !world.has_met_fault() {
            assert!(after > 10, "a segment takes several operations");
            return;
        }
        world.end_and_forget_plan(End::ShutDown);
        world.open_well();
    }
}

/// Found by `random.rs`.
#[test]
fn what_a_power_cut_took_is_not_given_out_again_by_a_process_that_syncs() {
    let mut world = World::new("another durability".to_owned(), Plan::default());
    world.durability = ON_DEMAND;
    world.open_well();
    world.put(&[(0, 2, 30)]);
    world.idle();
    world.put(&[(0, 3, 30)]);
    world.end(End::Power(PowerCut::DropsUnsynced, 0));
    world.durability = Durability::Sync;
    for _ in 0..2 {
        world.open_well();
        assert_eq!(world.model.fates.lost, 1, "the request that was not synced");
        world.put(&[(0, 1, 30)]);
        world.end(End::Killed);
    }
}

#[test]
fn a_failed_read_is_told_and_never_wrong_data() {
    for at in 0..length(Durability::Sync).1 {
        let plan = Plan { read_fault: Some(at), ..Plan::default() };
        let mut world = played(&format!("read {at} fails"), plan, Durability::Sync);
        world.forget_plan();
        world.end(End::Killed);
        world.open_well();
    }
}
