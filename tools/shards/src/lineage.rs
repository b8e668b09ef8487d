//! Which shards may be read when. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::listed::Shard;

/// Which shards may be read when.
///
/// Invariant: a shard is given out once, after all its parents have ended.
#[derive(Debug, Default)]
pub struct Lineage {
    waiting: BTreeMap<Shard, Vec<Shard>>,
    started: BTreeSet<Shard>,
    ended: BTreeSet<Shard>,
}

impl Lineage {
    pub fn add(&mut self, shard: Shard, parents: Vec<Shard>) {
        if !self.started.contains(&shard) {
            self.waiting.insert(shard, parents);
        }
    }

    pub fn ended(&mut self, shard: Shard) {
        self.ended.insert(shard);
    }

    /// The next shard to read, with its parents.
    pub fn next_ready(&mut self) -> Option<(Shard, Vec<Shard>)> {
        let is_ready = |parents: &Vec<Shard>| parents.iter().all(|one| self.ended.contains(one));
        let ready = self.waiting.iter().find(|(_, parents)| is_ready(parents));
        let shard = *ready?.0;
        self.started.insert(shard);
        self.waiting.remove_entry(&shard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_wait_for_all_their_parents() {
        let mut lineage = Lineage::default();
        lineage.add(Shard(2), vec![Shard(0), Shard(1)]);
        lineage.add(Shard(0), vec![]);
        lineage.add(Shard(1), vec![]);
        assert_eq!(lineage.next_ready(), Some((Shard(0), vec![])));
        assert_eq!(lineage.next_ready(), Some((Shard(1), vec![])));
        assert_eq!(lineage.next_ready(), None);
        lineage.ended(Shard(1));
        assert_eq!(lineage.next_ready(), None);
        lineage.ended(Shard(0));
        // Both parents name their child.
        lineage.add(Shard(2), vec![Shard(0), Shard(1)]);
        assert_eq!(lineage.next_ready(), Some((Shard(2), vec![Shard(0), Shard(1)])));
        lineage.add(Shard(2), vec![Shard(0), Shard(1)]);
        assert_eq!(lineage.next_ready(), None);
    }
}
