//! What can go wrong, as facts. The texts and statuses of the wire are the server's business.

use crate::encryption::keyring::KeyRefusal;
use crate::scope::{ConsumerRef, StreamRef};
use crate::stream::StreamStatus;
use anabranch_model::{HashKeyRange, ShardId};
use anabranch_storage::{AppendError, ReadError};
use std::sync::Arc;

/// Why an operation was refused.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// There is no such stream.
    #[error("stream not found stream={0}")]
    StreamNotFound(StreamRef),
    /// The name is taken.
    #[error("stream exists stream={0}")]
    StreamExists(StreamRef),
    /// The stream's state does not allow it.
    #[error("stream is not active stream={stream} status={status}")]
    StreamNotActive {
        /// The stream.
        stream: StreamRef,
        /// Its state.
        status: StreamStatus,
    },
    /// The stream has consumers, and nobody said that they may go too.
    #[error("stream has consumers stream={0}")]
    StreamHasConsumers(StreamRef),
    /// There is no such consumer.
    #[error("consumer not found consumer={named} account={account}")]
    ConsumerNotFound {
        /// Its name or ARN, as the caller said it.
        named: String,
        /// The account of its stream.
        account: Arc<str>,
    },
    /// The consumer's name is taken.
    #[error("consumer exists consumer={0}")]
    ConsumerExists(ConsumerRef),
    /// The consumer's state does not allow it.
    #[error("consumer is not active consumer={0}")]
    ConsumerNotActive(ConsumerRef),
    /// The consumer has another subscription to the shard.
    #[error("another subscription consumer={consumer} shard={shard}")]
    AlreadySubscribed {
        /// The consumer.
        consumer: ConsumerRef,
        /// The shard.
        shard: ShardId,
    },
    /// More subscriptions to a shard than a consumer may ask for in a second.
    #[error("subscribe rate exceeded consumer={consumer} shard={shard}")]
    SubscribeRateExceeded {
        /// The consumer.
        consumer: ConsumerRef,
        /// The shard.
        shard: ShardId,
    },
    /// More consumers than a stream may have.
    #[error("too many consumers stream={stream} limit={limit}")]
    ConsumerLimit {
        /// The stream.
        stream: StreamRef,
        /// The limit.
        limit: usize,
    },
    /// Too many consumers are being created.
    #[error("too many consumers in CREATING stream={stream} limit={limit}")]
    ConsumersCreatingLimit {
        /// The stream.
        stream: StreamRef,
        /// The limit.
        limit: usize,
    },
    /// There is no such shard to read.
    #[error("shard not found stream={stream} shard={shard}")]
    ShardNotFound {
        /// The stream.
        stream: StreamRef,
        /// The shard.
        shard: ShardId,
    },
    /// The text names no shard, or none that could be split or merged.
    #[error("no such shard stream={stream} shard={shard}")]
    ShardIdInvalid {
        /// The stream.
        stream: StreamRef,
        /// The text as it was given.
        shard: String,
    },
    /// The service looks after the shards of the stream itself.
    #[error("the stream is on-demand stream={0}")]
    OnDemandStream(StreamRef),
    /// A shard that was split or merged before.
    #[error("shard is closed stream={stream} shard={shard}")]
    ShardClosed {
        /// The stream.
        stream: StreamRef,
        /// The shard.
        shard: ShardId,
    },
    /// A key at which a shard cannot be split.
    #[error("cannot split stream={stream} shard={shard} key={key}")]
    SplitKeyInvalid {
        /// The stream.
        stream: StreamRef,
        /// The shard.
        shard: ShardId,
        /// The key as it was given.
        key: String,
        /// The shard's range.
        range: HashKeyRange,
    },
    /// Two shards that are not neighbours in this order.
    #[error("not adjacent stream={stream} lower={lower} upper={upper}")]
    NotAdjacent {
        /// The stream.
        stream: StreamRef,
        /// The shard that should be the lower one.
        lower: ShardId,
        /// The shard that should be the upper one.
        upper: ShardId,
    },
    /// More than twice the shards that there are.
    #[error("scaling too far up current={current} target={target}")]
    RescaleTooHigh {
        /// Open shards now.
        current: u32,
        /// Shards asked for.
        target: u32,
    },
    /// Less than half the shards that there are.
    #[error("scaling too far down current={current} target={target}")]
    RescaleTooLow {
        /// Open shards now.
        current: u32,
        /// Shards asked for.
        target: u32,
    },
    /// More shards than a stream may have.
    #[error("too many shards for a stream limit={limit} current={current} target={target}")]
    RescaleOverLimit {
        /// The limit.
        limit: u32,
        /// Open shards now.
        current: u32,
        /// Shards asked for.
        target: u32,
    },
    /// Too many calls to change the number of shards in a day.
    #[error("too many changes of the shard count stream={stream} limit={limit}")]
    RescaleCallLimit {
        /// The stream.
        stream: StreamRef,
        /// Calls allowed in 24 hours.
        limit: usize,
    },
    /// More open shards than the account may have.
    #[error("shard limit current={current} limit={limit} additional={additional}")]
    ShardLimit {
        /// The stream that would have had them.
        stream: StreamRef,
        /// Open shards now.
        current: u64,
        /// The limit.
        limit: u64,
        /// Shards asked for.
        additional: u64,
    },
    /// Too many streams are being created.
    #[error("too many streams in CREATING limit={limit}")]
    CreatingLimit {
        /// The stream that would have been one more.
        stream: StreamRef,
        /// The limit.
        limit: usize,
    },
    /// Too many on-demand streams.
    #[error("on-demand stream limit current={current} limit={limit}")]
    OnDemandLimit {
        /// The stream that would have been one more.
        stream: StreamRef,
        /// On-demand streams now.
        current: usize,
        /// The limit.
        limit: usize,
    },
    /// A record over the stream's limit.
    #[error("record too large position={position} limit={bytes_max}")]
    RecordTooLarge {
        /// Its place in the request, from 0.
        position: usize,
        /// The stream's limit in bytes.
        bytes_max: usize,
    },
    /// All records together are over the limit of a request.
    #[error("records too large limit={bytes_max}")]
    RecordsTooLarge {
        /// The limit in bytes.
        bytes_max: usize,
    },
    /// A record without partition key in a stream that places records by it.
    #[error("partition key missing position={position}")]
    PartitionKeyMissing {
        /// Its place in the request, from 0.
        position: usize,
    },
    /// A sequence number for ordering that is none, or lies in the future.
    #[error("invalid sequence number for ordering number={number}")]
    OrderingInvalid {
        /// The stream.
        stream: StreamRef,
        /// The number as it was given.
        number: String,
    },
    /// A put over the shard's rate.
    #[error("write rate exceeded stream={stream} shard={shard}")]
    WriteRateExceeded {
        /// The stream.
        stream: StreamRef,
        /// The shard.
        shard: ShardId,
    },
    /// A read over the shard's rate.
    #[error("read rate exceeded stream={stream} shard={shard}")]
    ReadRateExceeded {
        /// The stream.
        stream: StreamRef,
        /// The shard.
        shard: ShardId,
    },
    /// The journal refused.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The disk refused.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The task of an operation ended without an answer.
    #[error("the operation was interrupted")]
    Interrupted,
    /// The iterator is not one that this service made.
    #[error("invalid iterator")]
    IteratorInvalid,
    /// The iterator is too old.
    #[error("iterator expired issued_ms={issued_ms} now_ms={now_ms}")]
    IteratorExpired {
        /// When it was made.
        issued_ms: u64,
        /// When it was used.
        now_ms: u64,
    },
    /// A time in the future as a starting position.
    #[error("timestamp in the future at_ms={at_ms} now_ms={now_ms}")]
    TimestampInFuture {
        /// The time asked for.
        at_ms: u64,
        /// The time it is.
        now_ms: u64,
    },
    /// A starting sequence number that is none.
    #[error("invalid starting sequence number number={number}")]
    StartingNumberInvalid {
        /// The stream.
        stream: StreamRef,
        /// The shard.
        shard: ShardId,
        /// The number as it was given.
        number: String,
    },
    /// A starting sequence number of another shard.
    #[error("starting sequence number of another shard encoded={encoded} shard={shard}")]
    StartingNumberOfShard {
        /// The shard in the number.
        encoded: ShardId,
        /// The shard asked for.
        shard: ShardId,
    },
    /// A starting sequence number of another stream.
    #[error("starting sequence number of another stream number={number}")]
    StartingNumberOfStream {
        /// The stream.
        stream: StreamRef,
        /// The shard.
        shard: ShardId,
        /// The number as it was given.
        number: String,
    },
    /// A starting sequence number in the first layout of the service, which cannot be of a stream
    /// that is there.
    #[error("starting sequence number of version 0 number={number}")]
    StartingNumberOfOldStream {
        /// The number as it was given.
        number: String,
    },
    /// A name beside a token that is another stream's.
    #[error("the token is of another stream")]
    TokenOfAnotherStream,
    /// A token that is not one that this service made for this call.
    #[error("invalid token")]
    TokenInvalid,
    /// A token that is too old.
    #[error("token expired")]
    TokenExpired,
    /// A retention period below the minimum.
    #[error("retention too short hours={hours}")]
    RetentionTooShort {
        /// The period asked for.
        hours: i64,
    },
    /// A retention period over the maximum.
    #[error("retention too long hours={hours}")]
    RetentionTooLong {
        /// The period asked for.
        hours: i64,
    },
    /// An increase that is a decrease.
    #[error("retention would shrink hours={hours} current={current}")]
    RetentionShrinks {
        /// The stream.
        stream: StreamRef,
        /// The period asked for.
        hours: i64,
        /// The period in force.
        current: u32,
    },
    /// A decrease that is an increase.
    #[error("retention would grow hours={hours} current={current}")]
    RetentionGrows {
        /// The stream.
        stream: StreamRef,
        /// The period asked for.
        hours: i64,
        /// The period in force.
        current: u32,
    },
    /// A key cannot be used.
    #[error("{0}")]
    Key(Box<KeyRefusal>),
    /// Encryption cannot be stopped in the name of another key than the one in use.
    #[error("not the key in use stream={stream} key={key_id}")]
    KeyNotInUse {
        /// The stream.
        stream: StreamRef,
        /// The key as the caller named it.
        key_id: String,
    },
    /// Encryption was started or stopped too often within a day.
    #[error("too many changes of encryption stream={stream} stops={stops} limit={limit}")]
    EncryptionLimit {
        /// The stream.
        stream: StreamRef,
        /// Whether it was stops; else starts.
        stops: bool,
        /// The limit.
        limit: usize,
    },
    /// Too many data keys whose records may still be read.
    #[error("too many data keys stream={stream} limit={limit}")]
    DataKeyLimit {
        /// The stream.
        stream: StreamRef,
        /// The limit.
        limit: usize,
    },
    /// A sealed record is not what was stored.
    #[error("a sealed record does not open stream={stream} shard={shard} index={index}")]
    RecordNotAuthentic {
        /// The stream.
        stream: StreamRef,
        /// The shard.
        shard: ShardId,
        /// Index of the first record of its run.
        index: u64,
    },
    /// The consumer's state does not allow a change of its policy or tags.
    #[error("consumer cannot be changed consumer={0}")]
    ConsumerNotChangeable(ConsumerRef),
    /// The resource has no policy.
    #[error("no resource policy arn={arn}")]
    PolicyNotFound {
        /// The resource.
        arn: String,
    },
    /// More tags than a stream may have.
    #[error("too many tags stream={stream} limit={limit}")]
    TagLimit {
        /// The stream.
        stream: StreamRef,
        /// The limit.
        limit: usize,
    },
    /// Too many switches of the capacity mode in a day.
    #[error("too many switches of the capacity mode stream={stream} limit={limit}")]
    ModeSwitchLimit {
        /// The stream.
        stream: StreamRef,
        /// Switches allowed in 24 hours.
        limit: usize,
    },
    /// An operation for on-demand streams on another one.
    #[error("the stream is provisioned stream={0}")]
    ProvisionedStream(StreamRef),
    /// Automatic distribution for a provisioned stream.
    #[error("automatic distribution needs an on-demand stream")]
    AutoNeedsOnDemand,
    /// Warm throughput for a stream that does not become on-demand.
    #[error("warm throughput needs a stream that becomes on-demand")]
    WarmNeedsSwitch,
    /// Warm throughput in an account without commitment.
    #[error("warm throughput needs a billing commitment stream={0}")]
    WarmNeedsCommitment(StreamRef),
    /// More warm throughput than a stream may have.
    #[error("too much warm throughput stream={stream} limit={limit}")]
    WarmLimit {
        /// The stream.
        stream: StreamRef,
        /// The limit in MiB a second.
        limit: u32,
    },
}
