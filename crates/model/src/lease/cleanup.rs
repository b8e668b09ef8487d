//! Which leases may be deleted.
//!
//! A lease that was read to its end says two things: that its children may be read, and that what
//! came before needs no lease. It may go once its children have begun and say so themselves. It
//! goes after its own parents, so that the leases of a family always begin at one generation.

use super::hole;
use super::names::{LeaseKey, ShardName};
use super::row::Lease;
use super::shard_list::{Family, ListedShard};
use crate::hash_key::HashKeyRange;
use std::collections::{BTreeMap, BTreeSet};

/// The leases of one stream that were read to their end and are not needed any more.
///
/// `leases` are all of the stream. Nothing is deleted whose children are not known: `shards` may
/// be empty if rows say what came of them.
#[must_use]
pub fn finished(leases: &[Lease], shards: &[ListedShard]) -> Vec<LeaseKey> {
    let family = Family::of(shards, leases);
    let by_shard: BTreeMap<ShardName, &Lease> =
        leases.iter().map(|lease| (lease.shard_name(), lease)).collect();
    let has_begun =
        |child: &ShardName| by_shard.get(child).is_some_and(|child| child.checkpoint.has_begun());
    let is_finished = |(shard, lease): &(&ShardName, &&Lease)| {
        lease.is_complete()
            && !family.parents(shard).any(|parent| by_shard.contains_key(parent))
            && covers_with_children(lease, family.children(shard), &by_shard)
            && family.children(shard).all(has_begun)
    };
    by_shard.iter().filter(is_finished).map(|(_, lease)| lease.key.clone()).collect()
}

/// Whether the children are all there are: they have all of the shard's hash keys.
fn covers_with_children<'a>(
    lease: &Lease,
    children: impl Iterator<Item = &'a ShardName>,
    by_shard: &BTreeMap<ShardName, &Lease>,
) -> bool {
    let children: Vec<&ShardName> = children.collect();
    let ranges: Option<Vec<_>> =
        children.iter().map(|child| by_shard.get(*child).and_then(|child| child.range)).collect();
    match (lease.range, ranges) {
        (Some(range), Some(ranges)) => {
            hole::lowest_beside(ranges.into_iter().chain(outside(range))).is_none()
        }
        // Rows of older versions have no ranges; then their word is taken for it.
        _ => !children.is_empty(),
    }
}

/// All hash keys but those of a range.
fn outside(range: HashKeyRange) -> impl Iterator<Item = HashKeyRange> {
    let below =
        range.start.checked_sub(1).map(|end_inclusive| HashKeyRange { start: 0, end_inclusive });
    let above = range
        .end_inclusive
        .checked_add(1)
        .map(|start| HashKeyRange { start, end_inclusive: u128::MAX });
    below.into_iter().chain(above)
}

/// The leases of one stream whose shards are gone: they expired before they were read to their
/// end, or before anybody noticed.
///
/// `shards` are all that are listed, and were listed after `leases` were read; an empty list
/// shows nothing. A lease stays while a listed child of it has none, and while without it hash
/// keys would be read by nobody: then [`super::shard_sync::missing_leases`] comes first.
#[must_use]
pub fn vanished(leases: &[Lease], shards: &[ListedShard]) -> Vec<LeaseKey> {
    let listed: BTreeSet<&ShardName> = shards.iter().map(|shard| &shard.name).collect();
    if listed.is_empty() {
        return Vec::new();
    }
    let by_shard: BTreeMap<ShardName, &Lease> =
        leases.iter().map(|lease| (lease.shard_name(), lease)).collect();
    let family = Family::of(shards, leases);
    let (kept, gone): (Vec<_>, Vec<_>) =
        by_shard.iter().partition(|(shard, _)| listed.contains(shard));
    let kept_cover = {
        let active = kept.iter().filter(|(_, lease)| !lease.is_complete());
        hole::lowest_beside(active.filter_map(|(_, lease)| lease.range)).is_none()
    };
    if !kept_cover {
        return Vec::new();
    }
    let is_needed = |shard: &ShardName| {
        let mut children = family.children(shard).filter(|child| listed.contains(child));
        children.any(|child| !by_shard.contains_key(child))
    };
    gone.into_iter()
        .filter(|(shard, _)| !is_needed(shard))
        .map(|(_, lease)| lease.key.clone())
        .collect()
}

#[cfg(test)]
mod tests;
