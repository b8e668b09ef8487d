//! What can be wrong with records, and the rates at which they come and go.

use crate::state::scope::StreamRef;
use anabranch_model::ShardId;

/// A record over the stream's limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record too large position={position} limit={bytes_max}")]
pub struct RecordTooLarge {
    pub position: usize,
    pub bytes_max: usize,
}

/// All records together are over the limit of a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("records too large limit={bytes_max}")]
pub struct RecordsTooLarge {
    pub bytes_max: usize,
}

/// A record without partition key in a stream that places records by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("partition key missing position={position}")]
pub struct PartitionKeyMissing {
    pub position: usize,
}

/// A sequence number for ordering that is none, or lies in the future.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid sequence number for ordering number={number}")]
pub struct OrderingInvalid {
    pub stream: StreamRef,
    pub number: String,
}

/// A put over the shard's rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write rate exceeded stream={stream} shard={shard}")]
pub struct WriteRateExceeded {
    pub stream: StreamRef,
    pub shard: ShardId,
}

/// A read over the shard's rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read rate exceeded stream={stream} shard={shard}")]
pub struct ReadRateExceeded {
    pub stream: StreamRef,
    pub shard: ShardId,
}

/// A sealed record is not what was stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed record does not open stream={stream} shard={shard} index={index}")]
pub struct RecordNotAuthentic {
    pub stream: StreamRef,
    pub shard: ShardId,
    pub index: u64,
}
