//! What can be wrong with a shard, or with the number of them.

use super::limit_scope::LimitScope;
use crate::state::scope::StreamRef;
use anabranch_model::{HashKeyRange, ShardId};

/// There is no such shard to read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("shard not found stream={stream} shard={shard}")]
pub struct ShardNotFound {
    pub stream: StreamRef,
    pub shard: ShardId,
}

/// The text names no shard, or none that could be split or merged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such shard stream={stream} shard={shard}")]
pub struct ShardIdInvalid {
    pub stream: StreamRef,
    pub shard: String,
}

/// A shard that was split or merged before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("shard is closed stream={stream} shard={shard}")]
pub struct ShardClosed {
    pub stream: StreamRef,
    pub shard: ShardId,
}

/// A key at which a shard cannot be split.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot split stream={stream} shard={shard} key={key}")]
pub struct SplitKeyInvalid {
    pub stream: StreamRef,
    pub shard: ShardId,
    pub key: String,
    pub range: HashKeyRange,
}

/// Two shards that are not neighbours in this order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not adjacent stream={stream} lower={lower} upper={upper}")]
pub struct NotAdjacent {
    pub stream: StreamRef,
    pub lower: ShardId,
    pub upper: ShardId,
}

/// More than twice the shards that there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scaling too far up current={current} target={target}")]
pub struct RescaleTooHigh {
    pub current: u32,
    pub target: u32,
}

/// Less than half the shards that there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("scaling too far down current={current} target={target}")]
pub struct RescaleTooLow {
    pub current: u32,
    pub target: u32,
}

/// More shards than a stream may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many shards for a stream limit={limit} current={current} target={target}")]
pub struct RescaleOverLimit {
    pub limit: u32,
    pub current: u32,
    pub target: u32,
}

/// Too many calls to change the number of shards in a day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many changes of the shard count stream={stream} limit={limit}")]
pub struct RescaleCallLimit {
    pub stream: StreamRef,
    pub limit: usize,
}

/// More open shards than the account may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("shard limit current={current} limit={limit} additional={additional}")]
pub struct ShardLimit {
    pub stream: StreamRef,
    pub current: u64,
    pub limit: u64,
    pub additional: u64,
    pub scope: LimitScope,
}
