//! A stream's shards as a list of them says, and how they are related.

use super::names::ShardName;
use super::row::Lease;
use crate::hash_key::HashKeyRange;
use std::collections::{BTreeMap, BTreeSet};

/// A shard as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedShard {
    /// Its name.
    pub name: ShardName,
    /// The shards it came from: none, the one that was split, or the two that were merged.
    pub parents: Vec<ShardName>,
    /// Its hash keys.
    pub range: HashKeyRange,
    /// Whether records can still be added.
    pub is_open: bool,
}

/// The parents and children of each shard, as the list and the leases know them. Leases remember
/// parents that are not listed any more, and children that a list from before a split lacks.
#[derive(Debug, Default)]
pub(super) struct Family {
    parents: Relation,
    children: Relation,
}

type Relation = BTreeMap<ShardName, BTreeSet<ShardName>>;

impl Family {
    pub(super) fn of(shards: &[ListedShard], leases: &[Lease]) -> Self {
        let mut family = Self::default();
        for shard in shards {
            shard.parents.iter().for_each(|parent| family.add(parent, &shard.name));
        }
        for lease in leases {
            let shard = lease.shard_name();
            lease.parents.iter().for_each(|parent| family.add(parent, &shard));
            lease.children.iter().for_each(|child| family.add(&shard, child));
        }
        family
    }

    fn add(&mut self, parent: &ShardName, child: &ShardName) {
        self.parents.entry(child.clone()).or_default().insert(parent.clone());
        self.children.entry(parent.clone()).or_default().insert(child.clone());
    }

    /// The parents of a shard.
    pub(super) fn parents(&self, shard: &ShardName) -> impl Iterator<Item = &ShardName> {
        self.parents.get(shard).into_iter().flatten()
    }

    /// The children of a shard.
    pub(super) fn children(&self, shard: &ShardName) -> impl Iterator<Item = &ShardName> {
        self.children.get(shard).into_iter().flatten()
    }

    /// All that any of `shards` came from.
    pub(super) fn ancestors<'a>(
        &'a self,
        shards: impl IntoIterator<Item = &'a ShardName>,
    ) -> BTreeSet<&'a ShardName> {
        reach(&self.parents, shards)
    }

    /// All that came from any of `shards`.
    pub(super) fn descendants<'a>(
        &'a self,
        shards: impl IntoIterator<Item = &'a ShardName>,
    ) -> BTreeSet<&'a ShardName> {
        reach(&self.children, shards)
    }
}

fn reach<'a>(
    relation: &'a Relation,
    shards: impl IntoIterator<Item = &'a ShardName>,
) -> BTreeSet<&'a ShardName> {
    let of = |shard: &ShardName| relation.get(shard).into_iter().flatten();
    let mut found = BTreeSet::new();
    let mut ahead: Vec<&ShardName> = shards.into_iter().flat_map(of).collect();
    while let Some(shard) = ahead.pop() {
        if found.insert(shard) {
            ahead.extend(of(shard));
        }
    }
    found
}
