//! Phases of trouble and of quiet, and what must hold after each.

use crate::random::Random;
use crate::stream::Stream;
use crate::table::Table;
use crate::worker::{FAILOVER_MS, HAND_OVER_MS, LOCK, Mode, ROUND_MS, Shared, Worker};
use anabranch_model::lease::shard_sync::{InitialPosition, Plan};
use anabranch_model::lease::{Checkpoint, Lease, cleanup, hole};
use std::collections::BTreeMap;

const STEP_MS: u64 = 100;
const TROUBLE_MS: u64 = 60_000;

pub(crate) struct World {
    mode: Mode,
    shared: Shared,
    workers: Vec<Worker>,
    started: u64,
}

/// What happened in a case.
pub(crate) struct Seen {
    pub(crate) records: u64,
    pub(crate) lost_answers: u64,
    pub(crate) refused: u64,
}

impl World {
    pub(crate) fn new(seed: u64, mode: Mode) -> Self {
        let mut random = Random::new(seed);
        let initial = match random.below(3) {
            0 => InitialPosition::Latest,
            1 => InitialPosition::AtTimestamp,
            _ => InitialPosition::TrimHorizon,
        };
        let mut table = Table::default();
        table.audit.may_skip = initial == InitialPosition::Latest;
        let shared = Shared {
            table,
            stream: Stream::new(random.between(1, 6) as u32),
            plan: Plan { stream: None, initial, has_entity: true },
            reports: BTreeMap::new(),
            random,
            now_ms: 0,
        };
        Self { mode, shared, workers: Vec::new(), started: 0 }
    }

    pub(crate) fn play(mut self) -> Seen {
        for _ in 0..3 {
            self.trouble();
            self.quiet();
            self.check_that_all_are_read_by_somebody();
        }
        self.drain();
        let Shared { table, stream, .. } = &self.shared;
        Seen {
            records: stream.shards.values().map(|shard| shard.records).sum(),
            lost_answers: table.lost_answers,
            refused: table.refused,
        }
    }

    fn start_worker(&mut self) {
        self.started += 1;
        let mut worker = Worker::new(self.started, self.mode, &mut self.shared.random);
        worker.wakes_ms = self.shared.now_ms + self.shared.random.below(1_000);
        self.workers.push(worker);
    }

    fn step(&mut self) {
        let shared = &mut self.shared;
        shared.now_ms += STEP_MS;
        shared.table.pass(shared.now_ms, &shared.stream);
        for worker in &mut self.workers {
            if worker.wakes_ms <= shared.now_ms {
                worker.wake(shared);
                worker.wakes_ms = shared.now_ms + shared.random.between(300, 1_000);
                if shared.table.has_faults && shared.random.one_in(60) {
                    worker.wakes_ms += shared.random.between(1_000, 30_000);
                }
            }
        }
    }

    /// Everything goes wrong at times.
    fn trouble(&mut self) {
        self.shared.table.has_faults = true;
        let end_ms = self.shared.now_ms + TROUBLE_MS;
        while self.shared.now_ms < end_ms {
            let random = &mut self.shared.random;
            let (puts, reshards, dies) = (random.one_in(5), random.one_in(150), random.one_in(200));
            let starts = random.one_in(100) && self.workers.len() < 6;
            if puts {
                self.shared.stream.put_some(&mut self.shared.random);
            }
            if reshards {
                self.shared.stream.reshard(&mut self.shared.random);
            }
            if dies && !self.workers.is_empty() {
                self.end_one();
            }
            if starts || self.workers.is_empty() {
                self.start_worker();
            }
            self.step();
        }
    }

    /// One worker dies, or stops as it should.
    fn end_one(&mut self) {
        let at = self.shared.random.below(self.workers.len() as u64) as usize;
        let mut worker = self.workers.swap_remove(at);
        if self.shared.random.one_in(2) {
            worker.stop(&mut self.shared);
        }
    }

    /// Some die, the others and the network are well; for as long as it may take until all leases
    /// are somebody's.
    fn quiet(&mut self) {
        self.shared.table.has_faults = false;
        while self.workers.len() > 1 && self.shared.random.one_in(2) {
            self.end_one();
        }
        if self.workers.is_empty() {
            self.start_worker();
        }
        let now_ms = self.shared.now_ms;
        for worker in &mut self.workers {
            worker.wakes_ms = worker.wakes_ms.min(now_ms + 1_000);
        }
        // The slowest clock takes five quarters of the time. Late requests of the trouble come
        // within a failover time and a half.
        let failover_ms = match self.mode {
            Mode::Take => FAILOVER_MS,
            Mode::Lead => LOCK.lease_ms + FAILOVER_MS + HAND_OVER_MS,
        };
        let rounds_ms = 4 * ROUND_MS;
        let end_ms = now_ms + FAILOVER_MS * 3 / 2 + (failover_ms + rounds_ms) * 5 / 4;
        while self.shared.now_ms < end_ms {
            if self.shared.random.one_in(5) {
                self.shared.stream.put_some(&mut self.shared.random);
            }
            self.step();
        }
    }

    fn check_that_all_are_read_by_somebody(&mut self) {
        let before = self.shared.table.leases();
        assert_eq!(hole::lowest(&before, &[]), None);
        for _ in 0..60 {
            self.step();
        }
        for lease in before.iter().filter(|lease| !lease.is_complete()) {
            let reader = lease.reader().expect("somebody reads it");
            let is_alive = self.workers.iter().any(|worker| worker.id == *reader);
            assert!(is_alive, "{reader} is dead: {lease:?}");
            let counter = self.shared.table.lease(&lease.key).map(|now| now.counter);
            assert!(counter.is_none_or(|counter| counter > lease.counter), "still: {lease:?}");
        }
    }

    /// Nothing comes any more: all is read, checkpointed and cleaned away, and spread evenly.
    fn drain(&mut self) {
        for _ in 0..2 {
            self.start_worker();
        }
        for step in 0..3_000 {
            if step % 20 == 0 && self.is_drained() && self.is_spread() {
                return;
            }
            self.step();
        }
        let (is_drained, is_spread) = (self.is_drained(), self.is_spread());
        let row = |lease: Lease| {
            let Lease { key, owner, checkpoint, checkpoint_owner, .. } = lease;
            format!("{key} {checkpoint} owner={owner:?} before={checkpoint_owner:?}")
        };
        let leases: Vec<String> = self.shared.table.leases().into_iter().map(row).collect();
        let workers: Vec<_> = self.workers.iter().map(|worker| &worker.id).collect();
        panic!("drained={is_drained} spread={is_spread} {leases:#?} workers={workers:?}");
    }

    /// Whether no lease moves, and workers' numbers of them differ by one at most.
    fn is_spread(&self) -> bool {
        let mut leases = self.shared.table.leases();
        leases.retain(|lease| !lease.is_complete());
        let owned = |worker: &Worker| {
            leases.iter().filter(|lease| lease.owner.as_ref() == Some(&worker.id)).count()
        };
        let counts: Vec<usize> = self.workers.iter().map(owned).collect();
        let spread = counts.iter().max().zip(counts.iter().min());
        spread.is_some_and(|(most, least)| most - least <= 1)
            && counts.iter().sum::<usize>() == leases.len()
            && leases.iter().all(|lease| lease.checkpoint_owner.is_none())
    }

    fn is_drained(&self) -> bool {
        let Shared { table, stream, .. } = &self.shared;
        let leases = table.leases();
        if !cleanup::finished(&leases, &[]).is_empty() {
            return false;
        }
        let lease = |name: &str| leases.iter().find(|lease| lease.key.as_str() == name);
        stream.shards.values().all(|shard| {
            let name = &shard.listed.name;
            let read = table.audit.read.get(name).copied().unwrap_or(0);
            let is_skipped = table.audit.may_skip && !table.audit.leased.contains(name);
            match lease(name.as_str()) {
                None => !shard.listed.is_open && (is_skipped || table.audit.ended.contains(name)),
                Some(lease) if !shard.listed.is_open => lease.is_complete(),
                Some(lease) => {
                    let is_saved = match &lease.checkpoint {
                        Checkpoint::Read(place) => {
                            place.sequence.as_str() == shard.records.to_string()
                        }
                        _ => table.audit.latest.contains(name) || shard.records == 0,
                    };
                    is_saved && read == shard.records
                }
            }
        })
    }
}
