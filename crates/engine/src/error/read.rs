//! Why reads are refused: records, iterators, subscriptions and pages.

use super::change::Interrupted;
use super::consumer::{
    AlreadySubscribed, ConsumerNotActive, ConsumerNotFound, SubscribeRateExceeded,
};
use super::position::{
    IteratorExpired, IteratorInvalid, StartingNumberInvalid, StartingNumberOfOldStream,
    StartingNumberOfShard, StartingNumberOfStream, TimestampInFuture,
};
use super::record::{ReadRateExceeded, RecordNotAuthentic};
use super::shard::{ShardIdInvalid, ShardNotFound};
use super::stream::{StreamNotFound, StreamUnavailable};
use super::token::{TokenExpired, TokenInvalid, TokenOfAnotherStream};
use crate::keys::keyring::KeyRefusal;
use anabranch_storage::ReadError;

/// Why a shard's records cannot be read, wherever that began.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum ShardReadError {
    Storage(#[from] ReadError),
    Key(#[from] Box<KeyRefusal>),
    RecordNotAuthentic(#[from] RecordNotAuthentic),
    Interrupted(#[from] Interrupted),
}

/// Why an iterator is no good.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum IteratorError {
    Invalid(#[from] IteratorInvalid),
    Expired(#[from] IteratorExpired),
}

/// Memory for the reply did not come free in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no memory for the reply")]
pub struct NoRoom;

/// Why GetRecords was refused.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum GetRecordsError {
    ShardNotFound(#[from] ShardNotFound),
    ReadRateExceeded(#[from] ReadRateExceeded),
    Read(#[from] ShardReadError),
    NoRoom(#[from] NoRoom),
}

/// Why a starting position is none of the shard.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum PositionError {
    TimestampInFuture(#[from] TimestampInFuture),
    NumberInvalid(#[from] StartingNumberInvalid),
    NumberOfShard(#[from] StartingNumberOfShard),
    NumberOfStream(#[from] StartingNumberOfStream),
    NumberOfOldStream(#[from] StartingNumberOfOldStream),
}

/// Why a shard cannot be named so.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum ShardNameError {
    NotFound(#[from] ShardNotFound),
    Invalid(#[from] ShardIdInvalid),
}

/// Why GetShardIterator was refused.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum ShardIteratorError {
    Shard(#[from] ShardNameError),
    Position(#[from] PositionError),
    ReadRateExceeded(#[from] ReadRateExceeded),
}

/// Why SubscribeToShard was refused.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum SubscribeError {
    StreamNotFound(#[from] StreamNotFound),
    ConsumerNotFound(#[from] ConsumerNotFound),
    ConsumerNotActive(#[from] ConsumerNotActive),
    Shard(#[from] ShardNameError),
    Position(#[from] PositionError),
    RateExceeded(#[from] SubscribeRateExceeded),
    AlreadySubscribed(#[from] AlreadySubscribed),
}

/// Why a subscription ended before its time.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum SubscriptionError {
    AlreadySubscribed(#[from] AlreadySubscribed),
    StreamNotFound(#[from] StreamNotFound),
    ConsumerNotFound(#[from] ConsumerNotFound),
    ShardNotFound(#[from] ShardNotFound),
    Read(#[from] ShardReadError),
}

/// Why the token of a page is no good.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum TokenError {
    Invalid(#[from] TokenInvalid),
    Expired(#[from] TokenExpired),
}

/// Why there is no page to list.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum ListError {
    Stream(#[from] StreamUnavailable),
    Token(#[from] TokenError),
    TokenOfAnotherStream(#[from] TokenOfAnotherStream),
}
