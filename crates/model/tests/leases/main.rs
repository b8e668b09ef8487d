//! Workers that share an application, on a table and a stream of the test: clocks that differ in
//! speed and origin, workers that stall or die, requests that are lost or come late, answers that
//! are lost, shards that are split and merged meanwhile.
//!
//! `ANABRANCH_SEED=7` plays one case alone.

mod audit;
mod random;
mod stream;
mod table;
mod worker;
mod world;

use worker::Mode;
use world::World;

/// Cases of each way to assign leases.
const CASES: u64 = 12;

fn play_all(mode: Mode) {
    let seeds = match std::env::var("ANABRANCH_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("ANABRANCH_SEED is a number");
            seed..seed + 1
        }
        Err(_) => 0..CASES,
    };
    let (mut records, mut lost, mut moved) = (0, 0, 0);
    for seed in seeds.clone() {
        println!("ANABRANCH_SEED={seed}");
        let seen = World::new(seed, mode).play();
        records += seen.records;
        lost += seen.lost_answers;
        moved += seen.refused;
    }
    if seeds.end - seeds.start == CASES {
        // It was no idle play.
        assert!(records > 10_000 && lost > 500 && moved > 100, "{records} {lost} {moved}");
    }
}

#[test]
fn nothing_stays_unread_when_workers_take_and_steal() {
    play_all(Mode::Take);
}

#[test]
fn nothing_stays_unread_when_a_leader_assigns() {
    play_all(Mode::Lead);
}
