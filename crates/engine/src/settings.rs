//! How the service behaves, decided once at start.

use anabranch_model::limits;

/// Throughput of one shard, each per second; 0 lifts the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardRates {
    /// Bytes of data and partition keys put.
    pub write_bytes: u64,
    /// Records put.
    pub write_records: u64,
    /// Bytes read by GetRecords.
    pub read_bytes: u64,
    /// GetRecords calls; GetShardIterator calls have a limit of their own of the same height.
    pub read_calls: u64,
    /// Bytes pushed to each fan-out consumer.
    pub consumer_bytes: u64,
    /// SubscribeToShard calls of each fan-out consumer. Without this limit another call takes a
    /// subscription over at once.
    pub subscribe_calls: u64,
}

impl ShardRates {
    /// As on AWS.
    pub const AWS: Self = Self {
        write_bytes: limits::SHARD_WRITE_BYTES,
        write_records: limits::SHARD_WRITE_RECORDS,
        read_bytes: limits::SHARD_READ_BYTES,
        read_calls: limits::SHARD_READ_CALLS,
        consumer_bytes: limits::CONSUMER_READ_BYTES,
        subscribe_calls: limits::SUBSCRIBE_CALLS,
    };
    /// None.
    pub const OFF: Self = Self {
        write_bytes: 0,
        write_records: 0,
        read_bytes: 0,
        read_calls: 0,
        consumer_bytes: 0,
        subscribe_calls: 0,
    };
}

/// How the service behaves.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Open shards in one account and Region.
    pub shard_limit: u32,
    /// Open shards in one account, in all Regions together.
    pub account_shard_limit: u32,
    /// On-demand streams in one account, in all Regions together, if the numbers of streams are limited.
    pub account_on_demand_limit: u32,
    /// How long CREATING and DELETING stay visible, in milliseconds.
    pub transition_ms: u64,
    /// Throughput of each shard.
    pub rates: ShardRates,
    /// Whether the numbers of streams in CREATING and of on-demand streams are limited as on AWS.
    pub limit_streams: bool,
    /// How often the load of on-demand streams is looked at, in milliseconds; 0 for never.
    pub scaling_period_ms: u64,
    /// Bytes of large events that may be under way to clients.
    pub event_room_bytes: u64,
}

impl EngineSettings {
    /// The room for large events that is of use.
    pub const EVENT_ROOM_BYTES: u64 = 256 << 20;
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            shard_limit: limits::ACCOUNT_SHARDS_DEFAULT,
            account_shard_limit: limits::ACCOUNT_SHARDS_DEFAULT,
            account_on_demand_limit: limits::ON_DEMAND_STREAMS_MAX as u32,
            transition_ms: 20,
            rates: ShardRates::AWS,
            limit_streams: true,
            scaling_period_ms: 60_000,
            event_room_bytes: Self::EVENT_ROOM_BYTES,
        }
    }
}
