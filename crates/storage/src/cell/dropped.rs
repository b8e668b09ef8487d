//! What the journal drops to make room, until maintenance tells of it.

use crate::host::{DeletedRange, Deletion, Host};
use anabranch_model::ShardKey;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// What was dropped of each shard since that was told last, as one range: the oldest records go first,
/// so that nothing in between is left. However much goes before it is told, there are no more ranges
/// than shards that had records in memory.
#[derive(Debug, Default)]
pub(crate) struct Dropped(Mutex<BTreeMap<ShardKey, DeletedRange>>);

impl Dropped {
    /// Takes the ranges of a chapter. Chapters come in order.
    pub(crate) fn add(&self, ranges: Vec<DeletedRange>) {
        let mut waiting = self.0.lock();
        for range in ranges {
            let whole = waiting.entry(range.shard).or_insert(range);
            whole.indices.1 = range.indices.1;
            whole.last_ms = range.last_ms;
        }
    }

    /// Tells of each range once, in the order of the shards.
    pub(crate) fn tell(&self, host: &dyn Host) {
        let waiting = std::mem::take(&mut *self.0.lock());
        if !waiting.is_empty() {
            let ranges: Vec<_> = waiting.into_values().collect();
            host.deleting(Deletion::MemoryFull, &ranges);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::support::TestHost;

    /// Records of 1,000 shards in each chapter, one of each. There are more ranges than anybody would
    /// keep.
    #[test]
    fn all_that_was_dropped_is_told_once_shard_by_shard() {
        const SHARDS: u64 = 1_000;
        let (dropped, host) = (Dropped::default(), TestHost::default());
        let add = |chapter: u64| {
            let range = |shard| {
                let first = chapter * SHARDS + shard;
                let (shard, indices) = (ShardKey(shard), (first, first + 1));
                DeletedRange { shard, indices, last_ms: chapter }
            };
            dropped.add((0..SHARDS).map(range).collect());
        };
        let told = |chapters: std::ops::Range<u64>| {
            let range = |shard| {
                let index = |chapter| chapter * SHARDS + shard;
                let indices = (index(chapters.start), index(chapters.end - 1) + 1);
                DeletedRange { shard: ShardKey(shard), indices, last_ms: chapters.end - 1 }
            };
            (0..SHARDS).map(|shard| (Deletion::MemoryFull, range(shard))).collect::<Vec<_>>()
        };
        (0..150).for_each(add);
        dropped.tell(&host);
        assert_eq!(std::mem::take(&mut *host.deleted.lock()), told(0..150));
        dropped.tell(&host);
        assert_eq!(std::mem::take(&mut *host.deleted.lock()), []);
        (150..152).for_each(add);
        dropped.tell(&host);
        assert_eq!(std::mem::take(&mut *host.deleted.lock()), told(150..152));
    }
}
