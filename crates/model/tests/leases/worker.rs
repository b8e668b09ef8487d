//! A worker as a consumer would have it: it reads and writes, and decides nothing itself.

use crate::random::Random;
use crate::stream::Stream;
use crate::table::{Answer, Table};
use anabranch_model::lease::assign::fleet::{BalanceSettings, SpreadBy, Worker as Member};
use anabranch_model::lease::assign::leader::{Lock, LockSettings, Step};
use anabranch_model::lease::assign::round::{Assigner, Report, RoundSettings};
use anabranch_model::lease::assign::take::{TakeSettings, leases_to_take};
use anabranch_model::lease::entity::kind::LEADER_KEY;
use anabranch_model::lease::entity::{Layout, LeaderRow};
use anabranch_model::lease::expiry::LeaseSightings;
use anabranch_model::lease::hole::{self, HoleWatch};
use anabranch_model::lease::ownership::{Standing, after_refusal};
use anabranch_model::lease::shard_sync::{self, Plan};
use anabranch_model::lease::{
    Checkpoint, Item, Lease, LeaseKey, SequenceDigits, WorkerId, Write, cleanup,
};
use std::collections::BTreeMap;

pub(crate) const FAILOVER_MS: u64 = 10_000;
pub(crate) const ROUND_MS: u64 = 5_000;
pub(crate) const HAND_OVER_MS: u64 = 10_000;
pub(crate) const LOCK: LockSettings =
    LockSettings { lease_ms: 15_000, beat_ms: 4_000, look_ms: 2_000 };
const RENEW_MS: u64 = 3_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Take,
    Lead,
}

/// What all workers share.
pub(crate) struct Shared {
    pub(crate) table: Table,
    pub(crate) stream: Stream,
    pub(crate) random: Random,
    pub(crate) plan: Plan,
    /// What workers report, with a mark that moves.
    pub(crate) reports: BTreeMap<WorkerId, u64>,
    pub(crate) now_ms: u64,
}

struct Held {
    lease: Lease,
    /// When the last write that was made was sent.
    since_ms: u64,
    /// The last record that was given to the application; `None` before it began.
    at: Option<u64>,
    saved: u64,
    is_leaving: bool,
    /// Its application does not return: it renews, and does nothing else.
    hangs: bool,
}

pub(crate) struct Worker {
    pub(crate) id: WorkerId,
    mode: Mode,
    rate_percent: u64,
    origin_ms: u64,
    pub(crate) wakes_ms: u64,
    held: BTreeMap<LeaseKey, Held>,
    sightings: LeaseSightings,
    lock: Lock,
    versions: u64,
    assigner: Assigner,
    watch: HoleWatch,
    round_ms: u64,
    sync_ms: u64,
    discover_ms: u64,
}

impl Worker {
    pub(crate) fn new(n: u64, mode: Mode, random: &mut Random) -> Self {
        let id = WorkerId(format!("worker-{n}"));
        Self {
            mode,
            rate_percent: random.between(80, 126),
            origin_ms: random.below(1 << 40),
            wakes_ms: 0,
            held: BTreeMap::new(),
            sightings: LeaseSightings::default(),
            lock: Lock::new(id.clone(), Layout::Single, LOCK),
            versions: 0,
            assigner: Assigner::default(),
            watch: HoleWatch::default(),
            round_ms: 0,
            sync_ms: 0,
            discover_ms: 0,
            id,
        }
    }

    /// Its own clock.
    fn clock(&self, shared: &Shared) -> u64 {
        self.origin_ms + shared.now_ms * self.rate_percent / 100
    }

    pub(crate) fn wake(&mut self, shared: &mut Shared) {
        let now_ms = self.clock(shared);
        shared.reports.insert(self.id.clone(), now_ms);
        for key in self.held.keys().cloned().collect::<Vec<_>>() {
            self.hold(&key, now_ms, shared);
        }
        if self.sync_ms <= now_ms {
            self.sync_ms = now_ms + 3_000;
            let leases = shared.table.leases();
            self.sync(&leases, shared);
            self.clean(&leases, shared);
        }
        if self.mode == Mode::Lead {
            self.elect(now_ms, shared);
        }
        if self.round_ms <= now_ms {
            self.round_ms = now_ms + ROUND_MS;
            match self.mode {
                Mode::Take => self.take(now_ms, shared),
                Mode::Lead if self.lock.leads(now_ms) => self.assign(now_ms, shared),
                Mode::Lead => self.assigner = Assigner::default(),
            }
        }
        if self.mode == Mode::Lead && self.discover_ms <= now_ms {
            self.discover_ms = now_ms + 2_000;
            self.discover(now_ms, shared);
        }
    }

    /// Stops as a worker that is told to: it leaves nothing for others to wait for.
    pub(crate) fn stop(&mut self, shared: &mut Shared) {
        for held in std::mem::take(&mut self.held).into_values() {
            self.send(&Write::give_up(&held.lease), shared);
        }
        if let Some(write) = self.lock.stop() {
            self.send(&write, shared);
        }
    }

    fn send(&self, write: &Write, shared: &mut Shared) -> Answer {
        let Shared { table, stream, random, now_ms, .. } = shared;
        table.write(*now_ms, &self.id, write, stream, random)
    }

    /// Writes one of its own leases. Whether it was made; a lease that is lost is held no more.
    fn write(&mut self, key: &LeaseKey, write: &Write, now_ms: u64, shared: &mut Shared) -> bool {
        let answer = self.send(write, shared);
        let held = self.held.get_mut(key).expect("it is held");
        let found = match answer {
            Answer::Made => {
                held.lease = write.made_on(&held.lease).expect("it was made");
                held.since_ms = now_ms;
                return true;
            }
            Answer::Refused(row) => row.map(|row| Lease::from_item(row).expect("a lease")),
            Answer::Nothing => shared.table.lease(key),
        };
        match after_refusal(&held.lease, &self.id, found) {
            Standing::Mine(lease) => held.lease = lease,
            Standing::HandingOver(lease) => {
                held.lease = lease;
                held.hangs |= !held.is_leaving && shared.random.one_in(3);
                held.is_leaving = true;
            }
            Standing::Lost => {
                self.held.remove(key);
            }
        }
        false
    }

    fn hold(&mut self, key: &LeaseKey, now_ms: u64, shared: &mut Shared) {
        let held = &self.held[key];
        if held.lease.is_complete() {
            // The end was written, and its answer lost.
            let write = Write::give_up(&self.held.remove(key).expect("it is held").lease);
            self.send(&write, shared);
            return;
        }
        if now_ms - held.since_ms >= FAILOVER_MS && !shared.random.one_in(4) {
            // Others may have it; what it writes is refused then, whether it minds or not.
            self.held.remove(key);
            return;
        }
        if now_ms - held.since_ms >= RENEW_MS {
            let write = Write::renew(&held.lease, Some(1.0));
            if !self.write(key, &write, now_ms, shared) {
                return;
            }
        }
        if self.held[key].hangs {
            return;
        }
        if self.held[key].is_leaving {
            self.leave(key, now_ms, shared);
        } else if self.begin(key, shared) {
            self.read(key, shared);
            if shared.random.one_in(2) {
                self.save(key, now_ms, shared);
            }
            self.end(key, now_ms, shared);
        }
    }

    /// Whether it may be read; then its place is known.
    fn begin(&mut self, key: &LeaseKey, shared: &mut Shared) -> bool {
        let held = self.held.get_mut(key).expect("it is held");
        if held.at.is_some() {
            return true;
        }
        let parents: Vec<Lease> = held
            .lease
            .parents
            .iter()
            .filter_map(|parent| shared.table.lease(&LeaseKey::of(None, parent)))
            .collect();
        let find = |shard: &_| parents.iter().find(|lease| lease.shard_name() == *shard);
        if held.lease.is_complete() || !shard_sync::may_be_read(&held.lease, find) {
            return false;
        }
        let shard = held.lease.shard_name();
        let after = match &held.lease.checkpoint {
            Checkpoint::Read(place) => place.sequence.as_str().parse().expect("a number"),
            Checkpoint::Latest => shared.stream.shards[&shard].records,
            _ => 0,
        };
        shared.table.audit.on_begin(&shard, after);
        (held.at, held.saved) = (Some(after), after);
        true
    }

    fn read(&mut self, key: &LeaseKey, shared: &mut Shared) {
        let held = self.held.get_mut(key).expect("it is held");
        let shard = held.lease.shard_name();
        let Some(at) = &mut held.at else { return };
        for _ in 0..shared.random.below(12) {
            if *at < shared.stream.shards[&shard].records {
                *at += 1;
                shared.table.audit.on_read(&shard, *at, &shared.stream);
            }
        }
    }

    /// Writes a checkpoint, if there is anything new. Whether all that was read is saved.
    fn save(&mut self, key: &LeaseKey, now_ms: u64, shared: &mut Shared) -> bool {
        let held = &self.held[key];
        let Some(at) = held.at.filter(|at| *at > held.saved) else { return true };
        let digits = SequenceDigits::parse(&at.to_string()).expect("digits");
        let write = Write::checkpoint(&held.lease, &Checkpoint::read(digits, 0));
        let write = write.expect("records are numbered upwards");
        let is_made = self.write(key, &write, now_ms, shared);
        if let Some(held) = self.held.get_mut(key).filter(|_| is_made) {
            held.saved = at;
        }
        is_made
    }

    /// At the end of a shard: first the leases of its children, then the end.
    fn end(&mut self, key: &LeaseKey, now_ms: u64, shared: &mut Shared) {
        let Some(held) = self.held.get(key) else { return };
        let shard = &shared.stream.shards[&held.lease.shard_name()];
        if shard.listed.is_open || held.at != Some(shard.records) {
            return;
        }
        let leases = shared.table.leases();
        let children = shared.stream.children(&shard.listed.name);
        let made = shard_sync::child_leases(&shared.plan, &held.lease, &children, &leases)
            .unwrap_or_else(|_| {
                shard_sync::missing_leases(&shared.plan, &shared.stream.list(), &leases)
            });
        if !self.create(made, shared) {
            return;
        }
        let names = children.into_iter().map(|child| child.name).collect();
        self.held.get_mut(key).expect("it is held").lease.children = names;
        let write = Write::checkpoint(&self.held[key].lease, &Checkpoint::ShardEnd);
        let write = write.expect("nothing is after the end");
        if self.write(key, &write, now_ms, shared) {
            let write = Write::give_up(&self.held.remove(key).expect("it is held").lease);
            self.send(&write, shared);
        }
    }

    /// Makes leases in their order. Whether all are there.
    fn create(&self, leases: Vec<Lease>, shared: &mut Shared) -> bool {
        leases
            .iter()
            .all(|lease| !matches!(self.send(&Write::create(lease), shared), Answer::Nothing))
    }

    fn leave(&mut self, key: &LeaseKey, now_ms: u64, shared: &mut Shared) {
        if self.save(key, now_ms, shared) {
            let write = Write::give_up(&self.held[key].lease);
            if self.write(key, &write, now_ms, shared) {
                self.held.remove(key);
            }
        }
    }

    fn sync(&mut self, leases: &[Lease], shared: &mut Shared) {
        if leases.is_empty() {
            let frontier = shared.stream.frontier(shared.plan.initial);
            let made = shard_sync::first_leases(&shared.plan, &frontier).expect("covered");
            self.create(made, shared);
        } else if self.watch.is_confirmed(hole::lowest(leases, &[])) {
            let list = shared.stream.list();
            let made = shard_sync::missing_leases(&shared.plan, &list, leases);
            self.create(made, shared);
        }
    }

    fn clean(&self, leases: &[Lease], shared: &mut Shared) {
        for key in cleanup::finished(leases, &[]) {
            self.send(&Write::delete(&key), shared);
        }
    }

    fn elect(&mut self, now_ms: u64, shared: &mut Shared) {
        for _ in 0..3 {
            self.versions += 1;
            let fresh = format!("{}-{}", self.id, self.versions);
            match self.lock.step(now_ms, &fresh) {
                Step::Wait { .. } => return,
                Step::Read => {
                    let row = shared.table.row(LEADER_KEY);
                    let read = |row: Item| LeaderRow::from_item(row, Layout::Single);
                    self.lock.on_row(now_ms, row.map(|row| read(row).expect("a leader")));
                }
                Step::Try(attempt) => match self.send(&attempt.write, shared) {
                    Answer::Made => self.lock.on_made(attempt),
                    Answer::Refused(_) => self.lock.on_refused(),
                    Answer::Nothing => self.lock.on_unanswered(attempt),
                },
            }
        }
    }

    fn take(&mut self, now_ms: u64, shared: &mut Shared) {
        let leases = shared.table.some_leases(&mut shared.random);
        self.sightings.look(now_ms, &leases);
        let settings = TakeSettings { failover_ms: FAILOVER_MS, ..TakeSettings::default() };
        let random = shared.random.next();
        let taking = leases_to_take(&self.id, &leases, &self.sightings, now_ms, &settings, random);
        for key in taking.free.iter().chain(&taking.stolen) {
            let lease = leases.iter().find(|lease| lease.key == *key).expect("it was seen");
            let write = Write::take(lease, &self.id);
            if matches!(self.send(&write, shared), Answer::Made) {
                self.take_up(write.made_on(lease).expect("it was made"), now_ms);
            }
        }
    }

    fn assign(&mut self, now_ms: u64, shared: &mut Shared) {
        let leases = shared.table.some_leases(&mut shared.random);
        let report = |(id, mark): (&WorkerId, &u64)| Report {
            worker: Member { id: id.clone(), cpu_percent: None, cpu_percent_max: None },
            updated_secs: *mark,
        };
        let reports: Vec<Report> = shared.reports.iter().map(report).collect();
        let settings = RoundSettings {
            failover_ms: FAILOVER_MS,
            report_ms: 2 * FAILOVER_MS,
            hand_over_ms: Some(HAND_OVER_MS),
            balance_every: 2,
            balance: BalanceSettings { by: SpreadBy::Count, ..BalanceSettings::default() },
        };
        let round = self.assigner.round(now_ms, &settings, &leases, &reports);
        for write in &round.writes {
            self.send(write, shared);
        }
    }

    /// Finds the leases that it was given. A write makes sure of each before it is read.
    fn discover(&mut self, now_ms: u64, shared: &mut Shared) {
        for lease in shared.table.some_leases(&mut shared.random) {
            let is_mine = lease.checkpoint_owner.is_none()
                && lease.owner.as_ref() == Some(&self.id)
                && !lease.is_complete();
            if is_mine && !self.held.contains_key(&lease.key) {
                let write = Write::renew(&lease, None);
                if matches!(self.send(&write, shared), Answer::Made) {
                    self.take_up(write.made_on(&lease).expect("it was made"), now_ms);
                }
            }
        }
    }

    fn take_up(&mut self, lease: Lease, now_ms: u64) {
        let key = lease.key.clone();
        let held =
            Held { lease, since_ms: now_ms, at: None, saved: 0, is_leaving: false, hangs: false };
        self.held.insert(key, held);
    }
}
