//! Version 3: a round of whoever leads, from what the tables hold to the writes that follow.
//!
//! * A lease that nobody reads is given to a worker at once.
//! * A hand-over that takes too long is ended: the lease is the new owner's at once.
//! * Every so many rounds loads are balanced. Leases that are read move by a hand-over, if
//!   hand-overs are wanted, else at once.
//!
//! Leases of shards that were read to their end are left alone.
//!
//! A worker that does not report is given nothing, and what it still renews stays its own. Reports
//! are rarer than renewals: a worker of whose leases none moves any more is given nothing either,
//! until it reports anew. If that is all workers, they are taken at their word.

use super::fleet::{BalanceSettings, Fleet, Load, Worker};
use super::hand_over::{self, HandOvers};
use crate::lease::expiry::{Free, LeaseSightings, WorkerSightings};
use crate::lease::names::{LeaseKey, WorkerId};
use crate::lease::row::Lease;
use crate::lease::write::Write;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// How a leader assigns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoundSettings {
    /// For how long a counter must not move before the lease is free, milliseconds.
    pub failover_ms: u64,
    /// For how long a worker's report must not move before it is given nothing, milliseconds:
    /// some times as long as it takes between two.
    pub report_ms: u64,
    /// How long a hand-over may take, milliseconds; `None` if leases move at once.
    pub hand_over_ms: Option<u64>,
    /// Loads are balanced in each round of so many; at least 1.
    pub balance_every: u32,
    /// How.
    pub balance: BalanceSettings,
}

impl Default for RoundSettings {
    fn default() -> Self {
        Self {
            failover_ms: 10_000,
            report_ms: 60_000,
            hand_over_ms: Some(hand_over::LIMIT_MS),
            balance_every: 3,
            balance: BalanceSettings::default(),
        }
    }
}

/// A worker and the mark of its last report, which moves with each.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What it says.
    pub worker: Worker,
    /// The time in it, or anything else that moves.
    pub mark: u64,
}

/// What a leader remembers between rounds. A new leader begins with nothing: it takes
/// `failover_ms` to see what has expired.
#[derive(Clone, Debug, Default)]
pub struct Assigner {
    leases: LeaseSightings,
    workers: WorkerSightings,
    hand_overs: HandOvers,
    /// Workers that have let all their leases expire, and the mark of their report then.
    suspects: BTreeMap<WorkerId, u64>,
    rounds: u32,
}

/// What a round comes to.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Round {
    /// Writes, independent of each other.
    pub writes: Vec<Write>,
    /// Leases that are free and that no worker has room for.
    pub spillover: usize,
    /// Workers that live.
    pub workers: usize,
}

impl Assigner {
    /// One round at `now_ms` of the own clock, over all leases and all reports.
    pub fn round(
        &mut self,
        now_ms: u64,
        settings: &RoundSettings,
        leases: &[Lease],
        reports: &[Report],
    ) -> Round {
        self.leases.look(now_ms, leases);
        self.hand_overs.look(now_ms, leases);
        let marks = reports.iter().map(|report| (report.worker.id.clone(), report.mark));
        self.workers.look(now_ms, marks);
        let workers = self.living(now_ms, settings, leases, reports);

        let mut writes = self.ended_hand_overs(now_ms, settings, leases, &workers);
        let ended: Vec<LeaseKey> = writes.iter().map(|write| LeaseKey(write.key.clone())).collect();
        let loads = self.loads(now_ms, settings, leases, &ended);
        let mut fleet = Fleet::new(settings.balance, &workers, loads);
        let spillover = fleet.give_free();
        if self.rounds.is_multiple_of(settings.balance_every.max(1)) {
            fleet.balance();
        }
        self.rounds = self.rounds.wrapping_add(1);

        let by_key: BTreeMap<&LeaseKey, &Lease> =
            leases.iter().map(|lease| (&lease.key, lease)).collect();
        for one in fleet.into_moves() {
            let lease = by_key[&one.key];
            let hand_over = one.from.as_ref().and(settings.hand_over_ms);
            let write = hand_over
                .and_then(|_| Write::start_hand_over(lease, &one.to))
                .unwrap_or_else(|| Write::assign(lease, &one.to));
            writes.push(write);
        }
        Round { writes, spillover, workers: workers.len() }
    }

    /// The workers that may be given leases.
    fn living(
        &mut self,
        now_ms: u64,
        settings: &RoundSettings,
        leases: &[Lease],
        reports: &[Report],
    ) -> Vec<Worker> {
        // Whether any lease of a reader moves.
        let mut moves: BTreeMap<&WorkerId, bool> = BTreeMap::new();
        for lease in leases {
            if let Some(reader) = lease.reader() {
                let is_free = self.leases.free(lease, now_ms, settings.failover_ms).is_some();
                *moves.entry(reader).or_default() |= !is_free;
            }
        }
        let before = std::mem::take(&mut self.suspects);
        let reporting = reports.iter().filter(|report| {
            self.workers.unmoved_ms(&report.worker.id, now_ms) < settings.report_ms
        });
        let (mut living, mut suspected) = (Vec::new(), Vec::new());
        for Report { worker, mark } in reporting {
            let has_stopped = moves.get(&worker.id) == Some(&false);
            let is_silent = !moves.contains_key(&worker.id) && before.get(&worker.id) == Some(mark);
            if has_stopped || is_silent {
                self.suspects.insert(worker.id.clone(), *mark);
                suspected.push(worker.clone());
            } else {
                living.push(worker.clone());
            }
        }
        if living.is_empty() { suspected } else { living }
    }

    /// Gives leases to their new owners whose old ones do not let go of them.
    fn ended_hand_overs(
        &self,
        now_ms: u64,
        settings: &RoundSettings,
        leases: &[Lease],
        workers: &[Worker],
    ) -> Vec<Write> {
        let limit_ms = settings.hand_over_ms.unwrap_or(0);
        let lives = |id: &WorkerId| workers.iter().any(|worker| worker.id == *id);
        let ends = |lease: &&Lease| {
            let is_left = self.leases.free(lease, now_ms, settings.failover_ms).is_some();
            lease.checkpoint_owner.is_some()
                && !lease.is_complete()
                && (is_left || self.hand_overs.is_overdue(lease, now_ms, limit_ms))
        };
        let owned = |lease: &Lease| {
            let owner = lease.owner.as_ref().filter(|owner| lives(owner))?;
            Some(Write::assign(lease, owner))
        };
        leases.iter().filter(ends).filter_map(owned).collect()
    }

    /// The leases, those that have been free for longest first.
    fn loads(
        &self,
        now_ms: u64,
        settings: &RoundSettings,
        leases: &[Lease],
        ended: &[LeaseKey],
    ) -> Vec<Load> {
        let free = |lease: &Lease| -> Option<Free> {
            self.leases.free(lease, now_ms, settings.failover_ms)
        };
        let mut order: Vec<(Reverse<Option<Free>>, &Lease)> =
            leases.iter().map(|lease| (Reverse(free(lease)), lease)).collect();
        order.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.key.cmp(&b.1.key)));
        let load = |(Reverse(free), lease): (Reverse<Option<Free>>, &Lease)| {
            let is_ended = ended.contains(&lease.key);
            let is_free = free.is_some() && !is_ended;
            Load {
                key: lease.key.clone(),
                holder: lease.owner.clone().filter(|_| !is_free),
                kbps: lease.throughput_kbps,
                may_move: !is_ended && lease.checkpoint_owner.is_none(),
            }
        };
        order.into_iter().filter(|(_, lease)| !lease.is_complete()).map(load).collect()
    }
}

#[cfg(test)]
mod tests;
