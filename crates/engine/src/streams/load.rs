//! The load of on-demand streams, measured from round to round.

use crate::live::stream::Stream;
use anabranch_model::ShardId;
use anabranch_model::on_demand::{HOT_PERIODS, ShardLoad};
use std::collections::HashMap;

/// What the rounds so far have seen.
#[derive(Debug, Default)]
pub(super) struct Loads {
    /// When the last round was, monotonic microseconds.
    pub(super) last_us: Option<u64>,
    /// By number of the stream.
    pub(super) streams: HashMap<u32, Seen>,
}

/// What was seen of a stream.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Whether a round has looked at it: until then there is nothing to compare counters with.
    is_known: bool,
    /// Of its open shards.
    shards: HashMap<ShardId, Sample>,
    /// Since when it could do with fewer shards, epoch milliseconds.
    pub(super) cold_since_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sample {
    /// What the counter showed.
    bytes: u64,
    /// The newest first.
    bytes_per_s: [u64; HOT_PERIODS],
}

impl Sample {
    fn next(&self, bytes: u64, elapsed_us: u64) -> Self {
        let new = u128::from(bytes.saturating_sub(self.bytes)) * 1_000_000;
        let rate = u64::try_from(new / u128::from(elapsed_us.max(1))).unwrap_or(u64::MAX);
        let mut bytes_per_s = self.bytes_per_s;
        bytes_per_s.rotate_right(1);
        bytes_per_s[0] = rate;
        Self { bytes, bytes_per_s }
    }
}

impl Seen {
    /// Measures the open shards since the last round.
    pub(super) fn measure(&mut self, stream: &Stream, elapsed_us: Option<u64>) -> Vec<ShardLoad> {
        let elapsed_us = elapsed_us.filter(|_| self.is_known);
        self.is_known = true;
        let mut shards = HashMap::new();
        let mut loads = Vec::with_capacity(stream.open.len());
        for slot in stream.open.iter() {
            let (shard, range) = (slot.shard.id, slot.shard.range);
            let bytes = slot.meter.traffic().incoming_bytes;
            let before = self.shards.get(&shard).copied().unwrap_or_default();
            let sample = match elapsed_us {
                Some(elapsed_us) => before.next(bytes, elapsed_us),
                None => Sample { bytes, ..before },
            };
            loads.push(ShardLoad { shard, range, bytes_per_s: sample.bytes_per_s });
            // A shard that never had a byte needs no memory.
            if bytes > 0 {
                shards.insert(shard, sample);
            }
        }
        self.shards = shards;
        loads
    }
}
