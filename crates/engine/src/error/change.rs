//! Why changes of the catalog are refused: an enum for each kind of change.

use super::consumer::{
    ConsumerExists, ConsumerLimit, ConsumerNotChangeable, ConsumerNotFound, ConsumersCreatingLimit,
};
use super::shard::{
    NotAdjacent, RescaleCallLimit, RescaleOverLimit, RescaleTooHigh, RescaleTooLow, ShardClosed,
    ShardIdInvalid, ShardLimit, SplitKeyInvalid,
};
use super::stream::{
    AutoNeedsOnDemand, CreatingLimit, DataKeyLimit, EncryptionLimit, KeyNotInUse, ModeSwitchLimit,
    OnDemandLimit, OnDemandStream, PolicyNotFound, ProvisionedStream, RetentionGrows,
    RetentionShrinks, RetentionTooLong, RetentionTooShort, StreamExists, StreamHasConsumers,
    StreamUnavailable, TagLimit, WarmLimit, WarmNeedsCommitment, WarmNeedsSwitch,
};
use crate::keys::keyring::KeyRefusal;
use anabranch_storage::AppendError;

/// The task of an operation ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operation was interrupted")]
pub struct Interrupted;

/// A change that was allowed could not be stored.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum ChangeFailure {
    Append(#[from] AppendError),
    Interrupted(#[from] Interrupted),
}

/// Why a setting of a stream was not changed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum StreamChangeError {
    Stream(#[from] StreamUnavailable),
    Failure(#[from] ChangeFailure),
}

/// Why a stream was not created.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum CreateStreamError {
    Exists(#[from] StreamExists),
    CreatingLimit(#[from] CreatingLimit),
    OnDemandLimit(#[from] OnDemandLimit),
    AutoNeedsOnDemand(#[from] AutoNeedsOnDemand),
    Warm(#[from] WarmThroughputError),
    ShardLimit(#[from] ShardLimit),
    Failure(#[from] ChangeFailure),
}

/// Why a stream cannot have a warm throughput.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum WarmThroughputError {
    NeedsSwitch(#[from] WarmNeedsSwitch),
    NeedsCommitment(#[from] WarmNeedsCommitment),
    Limit(#[from] WarmLimit),
    ShardLimit(#[from] ShardLimit),
}

/// Why a stream was not deleted.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum DeleteStreamError {
    Stream(#[from] StreamUnavailable),
    HasConsumers(#[from] StreamHasConsumers),
    Failure(#[from] ChangeFailure),
}

/// Why a retention period was not changed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum RetentionError {
    Stream(#[from] StreamUnavailable),
    TooShort(#[from] RetentionTooShort),
    TooLong(#[from] RetentionTooLong),
    Shrinks(#[from] RetentionShrinks),
    Grows(#[from] RetentionGrows),
    Failure(#[from] ChangeFailure),
}

/// Why a stream's shards cannot be changed at all.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum NotReshardable {
    Stream(#[from] StreamUnavailable),
    OnDemand(#[from] OnDemandStream),
}

/// Why shards were not split or merged.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum ReshardError {
    Stream(#[from] NotReshardable),
    ShardIdInvalid(#[from] ShardIdInvalid),
    ShardClosed(#[from] ShardClosed),
    SplitKeyInvalid(#[from] SplitKeyInvalid),
    NotAdjacent(#[from] NotAdjacent),
    ShardLimit(#[from] ShardLimit),
    Failure(#[from] ChangeFailure),
}

/// Why a stream does not get another number of shards.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum RescaleError {
    Stream(#[from] NotReshardable),
    TooHigh(#[from] RescaleTooHigh),
    TooLow(#[from] RescaleTooLow),
    OverLimit(#[from] RescaleOverLimit),
    CallLimit(#[from] RescaleCallLimit),
    ShardLimit(#[from] ShardLimit),
    Failure(#[from] ChangeFailure),
}

/// Why a capacity mode, a warm throughput or a distribution was not changed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum CapacityError {
    Stream(#[from] StreamUnavailable),
    ProvisionedStream(#[from] ProvisionedStream),
    ModeSwitchLimit(#[from] ModeSwitchLimit),
    OnDemandLimit(#[from] OnDemandLimit),
    AutoNeedsOnDemand(#[from] AutoNeedsOnDemand),
    Warm(#[from] WarmThroughputError),
    Failure(#[from] ChangeFailure),
}

/// Why a consumer was not registered.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum RegisterConsumerError {
    Stream(#[from] StreamUnavailable),
    Exists(#[from] ConsumerExists),
    Limit(#[from] ConsumerLimit),
    CreatingLimit(#[from] ConsumersCreatingLimit),
    Failure(#[from] ChangeFailure),
}

/// Why a consumer was not deregistered.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum DeregisterConsumerError {
    NotFound(#[from] ConsumerNotFound),
    Failure(#[from] ChangeFailure),
}

/// Why nothing can be done with a resource that is named by ARN.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum ResourceUnavailable {
    Stream(#[from] StreamUnavailable),
    ConsumerNotFound(#[from] ConsumerNotFound),
    ConsumerNotChangeable(#[from] ConsumerNotChangeable),
}

/// Why a resource's policy or tags were not changed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum ResourceError {
    Resource(#[from] ResourceUnavailable),
    PolicyNotFound(#[from] PolicyNotFound),
    TagLimit(#[from] TagLimit),
    Failure(#[from] ChangeFailure),
}

/// Why encryption was not started or stopped.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum EncryptionError {
    Stream(#[from] StreamUnavailable),
    Key(#[from] Box<KeyRefusal>),
    KeyNotInUse(#[from] KeyNotInUse),
    Limit(#[from] EncryptionLimit),
    DataKeyLimit(#[from] DataKeyLimit),
    Failure(#[from] ChangeFailure),
}
