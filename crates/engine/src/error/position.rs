//! What can be wrong with a place in a shard.

use crate::state::scope::StreamRef;
use anabranch_model::ShardId;

/// The iterator is not one that this service made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid iterator")]
pub struct IteratorInvalid;

/// The iterator is too old.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("iterator expired issued_ms={issued_ms} now_ms={now_ms}")]
pub struct IteratorExpired {
    pub issued_ms: u64,
    pub now_ms: u64,
}

/// A time in the future as a starting position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("timestamp in the future at_ms={at_ms} now_ms={now_ms}")]
pub struct TimestampInFuture {
    pub at_ms: u64,
    pub now_ms: u64,
}

/// A starting sequence number that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid starting sequence number number={number}")]
pub struct StartingNumberInvalid {
    pub stream: StreamRef,
    pub shard: ShardId,
    pub number: String,
}

/// A starting sequence number of another shard.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("starting sequence number of another shard encoded={encoded} shard={shard}")]
pub struct StartingNumberOfShard {
    pub encoded: ShardId,
    pub shard: ShardId,
}

/// A starting sequence number of another stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("starting sequence number of another stream number={number}")]
pub struct StartingNumberOfStream {
    pub stream: StreamRef,
    pub shard: ShardId,
    pub number: String,
}

/// A starting sequence number in the first layout of the service, which cannot be of a stream
/// that is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("starting sequence number of version 0 number={number}")]
pub struct StartingNumberOfOldStream {
    pub number: String,
}
