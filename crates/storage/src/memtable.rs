//! The records of one chapter in memory, by shard.

use anabranch_model::ShardKey;
use bytes::Bytes;
use std::collections::HashMap;

/// Bytes that a run costs beside its body.
const RUN_OVERHEAD_BYTES: u64 = 96;

/// A run in memory. The body is shared with whoever reads it.
#[derive(Clone, Debug)]
pub(crate) struct MemRun {
    pub(crate) first_index: u64,
    pub(crate) arrival_ms: u64,
    pub(crate) count: u32,
    pub(crate) body_crc: u32,
    pub(crate) body: Bytes,
}

impl MemRun {
    pub(crate) fn end_index(&self) -> u64 {
        self.first_index + u64::from(self.count)
    }
}

/// Runs by shard, each shard's in index order.
#[derive(Debug, Default)]
pub(crate) struct Memtable {
    shards: HashMap<ShardKey, Vec<MemRun>>,
    bytes: u64,
}

impl Memtable {
    pub(crate) fn push(&mut self, shard: ShardKey, run: MemRun) {
        self.bytes += run.body.len() as u64 + RUN_OVERHEAD_BYTES;
        self.shards.entry(shard).or_default().push(run);
    }

    /// Memory that the table takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The shard's runs that hold an index of `from` or later and arrived at `from_ms` or later.
    pub(crate) fn runs(&self, shard: ShardKey, from: u64, from_ms: u64) -> &[MemRun] {
        let Some(runs) = self.shards.get(&shard) else { return &[] };
        // Indices and arrival times both rise, so each bound is a prefix to skip.
        let start = runs.partition_point(|run| run.end_index() <= from || run.arrival_ms < from_ms);
        &runs[start..]
    }

    /// All runs, by shard in key order.
    pub(crate) fn by_shard(&self) -> Vec<(ShardKey, &[MemRun])> {
        let mut shards: Vec<_> =
            self.shards.iter().map(|(k, runs)| (*k, runs.as_slice())).collect();
        shards.sort_by_key(|(key, _)| *key);
        shards
    }
}
