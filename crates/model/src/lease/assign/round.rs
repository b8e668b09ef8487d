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
//! until it reports anew.
//!
//! A new leader finds reports of workers that died long ago. Of a worker that it has not yet seen
//! to live, by a report that moves or by leases, it asks whether the report is as young as the
//! youngest. That compares clocks of others with each other, and no more than that depends on
//! them: one that is behind has its worker wait for leases until its next report.
//!
//! If that leaves nobody, all who report are taken at their word.

use super::fleet::{BalanceSettings, Fleet, Load, Worker};
use super::hand_over::{self, HandOvers};
use crate::lease::expiry::{Free, LeaseSightings, WorkerSightings};
use crate::lease::names::{LeaseKey, WorkerId};
use crate::lease::row::Lease;
use crate::lease::write::Write;
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

/// A worker's last report.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What it says.
    pub worker: Worker,
    /// The time in it, epoch seconds by the worker's clock. It moves with each report.
    pub updated_secs: u64,
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
        let marks = reports.iter().map(|report| (report.worker.id.clone(), report.updated_secs));
        self.workers.look(now_ms, marks);
        let workers = self.living(now_ms, settings, leases, reports);

        let places: Vec<Place> = leases
            .iter()
            .filter(|lease| !lease.is_complete())
            .map(|lease| self.place(now_ms, settings, lease, &workers))
            .collect();
        let mut writes: Vec<Write> = places.iter().filter_map(Place::ended).collect();
        let loads = loads(places);
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
        let youngest_secs = reports.iter().map(|report| report.updated_secs).max().unwrap_or(0);
        let (mut living, mut doubtful) = (Vec::new(), Vec::new());
        for Report { worker, updated_secs } in reporting {
            let age_ms = (youngest_secs - updated_secs).saturating_mul(1_000);
            let is_suspect = match moves.get(&worker.id) {
                Some(reads) => !reads,
                None => before.get(&worker.id) == Some(updated_secs),
            };
            if is_suspect {
                self.suspects.insert(worker.id.clone(), *updated_secs);
            }
            let is_known = self.workers.has_moved(&worker.id)
                || moves.contains_key(&worker.id)
                || age_ms < settings.report_ms;
            let list = if is_known && !is_suspect { &mut living } else { &mut doubtful };
            list.push(worker.clone());
        }
        if living.is_empty() { doubtful } else { living }
    }

    fn place<'a>(
        &self,
        now_ms: u64,
        settings: &RoundSettings,
        lease: &'a Lease,
        workers: &[Worker],
    ) -> Place<'a> {
        let free = self.leases.free(lease, now_ms, settings.failover_ms);
        let limit_ms = settings.hand_over_ms.unwrap_or(0);
        let is_over = lease.checkpoint_owner.is_some()
            && (free.is_some() || self.hand_overs.is_overdue(lease, now_ms, limit_ms));
        let owner = lease.owner.as_ref();
        let heir = owner.filter(|owner| workers.iter().any(|worker| worker.id == **owner));
        match (is_over, heir) {
            (true, Some(heir)) => Place { lease, free: None, heir: Some(heir) },
            // Nobody is there to take it over: it is for anybody.
            (true, None) => Place { lease, free: free.or(Some(Free::ExpiredFor(0))), heir: None },
            (false, _) => Place { lease, free, heir: None },
        }
    }
}

/// Where a lease stands before anything moves.
struct Place<'a> {
    lease: &'a Lease,
    /// Whether it is to be given to anybody.
    free: Option<Free>,
    /// To whom it was being handed over, if that is to be ended.
    heir: Option<&'a WorkerId>,
}

impl Place<'_> {
    fn ended(&self) -> Option<Write> {
        self.heir.map(|heir| Write::assign(self.lease, heir))
    }
}

/// The leases, those that have been free for longest first.
fn loads(mut places: Vec<Place>) -> Vec<Load> {
    places.sort_by(|a, b| b.free.cmp(&a.free).then_with(|| a.lease.key.cmp(&b.lease.key)));
    let load = |Place { lease, free, heir }: Place| Load {
        key: lease.key.clone(),
        holder: lease.owner.clone().filter(|_| free.is_none()),
        kbps: lease.throughput_kbps,
        may_move: heir.is_none() && lease.checkpoint_owner.is_none(),
    };
    places.into_iter().map(load).collect()
}

#[cfg(test)]
mod tests;
