//! Texts about shards and their number.

use super::wire::{ToWire, limit_exceeded};
use crate::services::kinesis::errors::KinesisError;
use anabranch_engine::error::{
    LimitScope, NotAdjacent, RescaleCallLimit, RescaleOverLimit, RescaleTooHigh, RescaleTooLow,
    ShardClosed, ShardIdInvalid, ShardLimit, ShardNotFound, SplitKeyInvalid,
};
use anabranch_protocol::WireError;

impl ToWire for ShardNotFound {
    fn to_wire(self) -> WireError {
        let Self { stream, shard } = self;
        KinesisError::ResourceNotFound
            .because(format!("Shard {shard} in stream {stream} does not exist"))
    }
}

impl ToWire for ShardIdInvalid {
    fn to_wire(self) -> WireError {
        let Self { stream, shard } = self;
        KinesisError::ResourceNotFound
            .because(format!("Could not find shard {shard} in stream {stream}."))
    }
}

impl ToWire for ShardClosed {
    fn to_wire(self) -> WireError {
        let Self { stream, shard } = self;
        KinesisError::InvalidArgument.because(format!(
            "Shard {shard} in stream {stream} has already been merged or split, and thus is not \
             eligible for merging or splitting."
        ))
    }
}

impl ToWire for SplitKeyInvalid {
    fn to_wire(self) -> WireError {
        let Self { stream, shard, key, range } = self;
        KinesisError::InvalidArgument.because(format!(
            "NewStartingHashKey {key} used in SplitShard() on shard {shard} in stream {stream} is \
             not both greater than one plus the shard's StartingHashKey {} and less than the \
             shard's EndingHashKey {}.",
            range.start, range.end_inclusive
        ))
    }
}

impl ToWire for NotAdjacent {
    fn to_wire(self) -> WireError {
        let Self { stream, lower, upper } = self;
        KinesisError::InvalidArgument.because(format!(
            "Shards {lower} and {upper} in stream {stream} are not an adjacent pair of shards \
             eligible for merging"
        ))
    }
}

impl ToWire for RescaleTooHigh {
    fn to_wire(self) -> WireError {
        let Self { current, target } = self;
        limit_exceeded(format!(
            "UpdateShardCount cannot scale up over double your current open shard count. Current \
             open shard count: {current}, Target shard count: {target}"
        ))
    }
}

impl ToWire for RescaleTooLow {
    fn to_wire(self) -> WireError {
        let Self { current, target } = self;
        limit_exceeded(format!(
            "UpdateShardCount cannot scale down below half your current open shard count. Current \
             open shard count: {current}, Target shard count: {target}"
        ))
    }
}

impl ToWire for RescaleOverLimit {
    fn to_wire(self) -> WireError {
        let Self { limit, current, target } = self;
        limit_exceeded(format!(
            "Target shard count or number of open shards cannot be greater than {limit}. Current \
             open shard count: {current}, Target shard count: {target}"
        ))
    }
}

impl ToWire for RescaleCallLimit {
    fn to_wire(self) -> WireError {
        let Self { stream, limit } = self;
        limit_exceeded(format!(
            "UpdateShardCount cannot be called more than {limit} times in a rolling 24-hour period \
             for stream {stream}."
        ))
    }
}

impl ToWire for ShardLimit {
    fn to_wire(self) -> WireError {
        let Self { stream, current, limit, additional, scope } = self;
        let account = &stream.scope.account;
        let region = match scope {
            LimitScope::Region => &*stream.scope.region,
            LimitScope::Account => "all Regions",
        };
        limit_exceeded(format!(
            "This request would exceed the shard limit for the account {account} in {region}. \
                 Current shard count for the account: {current}. Limit: {limit}. Number of \
                 additional shards that would have resulted from this request: {additional}. \
                 Refer to the AWS Service Limits page \
                 (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for \
                 current limits and how to request higher limits."
        ))
    }
}
