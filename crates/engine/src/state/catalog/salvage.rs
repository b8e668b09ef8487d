//! What only salvage does to a catalog (see [`crate::salvage`]).

use super::Catalog;
use crate::state::command::{Command, ReshardMove};
use crate::state::slot::ShardSlot;
use anabranch_model::shard::Closed;
use anabranch_model::{HashKeyRange, Shard, ShardKey};
use anabranch_storage::salvage::ShardExtent;

impl Catalog {
    /// Whether a command can be applied though one before it may be missing.
    pub(crate) fn can_apply(&self, command: &Command) -> bool {
        let Command::Reshard(reshard) = command else { return true };
        let Some(stream) = self.stream_by_number(reshard.stream) else { return true };
        let open = |id: u32| stream.open.iter().find(|slot| slot.shard.id.0 == id);
        reshard.moves.iter().all(|one| match *one {
            ReshardMove::Split { shard, at } => open(shard).is_some_and(|slot| {
                let (range, at) = (slot.shard.range, u128::from_be_bytes(at));
                range.start < at && at <= range.end_inclusive
            }),
            ReshardMove::Merge { lower, upper } => {
                open(lower).zip(open(upper)).is_some_and(|(lower, upper)| {
                    lower.shard.range.end_inclusive.checked_add(1) == Some(upper.shard.range.start)
                })
            }
        })
    }

    /// Keeps a stream's number from being given to a new one.
    pub(crate) fn reserve_stream(&mut self, number: u32) {
        self.next_stream = self.next_stream.max(number.saturating_add(1));
    }

    /// Adds a closed shard of which nothing but its records is known.
    pub(crate) fn adopt_shard(&mut self, key: ShardKey, extent: &ShardExtent) {
        let shard = Shard {
            id: key.shard(),
            range: HashKeyRange::FULL,
            created_secs: extent.first_ms / 1000,
            opened_ms: extent.first_ms,
            parent: None,
            adjacent_parent: None,
            closed: Some(Closed { end_index: extent.end_index, at_ms: extent.last_ms }),
        };
        self.change(key.stream(), |stream| {
            let mut shards = std::mem::take(&mut stream.shards);
            shards.push(ShardSlot::new(key.stream(), shard));
            shards.sort_by_key(|slot| slot.shard.id);
            stream.set_shards(shards);
        });
    }

    /// Counts all commands up to this one as applied.
    pub(crate) fn cover(&mut self, number: u64) {
        self.applied = self.applied.max(number);
    }
}
