//! What only salvage does to a catalog (see [`crate::salvage`]).

use super::Catalog;
use crate::state::command::{Command, ReshardMove};
use crate::state::shards::Shards;
use anabranch_model::shard::Closed;
use anabranch_model::{HashKeyRange, Shard, ShardKey};
use anabranch_storage::salvage::ShardExtent;
use std::sync::Arc;

impl Catalog {
    /// Whether a command can be applied though one before it may be missing.
    pub(crate) fn can_apply(&self, command: &Command) -> bool {
        let (stream, moves) = match command {
            Command::Reshard(reshard) => (reshard.stream, &reshard.moves),
            Command::BeginReshard(begin) => (begin.stream, &begin.moves),
            _ => return true,
        };
        let Some(stream) = self.streams.of_number(stream) else { return true };
        let open = |id: u32| stream.shards.open().find(|shard| shard.id.0 == id);
        moves.iter().all(|one| match *one {
            ReshardMove::Split { shard, at } => open(shard).is_some_and(|shard| {
                let (range, at) = (shard.range, u128::from_be_bytes(at));
                range.start < at && at <= range.end_inclusive
            }),
            ReshardMove::Merge { lower, upper } => {
                open(lower).zip(open(upper)).is_some_and(|(lower, upper)| {
                    lower.range.end_inclusive.checked_add(1) == Some(upper.range.start)
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
            let mut shards = stream.shards.all().to_vec();
            shards.push(shard);
            shards.sort_by_key(|shard| shard.id);
            stream.shards = Arc::new(Shards::new(shards));
        });
    }

    /// Counts all commands up to this one as applied.
    pub(crate) fn cover(&mut self, number: u64) {
        self.applied = self.applied.max(number);
    }
}
