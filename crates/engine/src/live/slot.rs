//! A shard of a stream, with what belongs to it in this process.

use super::meter::ShardMeter;
use anabranch_model::hash_key::HashKeyRange;
use anabranch_model::sequence_number::SequenceNumber;
use anabranch_model::{Shard, ShardKey};
use anabranch_storage::Gate;
use std::sync::Arc;

/// A shard with what belongs to it in this process.
#[derive(Debug)]
pub struct ShardSlot {
    pub shard: Shard,
    /// Its identity in the journal.
    pub key: ShardKey,
    /// Open as long as records can be added.
    pub gate: Arc<Gate>,
    /// Its throughput.
    pub meter: Arc<ShardMeter>,
}

impl ShardSlot {
    /// The slot of a shard of the stream with this number, which had the slot `before`.
    pub(super) fn next(stream: u32, shard: &Shard, before: Option<&Arc<Self>>) -> Arc<Self> {
        if let Some(before) = before.filter(|before| before.shard == *shard) {
            return before.clone();
        }
        let gate = if shard.is_open() { Gate::default() } else { Gate::closed() };
        Arc::new(Self {
            shard: shard.clone(),
            key: ShardKey::new(stream, shard.id),
            gate: Arc::new(gate),
            // Who reads a shard that was closed goes on under the limits that it used up.
            meter: before.map_or_else(Arc::default, |before| before.meter.clone()),
        })
    }
}

/// What a put needs of an open shard, in one line of the processor's cache: a request may have a
/// record for each of hundreds of shards that nothing was put to for long.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(crate) struct Route {
    pub(super) range: HashKeyRange,
    pub(crate) key: ShardKey,
    /// [`Shard::created_secs`].
    pub(crate) created_secs: u64,
    pub(crate) gate: Arc<Gate>,
    pub(crate) meter: Arc<ShardMeter>,
}

const _: () = assert!(size_of::<Route>() == 64);

impl Route {
    pub(super) fn to(slot: &ShardSlot) -> Self {
        Self {
            range: slot.shard.range,
            key: slot.key,
            created_secs: slot.shard.created_secs,
            gate: slot.gate.clone(),
            meter: slot.meter.clone(),
        }
    }

    /// The number of the shard's record with `index` that arrived at `arrival_ms`.
    pub(crate) fn sequence_number(&self, index: u64, arrival_ms: u64) -> SequenceNumber {
        SequenceNumber::new(self.created_secs, self.key.shard(), index, arrival_ms)
    }
}
