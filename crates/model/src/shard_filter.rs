//! ShardFilter of ListShards: which shards a reader that starts somewhere must know.

use crate::shard::Shard;
use crate::shard_id::ShardId;

/// The filter, with the times already in epoch milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardFilter {
    /// Shards after this one, as ExclusiveStartShardId does.
    AfterShardId(ShardId),
    /// Shards that were open at the trim horizon.
    AtTrimHorizon,
    /// All shards that have not expired.
    FromTrimHorizon,
    /// Open shards.
    AtLatest,
    /// Shards that were open at this time.
    AtTimestamp(u64),
    /// Shards that were open at this time or later.
    FromTimestamp(u64),
}

impl ShardFilter {
    /// Whether `shard`, which has not expired, passes; `horizon_ms` is the trim horizon.
    #[must_use]
    pub fn passes(self, shard: &Shard, horizon_ms: u64) -> bool {
        // Children open in the millisecond after their parents were closed: at any time the
        // shards that were open cover the ring exactly once.
        let open_at = |ms: u64| shard.opened_ms <= ms && !shard.is_closed_before(ms);
        match self {
            Self::AfterShardId(id) => shard.id > id,
            Self::FromTrimHorizon => true,
            Self::AtLatest => shard.is_open(),
            Self::AtTrimHorizon => open_at(horizon_ms),
            Self::AtTimestamp(ms) => open_at(ms.max(horizon_ms)),
            Self::FromTimestamp(ms) => !shard.is_closed_before(ms.max(horizon_ms)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash_key::HashKeyRange;
    use crate::shard::Closed;

    fn shard(id: u32, opened_ms: u64, closed_ms: Option<u64>) -> Shard {
        Shard {
            id: ShardId(id),
            range: HashKeyRange::FULL,
            created_secs: opened_ms / 1000 + 1,
            opened_ms,
            parent: (id > 0).then_some(ShardId(0)),
            adjacent_parent: None,
            closed: closed_ms.map(|at_ms| Closed { end_index: 0, at_ms }),
        }
    }

    #[test]
    fn each_filter_selects_by_its_rule() {
        let family = [
            shard(0, 10_000, Some(20_000)),
            shard(1, 20_001, Some(30_000)),
            // Closed in the millisecond in which it was opened: open at no time.
            shard(2, 30_001, Some(30_000)),
            shard(3, 30_001, None),
        ];
        let select = |filter: ShardFilter, horizon| {
            let passing = family.iter().filter(|s| filter.passes(s, horizon));
            passing.map(|s| s.id.0).collect::<Vec<_>>()
        };
        assert_eq!(select(ShardFilter::AfterShardId(ShardId(0)), 0), [1, 2, 3]);
        assert_eq!(select(ShardFilter::FromTrimHorizon, 0), [0, 1, 2, 3]);
        assert_eq!(select(ShardFilter::AtTrimHorizon, 10_000), [0]);
        assert_eq!(select(ShardFilter::AtTrimHorizon, 25_000), [1]);
        assert_eq!(select(ShardFilter::AtLatest, 0), [3]);
        assert_eq!(select(ShardFilter::AtTimestamp(1), 10_000), [0]);
        assert_eq!(select(ShardFilter::AtTimestamp(15_000), 0), [0]);
        assert_eq!(select(ShardFilter::AtTimestamp(20_000), 0), [0]);
        assert_eq!(select(ShardFilter::AtTimestamp(20_001), 0), [1]);
        assert_eq!(select(ShardFilter::AtTimestamp(30_000), 0), [1]);
        assert_eq!(select(ShardFilter::AtTimestamp(30_001), 0), [3]);
        assert_eq!(select(ShardFilter::FromTimestamp(20_000), 0), [0, 1, 2, 3]);
        assert_eq!(select(ShardFilter::FromTimestamp(22_000), 0), [1, 2, 3]);
        assert_eq!(select(ShardFilter::FromTimestamp(0), 30_001), [3]);
    }
}
