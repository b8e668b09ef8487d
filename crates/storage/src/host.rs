//! What storage asks of the layer above it.

use anabranch_model::ShardKey;
use anabranch_model::retention::RetentionClass;

/// The catalog, as storage needs it. Called from the maintenance thread.
pub trait Host: Send + Sync + 'static {
    /// The class whose segment gets the shard's records. `None`: the shard is gone.
    fn retention_class(&self, shard: ShardKey) -> Option<RetentionClass>;

    /// Arrival time in epoch milliseconds below which the shard's records are expired.
    /// `None`: the shard is gone.
    fn trim_horizon_ms(&self, shard: ShardKey) -> Option<u64>;

    /// Counts up whenever shards have gone, so that segments may have no reader any more.
    fn dropped_shards(&self) -> u64;

    /// The catalog's state and the number of the last command in it.
    fn snapshot(&self) -> (u64, Vec<u8>);
}
