//! The records of one chapter in memory, by shard.

use crate::frame::FRAME_HEADER_BYTES;
use anabranch_model::ShardKey;
use bytes::Bytes;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Bytes that a run costs beside its body: here, and the blank header before it.
const RUN_OVERHEAD_BYTES: u64 = 160;

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

    /// Bytes of its frame.
    pub(crate) fn frame_bytes(&self) -> usize {
        FRAME_HEADER_BYTES + self.body.len()
    }
}

/// Spreads shard keys over a table. They are numbers that the server itself gives out, so that
/// nobody can make many of them collide.
#[derive(Clone, Copy, Debug, Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio's bits; the table looks at the high and at the low ones.
        let product = u128::from(self.0 ^ number) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product >> 64) as u64 ^ product as u64;
    }
}

/// Runs by shard, each shard's in index order.
#[derive(Debug, Default)]
pub(crate) struct Memtable {
    shards: HashMap<ShardKey, Vec<MemRun>, BuildHasherDefault<KeyHasher>>,
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
