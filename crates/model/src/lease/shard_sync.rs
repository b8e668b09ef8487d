//! Which leases are to be made.
//!
//! An application begins with the shards that were open at its initial position
//! ([`first_leases`]). From then on the children of a shard get theirs before it is noted to be
//! at its end ([`child_leases`]). [`missing_leases`] mends what was left out, whatever happened.
//!
//! * What came from a shard with a lease is read from its beginning, whatever the initial
//!   position: it holds nothing from before.
//! * What a shard with a lease came from has been read, and needs none.
//! * What has neither is where the application has not begun: the initial position holds.
//!
//! Leases come in an order in which each follows those of its parents. Made in that order they
//! can be cut off anywhere: a lease is never there without those that must be read before it.
//!
//! Leases must have been read consistently, and shards listed after that. An older list may lack
//! shards that came from one it has, and the leases of those may be all that is left.

use super::checkpoint::Checkpoint;
use super::hole;
use super::key::StreamKey;
use super::names::{LeaseKey, ShardName};
use super::row::Lease;
use super::shard_list::{Family, ListedShard};
use crate::hash_key::HashKeyRange;
use std::collections::{BTreeMap, BTreeSet};

/// Where an application begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitialPosition {
    /// With what comes.
    Latest,
    /// With the oldest record there is.
    TrimHorizon,
    /// With the first record from a time on. Leases do not hold the time; readers are told it.
    AtTimestamp,
}

impl InitialPosition {
    /// What a lease has that begins there.
    #[must_use]
    pub fn checkpoint(self) -> Checkpoint {
        match self {
            Self::Latest => Checkpoint::Latest,
            Self::TrimHorizon => Checkpoint::TrimHorizon,
            Self::AtTimestamp => Checkpoint::AtTimestamp,
        }
    }
}

/// How new leases are to look.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The stream, if the application reads many.
    pub stream: Option<StreamKey>,
    /// Where the application begins.
    pub initial: InitialPosition,
    /// Whether leases say that they are leases, as they must in a table of all kinds.
    pub has_entity: bool,
}

impl Plan {
    fn lease(&self, shard: &ListedShard, checkpoint: Checkpoint) -> Lease {
        let key = LeaseKey::of(self.stream.as_ref(), &shard.name);
        Lease {
            parents: shard.parents.iter().cloned().collect(),
            range: Some(shard.range),
            stream: self.stream.as_ref().map(StreamKey::to_string),
            shard: self.stream.as_ref().map(|_| shard.name.clone()),
            has_entity: self.has_entity,
            ..Lease::new(key, checkpoint)
        }
    }
}

/// A list of shards that does not cover all hash keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("listed shards do not cover all hash keys first={} last={}", hole.start, hole.end_inclusive)]
pub struct Uncovered {
    /// The lowest hash keys that are not covered.
    pub hole: HashKeyRange,
}

/// The leases of an application that has none.
///
/// `frontier` is what ListShards answers with the filter of the initial position: the shards
/// that were open there.
///
/// # Errors
/// A list that does not cover all hash keys: it is to be asked for again.
pub fn first_leases(plan: &Plan, frontier: &[ListedShard]) -> Result<Vec<Lease>, Uncovered> {
    if let Some(hole) = hole::lowest_beside(frontier.iter().map(|shard| shard.range)) {
        return Err(Uncovered { hole });
    }
    let checkpoint = plan.initial.checkpoint();
    Ok(in_order(frontier).into_iter().map(|shard| plan.lease(shard, checkpoint.clone())).collect())
}

/// A child of which a parent has no lease.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no lease of a merged shard's parent shard={child} parent={parent}")]
pub struct UnknownParent {
    /// The child.
    pub child: ShardName,
    /// Its parent without a lease.
    pub parent: ShardName,
}

/// The leases that must be made before `parent` is noted to be at its end: those of its children
/// that have none, and of which nothing came that has one.
///
/// # Errors
/// A merged shard whose other parent has no lease: nothing says whether that was read. All
/// shards are to be listed, for [`missing_leases`].
pub fn child_leases(
    plan: &Plan,
    parent: &Lease,
    children: &[ListedShard],
    leases: &[Lease],
) -> Result<Vec<Lease>, UnknownParent> {
    let leased = Leased::of(plan, leases);
    let family = Family::of(children, leases);
    let was_read = family.ancestors(&leased.0);
    let is_missing =
        |child: &&ListedShard| !leased.has(&child.name) && !was_read.contains(&child.name);
    let parent = parent.shard_name();
    let mut made = Vec::new();
    for child in children.iter().filter(is_missing) {
        let unknown = child.parents.iter().find(|one| **one != parent && !leased.has(one));
        if let Some(unknown) = unknown {
            return Err(UnknownParent { child: child.name.clone(), parent: unknown.clone() });
        }
        made.push(plan.lease(child, Checkpoint::TrimHorizon));
    }
    Ok(made)
}

/// All leases that are missing, in the order in which they are to be made.
///
/// `shards` are all that are listed; `leases` are those of this stream, read before.
#[must_use]
pub fn missing_leases(plan: &Plan, shards: &[ListedShard], leases: &[Lease]) -> Vec<Lease> {
    let family = Family::of(shards, leases);
    let leased = Leased::of(plan, leases);
    let was_read = family.ancestors(&leased.0);
    let came_of_read = family.descendants(&leased.0);
    in_order(shards)
        .into_iter()
        .filter(|shard| !leased.has(&shard.name) && !was_read.contains(&shard.name))
        .filter_map(|shard| {
            let checkpoint = if came_of_read.contains(&shard.name) {
                Checkpoint::TrimHorizon
            } else if plan.initial == InitialPosition::Latest && !shard.is_open {
                return None;
            } else {
                plan.initial.checkpoint()
            };
            Some(plan.lease(shard, checkpoint))
        })
        .collect()
}

/// Whether a shard may be read: each parent's lease is at the shard's end, or gone.
///
/// Since leases are made after their parents', a parent without one was read and cleaned away,
/// or is from before the initial position. That holds for parents' leases that were read
/// consistently after the child's was: others may be from before they were made.
#[must_use]
pub fn may_be_read<'a>(lease: &Lease, lease_of: impl Fn(&ShardName) -> Option<&'a Lease>) -> bool {
    lease.parents.iter().all(|parent| lease_of(parent).is_none_or(Lease::is_complete))
}

/// The shards that have a lease.
struct Leased(BTreeSet<ShardName>);

impl Leased {
    fn of(plan: &Plan, leases: &[Lease]) -> Self {
        let of_stream = leases.iter().filter(|lease| lease.key.split().0 == plan.stream);
        Self(of_stream.map(Lease::shard_name).collect())
    }

    fn has(&self, shard: &ShardName) -> bool {
        self.0.contains(shard)
    }
}

/// The shards, each after those of its parents that are among them.
fn in_order(shards: &[ListedShard]) -> Vec<&ListedShard> {
    let by_name: BTreeMap<&ShardName, &ListedShard> =
        shards.iter().map(|shard| (&shard.name, shard)).collect();
    let mut placed = BTreeSet::new();
    let mut order = Vec::with_capacity(by_name.len());
    // A stack of our own: a family can be deeper than that of the thread.
    let mut stack: Vec<(&ListedShard, bool)> =
        by_name.values().rev().map(|shard| (*shard, false)).collect();
    let mut entered = BTreeSet::new();
    while let Some((shard, are_parents_placed)) = stack.pop() {
        if are_parents_placed {
            if placed.insert(&shard.name) {
                order.push(shard);
            }
        } else if entered.insert(&shard.name) {
            stack.push((shard, true));
            let parents = shard.parents.iter().filter_map(|parent| by_name.get(parent));
            stack.extend(parents.map(|parent| (*parent, false)));
        }
    }
    order
}

#[cfg(test)]
mod tests;
