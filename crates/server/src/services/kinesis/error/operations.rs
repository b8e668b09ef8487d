//! Operations: each refusal is one of its facts.

use super::record::{data_too_long, partition_key_missing};
use super::wire::{ToWire, to_wire};
use anabranch_engine::error::{
    CapacityError, ChangeFailure, CreateStreamError, DeleteStreamError, DeregisterConsumerError,
    EncryptionError, GetRecordsError, IteratorError, ListError, NotReshardable, PositionError,
    PutError, RegisterConsumerError, RescaleError, ReshardError, ResourceError,
    ResourceUnavailable, RetentionError, ShardIteratorError, ShardNameError, ShardReadError,
    StreamChangeError, StreamUnavailable, SubscribeError, SubscriptionError, TokenError,
    WarmThroughputError,
};
use anabranch_protocol::WireError;

macro_rules! facts_of {
    ($($operation:ident { $($fact:ident,)+ })+) => {
        $(impl ToWire for $operation {
            fn to_wire(self) -> WireError {
                match self {
                    $(Self::$fact(fact) => fact.to_wire(),)+
                }
            }
        })+
    };
}

facts_of! {
    ChangeFailure { Append, Interrupted, }
    StreamChangeError { Stream, Failure, }
    CreateStreamError { Exists, CreatingLimit, OnDemandLimit, AutoNeedsOnDemand, Warm, ShardLimit, Failure, }
    WarmThroughputError { NeedsSwitch, NeedsCommitment, Limit, ShardLimit, }
    DeleteStreamError { Stream, HasConsumers, Failure, }
    RetentionError { Stream, TooShort, TooLong, Shrinks, Grows, Failure, }
    NotReshardable { Stream, OnDemand, }
    ReshardError { Stream, ShardIdInvalid, ShardClosed, SplitKeyInvalid, NotAdjacent, ShardLimit, Failure, }
    RescaleError { Stream, TooHigh, TooLow, OverLimit, CallLimit, ShardLimit, Failure, }
    CapacityError { Stream, ProvisionedStream, ModeSwitchLimit, OnDemandLimit, AutoNeedsOnDemand, Warm, Failure, }
    RegisterConsumerError { Stream, Exists, Limit, CreatingLimit, Failure, }
    DeregisterConsumerError { NotFound, Failure, }
    ResourceUnavailable { Stream, ConsumerNotFound, ConsumerNotChangeable, }
    ResourceError { Resource, PolicyNotFound, TagLimit, Failure, }
    EncryptionError { Stream, Key, KeyNotInUse, Limit, DataKeyLimit, Failure, }
    PutError { StreamNotFound, PartitionKeyMissing, RecordTooLarge, RecordsTooLarge, OrderingInvalid, WriteRateExceeded, Key, Append, }
    ShardReadError { Storage, Key, RecordNotAuthentic, Interrupted, }
    IteratorError { Invalid, Expired, }
    GetRecordsError { ShardNotFound, ReadRateExceeded, Read, NoRoom, }
    PositionError { TimestampInFuture, NumberInvalid, NumberOfShard, NumberOfStream, NumberOfOldStream, }
    ShardNameError { NotFound, Invalid, }
    ShardIteratorError { Shard, Position, ReadRateExceeded, }
    SubscribeError { StreamNotFound, ConsumerNotFound, ConsumerNotActive, Shard, Position, RateExceeded, AlreadySubscribed, }
    SubscriptionError { AlreadySubscribed, StreamNotFound, ConsumerNotFound, ShardNotFound, Read, }
    TokenError { Invalid, Expired, }
    ListError { Stream, Token, TokenOfAnotherStream, }
    StreamUnavailable { NotFound, NotActive, }
}

/// As [`to_wire`], for PutRecord: there is one record, and it has no place.
pub(crate) fn single_put_to_wire(error: PutError) -> WireError {
    match error {
        PutError::RecordTooLarge(too_large) => data_too_long("data", too_large.bytes_max),
        PutError::PartitionKeyMissing(_) => partition_key_missing("partitionKey"),
        other => to_wire(other),
    }
}
