//! Version 2: each worker takes leases that nobody reads, and steals from whoever has too many.
//!
//! The fair share is the leases by the workers, rounded up. Workers are those that hold a lease
//! that moves, and this one. Nobody takes more than its share of what is free, but for leases that
//! have been free for so long that their share must be with somebody who does not take it. Leases
//! of shards that were read to their end are left alone.

use crate::lease::expiry::LeaseSightings;
use crate::lease::names::{LeaseKey, WorkerId};
use crate::lease::row::Lease;
use std::collections::BTreeMap;

/// A lease that has been free for so many times the failover time is anybody's.
pub const VERY_OLD_FACTOR: u64 = 3;

/// How a worker takes leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakeSettings {
    /// For how long a counter must not move before the lease is free, milliseconds.
    pub failover_ms: u64,
    /// Leases that a worker holds at most.
    pub leases_max: usize,
    /// Leases that are stolen in one round at most; 0 steals none.
    pub steals_max: usize,
    /// Whether leases that have been free for long are taken beyond the share.
    pub takes_very_old: bool,
}

impl Default for TakeSettings {
    fn default() -> Self {
        Self { failover_ms: 10_000, leases_max: usize::MAX, steals_max: 1, takes_very_old: true }
    }
}

/// A round of taking.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Taking {
    /// Leases that nobody reads.
    pub free: Vec<LeaseKey>,
    /// Leases of another.
    pub stolen: Vec<LeaseKey>,
    /// Leases of this worker's share that are more than it may hold.
    pub spillover: usize,
}

/// The leases that a worker is to take now; each by [`crate::lease::Write::take`], which is
/// refused if another was faster.
///
/// `random` is a new number for each round, so that workers do not all reach for the same ones.
#[must_use]
pub fn leases_to_take(
    me: &WorkerId,
    leases: &[Lease],
    sightings: &LeaseSightings,
    now_ms: u64,
    settings: &TakeSettings,
    random: u64,
) -> Taking {
    let is_free = |lease: &&Lease| sightings.free(lease, now_ms, settings.failover_ms).is_some();
    let leases: Vec<&Lease> = leases.iter().filter(|lease| !lease.is_complete()).collect();
    let (mut free, held): (Vec<&Lease>, Vec<&Lease>) = leases.iter().copied().partition(is_free);
    free.sort_by_key(|lease| mixed(random, &lease.key));
    let mut counts: BTreeMap<&WorkerId, usize> = BTreeMap::from([(me, 0)]);
    for owner in held.iter().filter_map(|lease| lease.owner.as_ref()) {
        *counts.entry(owner).or_default() += 1;
    }
    let mine = counts[me];
    let share = leases.len().div_ceil(counts.len());
    let target = share.min(settings.leases_max);
    let mut taking = Taking { spillover: share - target, ..Taking::default() };

    let very_old_ms = settings.failover_ms.saturating_mul(VERY_OLD_FACTOR);
    let is_very_old = |lease: &&&Lease| sightings.unmoved_ms(lease, now_ms) > very_old_ms;
    let very_old: Vec<&&Lease> = free.iter().filter(is_very_old).collect();
    if settings.takes_very_old && !very_old.is_empty() {
        let room = settings.leases_max.saturating_sub(mine);
        taking.free = very_old.into_iter().take(room).map(|lease| lease.key.clone()).collect();
        return taking;
    }

    let needed = target.saturating_sub(mine);
    if !free.is_empty() {
        taking.free = free.into_iter().take(needed).map(|lease| lease.key.clone()).collect();
        return taking;
    }
    taking.stolen = to_steal(me, &held, &counts, needed, target, settings.steals_max, random);
    taking
}

/// Leases of whoever has most, if that is more than its share, or one if this worker lacks two.
fn to_steal(
    me: &WorkerId,
    held: &[&Lease],
    counts: &BTreeMap<&WorkerId, usize>,
    needed: usize,
    target: usize,
    steals_max: usize,
    random: u64,
) -> Vec<LeaseKey> {
    let others = counts.iter().filter(|(worker, _)| **worker != me);
    let Some((victim, most)) = others.max_by_key(|(_, count)| **count) else {
        return Vec::new();
    };
    if needed == 0 || *most < target {
        return Vec::new();
    }
    let over = *most - target;
    let count = if over == 0 { usize::from(needed > 1) } else { over.min(needed) };
    let mut theirs: Vec<&LeaseKey> = held
        .iter()
        .filter(|lease| lease.owner.as_ref() == Some(*victim))
        .map(|lease| &lease.key)
        .collect();
    theirs.sort_by_key(|key| mixed(random, key));
    theirs.into_iter().take(count.min(steals_max)).cloned().collect()
}

/// A place for a key that is another in each round.
fn mixed(random: u64, key: &LeaseKey) -> (u64, &LeaseKey) {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = random ^ 0xcbf2_9ce4_8422_2325;
    for byte in key.as_str().bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    }
    hash = (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (hash ^ (hash >> 32), key)
}

#[cfg(test)]
mod tests;
