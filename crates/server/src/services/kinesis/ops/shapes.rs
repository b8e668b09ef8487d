//! Shapes that several operations share.

use crate::services::kinesis::errors::KinesisError;
use anabranch_engine as engine;
use anabranch_model as model;
use anabranch_model::shard_filter::ShardFilter as ModelShardFilter;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{Timestamp, WireError, input, output, string_enum};

string_enum! {
    /// Capacity mode.
    pub(crate) enum StreamMode {
        Provisioned = "PROVISIONED",
        OnDemand = "ON_DEMAND",
    }

    /// How records find their shard.
    pub(crate) enum RecordDistributionStrategy {
        Auto = "AUTO",
        UserPartitionKey = "USER_PARTITION_KEY",
    }

    /// Encryption at rest.
    pub(crate) enum EncryptionType {
        None = "NONE",
        Kms = "KMS",
    }

    /// A stream's state.
    pub(crate) enum StreamStatus {
        Creating = "CREATING",
        Deleting = "DELETING",
        Active = "ACTIVE",
        Updating = "UPDATING",
    }

    /// A fan-out consumer's state.
    pub(crate) enum ConsumerStatus {
        Creating = "CREATING",
        Deleting = "DELETING",
        Active = "ACTIVE",
    }

    /// A shard-level metric.
    pub(crate) enum MetricsName {
        IncomingBytes = "IncomingBytes",
        IncomingRecords = "IncomingRecords",
        OutgoingBytes = "OutgoingBytes",
        OutgoingRecords = "OutgoingRecords",
        WriteProvisionedThroughputExceeded = "WriteProvisionedThroughputExceeded",
        ReadProvisionedThroughputExceeded = "ReadProvisionedThroughputExceeded",
        IteratorAgeMilliseconds = "IteratorAgeMilliseconds",
        All = "ALL",
    }

    /// Where to start reading.
    pub(crate) enum ShardIteratorType {
        AfterSequenceNumber = "AFTER_SEQUENCE_NUMBER",
        Latest = "LATEST",
        AtTimestamp = "AT_TIMESTAMP",
        AtSequenceNumber = "AT_SEQUENCE_NUMBER",
        TrimHorizon = "TRIM_HORIZON",
    }

    /// Which shards to list.
    pub(crate) enum ShardFilterType {
        AfterShardId = "AFTER_SHARD_ID",
        AtTrimHorizon = "AT_TRIM_HORIZON",
        FromTrimHorizon = "FROM_TRIM_HORIZON",
        AtLatest = "AT_LATEST",
        AtTimestamp = "AT_TIMESTAMP",
        FromTimestamp = "FROM_TIMESTAMP",
    }
}

input! {
    /// Capacity mode, asked.
    pub(crate) struct StreamModeDetailsInput {
        stream_mode: StreamMode = "StreamMode" [ANY],
    }

    /// Which shards to list.
    pub(crate) struct ShardFilter {
        filter_type: ShardFilterType = "Type" [ANY],
        shard_id: Option<String> = "ShardId" [SHARD_ID],
        timestamp: Option<Timestamp> = "Timestamp" [ANY],
    }
}

output! {
    /// Capacity mode, answered.
    pub(crate) struct StreamModeDetails {
        stream_mode: StreamMode = "StreamMode",
    }

    /// Hash keys of a shard, both ends included.
    pub(crate) struct HashKeyRange {
        starting_hash_key: String = "StartingHashKey",
        ending_hash_key: String = "EndingHashKey",
    }

    /// Sequence numbers of a shard.
    pub(crate) struct SequenceNumberRange {
        starting_sequence_number: String = "StartingSequenceNumber",
        ending_sequence_number: Option<String> = "EndingSequenceNumber",
    }

    /// A shard.
    pub(crate) struct Shard {
        shard_id: String = "ShardId",
        parent_shard_id: Option<String> = "ParentShardId",
        adjacent_parent_shard_id: Option<String> = "AdjacentParentShardId",
        hash_key_range: HashKeyRange = "HashKeyRange",
        sequence_number_range: SequenceNumberRange = "SequenceNumberRange",
    }

    /// A shard that follows a closed one.
    pub(crate) struct ChildShard {
        shard_id: String = "ShardId",
        parent_shards: Vec<String> = "ParentShards",
        hash_key_range: HashKeyRange = "HashKeyRange",
    }

    /// Shard-level metrics that are on.
    pub(crate) struct EnhancedMetrics {
        shard_level_metrics: Option<Vec<MetricsName>> = "ShardLevelMetrics",
    }

    /// A fan-out consumer.
    pub(crate) struct Consumer {
        consumer_name: String = "ConsumerName",
        consumer_arn: String = "ConsumerARN",
        consumer_status: ConsumerStatus = "ConsumerStatus",
        consumer_creation_timestamp: Timestamp = "ConsumerCreationTimestamp",
    }

    /// Shard-level metrics before and after a change.
    pub(crate) struct EnhancedMonitoringOutput {
        stream_name: Option<String> = "StreamName",
        current_shard_level_metrics: Option<Vec<MetricsName>> = "CurrentShardLevelMetrics",
        desired_shard_level_metrics: Option<Vec<MetricsName>> = "DesiredShardLevelMetrics",
        stream_arn: Option<String> = "StreamARN",
    }

    /// Target and current warm throughput.
    pub(crate) struct WarmThroughputObject {
        target_mibps: Option<i32> = "TargetMiBps",
        current_mibps: Option<i32> = "CurrentMiBps",
    }

    /// A tag.
    pub(crate) struct Tag {
        key: String = "Key",
        value: Option<String> = "Value",
    }

    /// A stream in a list.
    pub(crate) struct StreamSummary {
        stream_name: String = "StreamName",
        stream_arn: String = "StreamARN",
        stream_status: StreamStatus = "StreamStatus",
        stream_mode_details: Option<StreamModeDetails> = "StreamModeDetails",
        stream_creation_timestamp: Option<Timestamp> = "StreamCreationTimestamp",
    }
}

impl From<engine::StreamMode> for StreamModeDetails {
    fn from(mode: engine::StreamMode) -> Self {
        let stream_mode = match mode {
            engine::StreamMode::Provisioned => StreamMode::Provisioned,
            engine::StreamMode::OnDemand => StreamMode::OnDemand,
        };
        Self { stream_mode }
    }
}

impl From<StreamModeDetailsInput> for engine::StreamMode {
    fn from(details: StreamModeDetailsInput) -> Self {
        match details.stream_mode {
            StreamMode::Provisioned => Self::Provisioned,
            StreamMode::OnDemand => Self::OnDemand,
        }
    }
}

impl From<RecordDistributionStrategy> for engine::RecordDistribution {
    fn from(strategy: RecordDistributionStrategy) -> Self {
        match strategy {
            RecordDistributionStrategy::Auto => Self::Auto,
            RecordDistributionStrategy::UserPartitionKey => Self::UserPartitionKey,
        }
    }
}

impl From<engine::RecordDistribution> for RecordDistributionStrategy {
    fn from(distribution: engine::RecordDistribution) -> Self {
        match distribution {
            engine::RecordDistribution::Auto => Self::Auto,
            engine::RecordDistribution::UserPartitionKey => Self::UserPartitionKey,
        }
    }
}

impl From<engine::StreamStatus> for StreamStatus {
    fn from(status: engine::StreamStatus) -> Self {
        match status {
            engine::StreamStatus::Creating => Self::Creating,
            engine::StreamStatus::Active => Self::Active,
            engine::StreamStatus::Updating => Self::Updating,
            engine::StreamStatus::Deleting => Self::Deleting,
        }
    }
}

impl Consumer {
    /// Bytes on the wire at most: its name of 128 bytes twice, its stream's once, numbers, names.
    pub(super) const WIRE_BYTES_MAX: usize = 768;

    pub(super) fn new(
        consumer: &engine::Consumer,
        status: engine::ConsumerStatus,
        stream: &engine::StreamRef,
    ) -> Self {
        Self {
            consumer_name: consumer.name.to_string(),
            consumer_arn: consumer.reference(stream).arn(),
            consumer_status: match status {
                engine::ConsumerStatus::Creating => ConsumerStatus::Creating,
                engine::ConsumerStatus::Active => ConsumerStatus::Active,
                engine::ConsumerStatus::Deleting => ConsumerStatus::Deleting,
            },
            consumer_creation_timestamp: Timestamp(long(
                consumer.created_secs.saturating_mul(1000),
            )),
        }
    }
}

impl From<model::HashKeyRange> for HashKeyRange {
    fn from(range: model::HashKeyRange) -> Self {
        Self {
            starting_hash_key: range.start.to_string(),
            ending_hash_key: range.end_inclusive.to_string(),
        }
    }
}

impl Shard {
    /// Bytes on the wire at most: three ids, two hash keys of 39 digits, two sequence numbers of 56, names.
    pub(super) const WIRE_BYTES_MAX: usize = 512;
}

impl Tag {
    /// Bytes on the wire at most: a key of 128 characters and a value of 256, of four bytes each, names.
    pub(super) const WIRE_BYTES_MAX: usize = 1_600;
}

impl From<&model::Shard> for Shard {
    fn from(shard: &model::Shard) -> Self {
        Self {
            shard_id: shard.id.to_string(),
            parent_shard_id: shard.parent.map(|id| id.to_string()),
            adjacent_parent_shard_id: shard.adjacent_parent.map(|id| id.to_string()),
            hash_key_range: shard.range.into(),
            sequence_number_range: SequenceNumberRange {
                starting_sequence_number: shard.starting_sequence_number().to_string(),
                ending_sequence_number: shard.ending_sequence_number().map(|n| n.to_string()),
            },
        }
    }
}

impl From<&model::Shard> for ChildShard {
    fn from(shard: &model::Shard) -> Self {
        let parents = [shard.parent, shard.adjacent_parent].into_iter().flatten();
        Self {
            shard_id: shard.id.to_string(),
            parent_shards: parents.map(|id| id.to_string()).collect(),
            hash_key_range: shard.range.into(),
        }
    }
}

/// The moment a stream was created, in whole seconds as the service has it.
pub(super) fn creation_time(stream: &engine::Stream) -> Timestamp {
    Timestamp((stream.created_ms / 1000 * 1000).cast_signed())
}

/// How what is put into a stream now is encrypted.
pub(super) fn encryption_type(stream: &engine::Stream) -> EncryptionType {
    match stream.encryption.key_id {
        Some(_) => EncryptionType::Kms,
        None => EncryptionType::None,
    }
}

/// The metrics that are on.
pub(super) fn enhanced_monitoring(stream: &engine::Stream) -> Vec<EnhancedMetrics> {
    let metrics = metrics_names(stream.shard_metrics);
    vec![EnhancedMetrics { shard_level_metrics: Some(metrics) }]
}

fn metrics_names(metrics: engine::ShardMetrics) -> Vec<MetricsName> {
    use engine::ShardMetric as M;
    let name = |metric| match metric {
        M::IncomingBytes => MetricsName::IncomingBytes,
        M::IncomingRecords => MetricsName::IncomingRecords,
        M::OutgoingBytes => MetricsName::OutgoingBytes,
        M::OutgoingRecords => MetricsName::OutgoingRecords,
        M::WriteProvisionedThroughputExceeded => MetricsName::WriteProvisionedThroughputExceeded,
        M::ReadProvisionedThroughputExceeded => MetricsName::ReadProvisionedThroughputExceeded,
        M::IteratorAgeMilliseconds => MetricsName::IteratorAgeMilliseconds,
    };
    metrics.iter().map(name).collect()
}

/// The metrics that are named, with ALL for all of them.
pub(super) fn shard_metrics(names: &[MetricsName]) -> engine::ShardMetrics {
    use MetricsName as N;
    use engine::{ShardMetric as M, ShardMetrics};
    let metrics = |name: &N| match name {
        N::IncomingBytes => M::IncomingBytes.into(),
        N::IncomingRecords => M::IncomingRecords.into(),
        N::OutgoingBytes => M::OutgoingBytes.into(),
        N::OutgoingRecords => M::OutgoingRecords.into(),
        N::WriteProvisionedThroughputExceeded => M::WriteProvisionedThroughputExceeded.into(),
        N::ReadProvisionedThroughputExceeded => M::ReadProvisionedThroughputExceeded.into(),
        N::IteratorAgeMilliseconds => M::IteratorAgeMilliseconds.into(),
        N::All => ShardMetrics::ALL,
    };
    names.iter().map(metrics).fold(ShardMetrics::default(), ShardMetrics::with)
}

impl From<engine::MonitoringChange> for EnhancedMonitoringOutput {
    fn from(change: engine::MonitoringChange) -> Self {
        Self {
            stream_name: Some(change.stream.name.to_string()),
            current_shard_level_metrics: Some(metrics_names(change.before)),
            desired_shard_level_metrics: Some(metrics_names(change.after)),
            stream_arn: Some(change.stream.arn()),
        }
    }
}

impl From<engine::WarmThroughput> for WarmThroughputObject {
    fn from(warm: engine::WarmThroughput) -> Self {
        Self {
            target_mibps: Some(integer(warm.target_mibps.into())),
            current_mibps: Some(integer(warm.current_mibps.into())),
        }
    }
}

/// Epoch milliseconds as a moment of the wire.
pub(super) fn moment(epoch_ms: u64) -> Timestamp {
    Timestamp(long(epoch_ms))
}

/// The state of a stream that was found; one that vanished this instant is DELETING.
pub(super) fn status(stream: &engine::Stream, now_ms: u64) -> StreamStatus {
    stream.status(now_ms).map_or(StreamStatus::Deleting, StreamStatus::from)
}

/// A moment of the wire as epoch milliseconds; before 1970 is 1970.
pub(super) fn epoch_ms(time: Timestamp) -> u64 {
    time.0.max(0).cast_unsigned()
}

/// Milliseconds as a wire integer.
pub(super) fn long(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count as a wire integer.
pub(super) fn integer(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

impl ShardFilter {
    /// Refuses a shard's id that is none, where one counts.
    pub(super) fn check_id(&self) -> Result<(), WireError> {
        let is_after = self.filter_type == ShardFilterType::AfterShardId;
        match self.shard_id.as_deref().filter(|_| is_after).map(model::ShardId::parse_lenient) {
            Some(None) => {
                Err(KinesisError::InvalidArgument.because("ShardId in ShardFilter is invalid."))
            }
            _ => Ok(()),
        }
    }

    /// The filter in the domain's terms.
    pub(super) fn to_model(&self) -> Result<ModelShardFilter, WireError> {
        let missing = |member: &str| {
            KinesisError::InvalidArgument.because(format!(
                "{member} must be specified in ShardFilter for type {}.",
                self.filter_type.as_str()
            ))
        };
        let at_ms = || self.timestamp.map(epoch_ms).ok_or_else(|| missing("Timestamp"));
        Ok(match self.filter_type {
            ShardFilterType::AfterShardId => {
                let id = self.shard_id.as_deref().ok_or_else(|| missing("ShardId"))?;
                let id = model::ShardId::parse_lenient(id);
                ModelShardFilter::AfterShardId(id.ok_or_else(|| {
                    KinesisError::InvalidArgument.because("ShardId in ShardFilter is invalid.")
                })?)
            }
            ShardFilterType::AtTrimHorizon => ModelShardFilter::AtTrimHorizon,
            ShardFilterType::FromTrimHorizon => ModelShardFilter::FromTrimHorizon,
            ShardFilterType::AtLatest => ModelShardFilter::AtLatest,
            ShardFilterType::AtTimestamp => ModelShardFilter::AtTimestamp(at_ms()?),
            ShardFilterType::FromTimestamp => ModelShardFilter::FromTimestamp(at_ms()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_protocol::{Codec, Encode};

    fn wire_bytes<T: Encode>(value: &T) -> usize {
        let codecs = [Codec::Json11, Codec::Cbor];
        codecs.map(|codec| codec.encode_reply(value).len()).into_iter().max().unwrap_or_default()
    }

    #[test]
    fn items_of_lists_stay_within_their_bounds() {
        let id = || "shardId-000000000000".to_owned();
        let hash_key = || u128::MAX.to_string();
        let shard = Shard {
            shard_id: id(),
            parent_shard_id: Some(id()),
            adjacent_parent_shard_id: Some(id()),
            hash_key_range: HashKeyRange {
                starting_hash_key: hash_key(),
                ending_hash_key: hash_key(),
            },
            sequence_number_range: SequenceNumberRange {
                starting_sequence_number: "4".repeat(56),
                ending_sequence_number: Some("4".repeat(56)),
            },
        };
        assert!(wire_bytes(&shard) <= Shard::WIRE_BYTES_MAX, "{}", wire_bytes(&shard));
        let tag = Tag { key: "𐍈".repeat(128), value: Some("𐍈".repeat(256)) };
        assert!(wire_bytes(&tag) <= Tag::WIRE_BYTES_MAX, "{}", wire_bytes(&tag));
        let consumer = Consumer {
            consumer_name: "c".repeat(128),
            consumer_arn: format!(
                "arn:aws-us-gov:kinesis:ap-southeast-1:123456789012:stream/{}/consumer/{}:1234567890",
                "s".repeat(128),
                "c".repeat(128)
            ),
            consumer_status: ConsumerStatus::Deleting,
            consumer_creation_timestamp: Timestamp(i64::from(u32::MAX) * 1000),
        };
        assert!(wire_bytes(&consumer) <= Consumer::WIRE_BYTES_MAX, "{}", wire_bytes(&consumer));
    }
}
