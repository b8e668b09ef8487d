//! Thousands of random cases. Each has a seed, which a failure prints; `ANABRANCH_SEED=n` runs that
//! one alone.

use super::driver::BATCH_MAX;
use super::plain::Fates;
use super::world::{AT_ONCE, End, ON_DEMAND, Plan, Put, START_MS, World};
use crate::{Durability, StoreHealth};
use anabranch_env::{Clock, Fault, PowerCut};
use anabranch_model::retention::HOUR_MS;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const CASES: u64 = 2_000;
const OPEN_SHARDS_MAX: usize = 8;

struct Case {
    rng: StdRng,
    world: World,
    /// Requests go one by one, and every operation of the disk is watched.
    is_watched: bool,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut world = World::new(format!("ANABRANCH_SEED={seed}"), Plan::default());
        world.durability = durability(&mut rng);
        let is_watched = rng.random_bool(0.2);
        if is_watched {
            world.watch();
        }
        if rng.random_bool(0.3) {
            world.disk.copy_on_write(rng.random_range(0..1_500));
        }
        Self { rng, world, is_watched }
    }

    fn run(&mut self) {
        for _ in 0..self.rng.random_range(1..4) {
            self.live();
            self.end();
            // Somebody changes the setting now and then.
            if self.rng.random_bool(0.2) {
                self.world.durability = durability(&mut self.rng);
            }
        }
        // What is left of all that is a store like any other.
        self.world.mend();
        self.world.open_well();
        let shard = self.open_shard();
        self.world.put(&[(shard, 2, 50)]);
        assert_eq!(self.world.health(), Some(StoreHealth::Writable));
        self.world.maintain();
        self.world.idle();
        self.world.end(End::Power(PowerCut::DropsUnsynced, 0));
        self.world.open_well();
    }

    /// One process, from its start to wherever it gets.
    fn live(&mut self) {
        match self.rng.random_range(0..10) {
            0..=5 => {
                let fault = [
                    Fault::Dead,
                    Fault::Dead,
                    Fault::Broken,
                    Fault::BrokenQuietly,
                    Fault::NoSpace,
                    Fault::NoSpaceAtAll,
                    Fault::NoSpaceAtTheEnd,
                    Fault::Full,
                    Fault::OutOfDescriptors,
                    Fault::Short,
                ][self.rng.random_range(0..10)];
                let after = self.rng.random_range(0..70);
                self.world.plan_fault(after, fault);
            }
            6 => {
                let after = self.rng.random_range(0..80);
                self.world.plan_read_fault(after);
            }
            7 => self.world.disk.set_space(Some(self.rng.random_range(0..30_000))),
            _ => {}
        }
        if self.world.open().is_err() {
            self.end();
            self.world.mend();
            self.world.open_well();
        }
        for _ in 0..self.rng.random_range(4..30) {
            self.act();
            let is_over =
                self.world.disk.is_dead() || self.world.health() == Some(StoreHealth::Failed);
            if is_over && self.rng.random_bool(0.3) {
                return;
            }
        }
    }

    fn end(&mut self) {
        let kinds = PowerCut::ALL;
        let cut = End::Power(kinds[self.rng.random_range(0..kinds.len())], self.rng.random());
        let ends: &[End] = match self.rng.random_range(0..16) {
            0 => &[End::ShutDown],
            1 => &[End::ShutDown, cut],
            2..=5 => &[End::Killed],
            _ => &[cut],
        };
        for end in ends {
            self.world.end_and_forget_plan(*end);
        }
        // A machine without power may come back with another time.
        if self.rng.random_bool(0.2) {
            self.move_clock();
        }
    }

    fn act(&mut self) {
        match self.rng.random_range(0..25) {
            0..=8 => {
                let put = self.put();
                self.world.batch(vec![put]);
            }
            9..=12 if !self.is_watched => self.batch(),
            13 => {
                let command = self.command();
                self.world.batch(vec![command]);
            }
            14..=17 => self.world.maintain(),
            18 | 19 => self.world.check(),
            20 => self.move_clock(),
            21 => {
                let retention_ms = match self.rng.random_range(0..4) {
                    0 => self.rng.random_range(0..HOUR_MS),
                    1 => u64::MAX,
                    _ => self.rng.random_range(0..300) * HOUR_MS,
                };
                self.world.set_retention(self.rng.random_range(0..2), retention_ms);
            }
            22 => self.world.mend(),
            23 => self.world.idle(),
            _ => {
                let put = self.put();
                self.world.batch(vec![put]);
            }
        }
    }

    fn move_clock(&mut self) {
        let now_ms = self.world.clock.now_ms();
        let by_ms = match self.rng.random_range(0..3) {
            0 => self.rng.random_range(0..1_000),
            _ => self.rng.random_range(0..30 * HOUR_MS),
        };
        let moved_ms = match self.rng.random() {
            true => now_ms + by_ms,
            false => now_ms.saturating_sub(by_ms).max(START_MS / 2),
        };
        self.world.clock.set_ms(moved_ms);
    }

    fn open_shard(&mut self) -> u64 {
        let open = self.world.open_shards();
        open[self.rng.random_range(0..open.len())]
    }

    fn put(&mut self) -> Put {
        let bytes_max = [40, 300, 300, 1_000][self.rng.random_range(0..4)];
        let runs: Vec<_> = (0..self.rng.random_range(1..4))
            .map(|_| {
                let (shard, count) = (self.open_shard(), self.rng.random_range(1..4));
                (shard, count, self.rng.random_range(0..bytes_max / count))
            })
            .collect();
        self.world.runs(&runs).expect("one at least")
    }

    fn command(&mut self) -> Put {
        let open = self.world.open_shards();
        let shard = self.open_shard();
        match self.rng.random_range(0..6) {
            0 | 1 if open.len() < OPEN_SHARDS_MAX => Put::command(format!("s {shard}")),
            2 | 3 if open.len() > 2 => {
                let at = self.rng.random_range(1..open.len());
                Put::command(format!("m {} {}", open[at - 1], open[at]))
            }
            4 if open.len() > 2 => Put::command(format!("d {shard}")),
            _ => {
                let bytes = self.rng.random_range(0..200);
                self.world.note_command(bytes)
            }
        }
    }

    /// Several requests in one write, perhaps with a command among them that closes shards.
    fn batch(&mut self) {
        let mut batch: Vec<Put> = (0..BATCH_MAX).map(|_| self.put()).collect();
        if self.rng.random() {
            batch[self.rng.random_range(0..BATCH_MAX)] = self.command();
        }
        self.world.batch(batch);
    }
}

/// In half of the cases all that is acknowledged is synced before.
fn durability(rng: &mut StdRng) -> Durability {
    [Durability::Sync, Durability::Sync, AT_ONCE, ON_DEMAND][rng.random_range(0..4)]
}

fn traced(seed: u64) -> Vec<String> {
    let mut case = Case::new(seed);
    case.world.record();
    case.run();
    case.world.recorded()
}

#[test]
fn the_same_seed_does_the_same() {
    for seed in 0..40 {
        let (first, second) = (traced(seed), traced(seed));
        assert!(first.len() > 20, "seed {seed}: {} lines", first.len());
        for (at, (one, other)) in first.iter().zip(&second).enumerate() {
            assert_eq!(one, other, "seed {seed} line {at}");
        }
        assert_eq!(first.len(), second.len(), "seed {seed}");
    }
    assert_ne!(traced(1), traced(2));
}

/// In halves, so that two cores share them.
fn run_all(half: u64) {
    if let Ok(seed) = std::env::var("ANABRANCH_SEED") {
        // What happened is printed if it fails.
        traced(seed.parse().expect("ANABRANCH_SEED is a number"));
        return;
    }
    let (mut lost, mut kept, mut ahead) = (0, 0, 0);
    for seed in (half..CASES).step_by(2) {
        let mut case = Case::new(seed);
        case.run();
        let fates = case.world.model.fates;
        (lost, kept, ahead) = (lost + fates.lost, kept + fates.kept, ahead + fates.ahead);
    }
    let fates = Fates { lost, kept, ahead };
    assert!(lost > 100 && kept > 100 && ahead > 10, "power cuts meet all cases: {fates:?}");
}

#[test]
fn what_was_acknowledged_is_there_and_nothing_else_even_seeds() {
    run_all(0);
}

#[test]
fn what_was_acknowledged_is_there_and_nothing_else_odd_seeds() {
    run_all(1);
}
