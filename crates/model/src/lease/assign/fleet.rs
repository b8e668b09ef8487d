//! Version 3: how loaded workers are, and which leases are to move.
//!
//! Load is relative: 1 is the mean of all workers. It is the CPU if all workers say theirs and one
//! is busy at all, else what is read of their leases, which is all that is left when they are idle
//! or cannot measure. A lease brings as much load as it has of the mean worker's throughput, and
//! at least [`IDLE_SHARE`] of what an average one brings, so that idle leases are spread too.
//!
//! Free leases go to whoever has most room. Then load moves away from workers that are more than a
//! threshold above the mean or above their operating range; if only some are below, from the most
//! loaded. Only a part of the excess moves at a time, since what a move does is measured later.
//! A lease moves only if who gets it stays below who had it: loads that cannot be made more equal
//! stay as they are.

use crate::lease::names::{LeaseKey, WorkerId};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The load of an idle lease as a part of an average one's.
pub const IDLE_SHARE: f64 = 0.1;
/// Below this a CPU is idle, and its differences mean nothing. Percent.
pub const IDLE_CPU_PERCENT: f64 = 5.0;

/// Loads that differ by less are equal.
const ROUNDING: f64 = 1e-9;

/// How leases are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpreadBy {
    /// By load.
    Load,
    /// By their number.
    Count,
}

/// How leases are spread, and how carefully.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BalanceSettings {
    /// By what.
    pub by: SpreadBy,
    /// How far from the mean a worker may be before leases move, percent of the mean.
    pub threshold_percent: f64,
    /// How much of the excess moves in one round, percent.
    pub dampening_percent: f64,
    /// Whether a lease moves that is more than what is to move, if there is no smaller one.
    pub may_overshoot: bool,
    /// Leases that a worker holds at most.
    pub leases_max: usize,
    /// KB a second that a worker reads at most; it is given nothing beyond that.
    pub kbps_max: f64,
}

impl Default for BalanceSettings {
    fn default() -> Self {
        Self {
            by: SpreadBy::Load,
            threshold_percent: 10.0,
            dampening_percent: 60.0,
            may_overshoot: true,
            leases_max: usize::MAX,
            kbps_max: f64::MAX,
        }
    }
}

/// A worker that lives.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// Its name.
    pub id: WorkerId,
    /// How busy its CPUs are, percent; `None` if it cannot tell.
    pub cpu_percent: Option<f64>,
    /// How busy they may be, percent.
    pub cpu_percent_max: Option<f64>,
}

/// A lease, as far as its place matters.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Its key.
    pub key: LeaseKey,
    /// Who reads it or is about to; `None` if it is to be given to somebody now.
    pub holder: Option<WorkerId>,
    /// KB a second; `None` if nobody has measured it yet.
    pub kbps: Option<f64>,
    /// Whether it may move from its holder.
    pub may_move: bool,
}

/// A lease's new place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The lease.
    pub key: LeaseKey,
    /// Who had it; `None` if it was free.
    pub from: Option<WorkerId>,
    /// Who gets it.
    pub to: WorkerId,
}

/// Workers and leases during one round.
#[derive(Clone, Debug)]
pub struct Fleet {
    settings: BalanceSettings,
    members: Vec<Member>,
    leases: Vec<Share>,
    moves: Vec<Move>,
}

#[derive(Clone, Debug)]
struct Member {
    id: WorkerId,
    load: f64,
    kbps: f64,
    count: usize,
    is_over_range: bool,
}

#[derive(Clone, Debug)]
struct Share {
    load: Load,
    kbps: f64,
    cost: f64,
    holder: Option<usize>,
    has_moved: bool,
}

impl Fleet {
    /// The state before anything moves. The order of leases is that in which free ones are given.
    ///
    /// Leases of workers that are not among `workers` stay where they are.
    #[must_use]
    pub fn new(settings: BalanceSettings, workers: &[Worker], leases: Vec<Load>) -> Self {
        let index: BTreeMap<&WorkerId, usize> =
            workers.iter().enumerate().map(|(n, worker)| (&worker.id, n)).collect();
        let known: Vec<f64> = leases.iter().filter_map(|lease| lease.kbps).collect();
        let mean_kbps = mean(&known);
        let kbps_of = |lease: &Load| lease.kbps.unwrap_or(mean_kbps).max(0.0);
        let count = workers.len().max(1) as f64;
        let mean_count = (leases.len() as f64 / count).max(1.0);
        let total_kbps: f64 = leases.iter().map(kbps_of).sum();
        let cost = |kbps: f64| match settings.by {
            SpreadBy::Load if total_kbps > 0.0 => {
                (kbps / (total_kbps / count)).max(IDLE_SHARE / mean_count)
            }
            _ => 1.0 / mean_count,
        };
        let mut members: Vec<Member> = workers
            .iter()
            .map(|worker| Member {
                id: worker.id.clone(),
                load: 0.0,
                kbps: 0.0,
                count: 0,
                is_over_range: settings.by == SpreadBy::Load && is_over_range(worker),
            })
            .collect();
        let leases: Vec<Share> = leases
            .into_iter()
            .map(|load| {
                let kbps = kbps_of(&load);
                let holder = load.holder.as_ref().and_then(|id| index.get(id).copied());
                Share { kbps, cost: cost(kbps), holder, has_moved: false, load }
            })
            .collect();
        for lease in &leases {
            if let Some(member) = lease.holder.map(|n| &mut members[n]) {
                member.add(lease, 1.0);
            }
        }
        if settings.by == SpreadBy::Load {
            use_cpu(&mut members, workers);
        }
        Self { settings, members, leases, moves: Vec::new() }
    }

    /// Gives each free lease to whoever has most room. Returns how many nobody has room for.
    pub fn give_free(&mut self) -> usize {
        let mut left = 0;
        for n in 0..self.leases.len() {
            if self.leases[n].load.holder.is_none() && !self.leases[n].has_moved {
                match self.roomiest(None) {
                    Some(to) => self.place(n, to),
                    None => left += 1,
                }
            }
        }
        left
    }

    /// Moves leases so that loads become more equal.
    pub fn balance(&mut self) {
        match self.settings.by {
            SpreadBy::Count => self.balance_counts(),
            SpreadBy::Load => self.balance_loads(),
        }
    }

    /// What has moved, in order.
    #[must_use]
    pub fn into_moves(self) -> Vec<Move> {
        self.moves
    }

    fn balance_counts(&mut self) {
        let mut movable: Vec<Vec<usize>> =
            (0..self.members.len()).map(|member| self.movable(member).collect()).collect();
        // Each move makes the counts more equal, so this ends.
        loop {
            let most = (0..self.members.len())
                .filter(|member| !movable[*member].is_empty())
                .max_by_key(|member| self.members[*member].count);
            let (Some(from), Some(to)) = (most, self.roomiest(most)) else { return };
            if self.members[from].count < self.members[to].count + 2 {
                return;
            }
            let lease = movable[from].pop().expect("it is not empty");
            self.place(lease, to);
        }
    }

    fn balance_loads(&mut self) {
        let loads: Vec<f64> = self.members.iter().map(|member| member.load).collect();
        let mean = mean(&loads);
        let (lowest, highest) = (
            mean * (1.0 - self.settings.threshold_percent / 100.0),
            mean * (1.0 + self.settings.threshold_percent / 100.0),
        );
        let is_too_high = |member: &Member| member.load > highest || member.is_over_range;
        if !self.members.iter().any(|member| member.load < lowest || is_too_high(member)) {
            return;
        }
        let mut from: Vec<usize> =
            (0..self.members.len()).filter(|n| is_too_high(&self.members[*n])).collect();
        if from.is_empty() {
            from.extend((0..loads.len()).max_by(|a, b| loads[*a].total_cmp(&loads[*b])));
        }
        from.sort_by(|a, b| loads[*b].total_cmp(&loads[*a]));
        for donor in from {
            let excess = (self.members[donor].load - mean).max(0.0);
            self.move_away(donor, excess * self.settings.dampening_percent / 100.0);
        }
    }

    /// Moves leases of `donor` that bring at most `excess` load together; or one that brings more.
    fn move_away(&mut self, donor: usize, excess: f64) {
        let mut left = excess + ROUNDING;
        let mut leases: Vec<usize> = self.movable(donor).collect();
        leases.sort_by(|a, b| self.leases[*b].cost.total_cmp(&self.leases[*a].cost));
        let has_small = leases.iter().any(|n| self.leases[*n].cost <= left);
        if !has_small {
            // The smallest of those that are too large.
            leases.reverse();
            leases.truncate(usize::from(self.settings.may_overshoot && excess > 0.0));
            left = f64::MAX;
        }
        for lease in leases {
            let cost = self.leases[lease].cost;
            let Some(to) = self.roomiest(Some(donor)) else { return };
            let stays_below = self.members[to].load + cost < self.members[donor].load - ROUNDING;
            if cost <= left && stays_below {
                left -= cost;
                self.place(lease, to);
            }
        }
    }

    fn movable(&self, member: usize) -> impl Iterator<Item = usize> {
        let may_move = move |lease: &Share| {
            lease.holder == Some(member) && lease.load.may_move && !lease.has_moved
        };
        (0..self.leases.len()).filter(move |n| may_move(&self.leases[*n]))
    }

    /// The least loaded worker that may have one more; of several, who has fewest leases.
    fn roomiest(&self, but: Option<usize>) -> Option<usize> {
        let has_room = |n: &usize| {
            let member = &self.members[*n];
            Some(*n) != but
                && member.count < self.settings.leases_max
                && member.kbps < self.settings.kbps_max
        };
        (0..self.members.len()).filter(has_room).min_by(|a, b| {
            let (a, b) = (&self.members[*a], &self.members[*b]);
            let loads = compare_loads(a.load, b.load);
            let by_load = match self.settings.by {
                SpreadBy::Load => loads.then(a.count.cmp(&b.count)),
                SpreadBy::Count => a.count.cmp(&b.count),
            };
            by_load.then_with(|| a.id.cmp(&b.id))
        })
    }

    fn place(&mut self, lease: usize, to: usize) {
        let share = &mut self.leases[lease];
        let from = share.load.holder.clone();
        if let Some(holder) = share.holder {
            self.members[holder].add(share, -1.0);
        }
        share.holder = Some(to);
        share.has_moved = true;
        self.members[to].add(share, 1.0);
        let to = self.members[to].id.clone();
        self.moves.push(Move { key: share.load.key.clone(), from, to });
    }
}

impl Member {
    fn add(&mut self, lease: &Share, sign: f64) {
        self.load += sign * lease.cost;
        self.kbps += sign * lease.kbps;
        self.count = if sign > 0.0 { self.count + 1 } else { self.count.saturating_sub(1) };
    }
}

/// Takes the CPU for the load, if all say it and it says anything.
fn use_cpu(members: &mut [Member], workers: &[Worker]) {
    let cpus: Option<Vec<f64>> = workers.iter().map(|worker| worker.cpu_percent).collect();
    let Some(cpus) = cpus else { return };
    if !cpus.iter().any(|cpu| *cpu > IDLE_CPU_PERCENT) {
        return;
    }
    let mean = mean(&cpus);
    for (member, cpu) in members.iter_mut().zip(cpus) {
        member.load = cpu.max(0.0) / mean;
    }
}

fn is_over_range(worker: &Worker) -> bool {
    matches!((worker.cpu_percent, worker.cpu_percent_max), (Some(cpu), Some(max)) if cpu > max)
}

/// Loads that differ by rounding alone are equal.
fn compare_loads(left: f64, right: f64) -> Ordering {
    if (left - right).abs() < ROUNDING { Ordering::Equal } else { left.total_cmp(&right) }
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

#[cfg(test)]
mod tests;
