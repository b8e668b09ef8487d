//! DescribeStreamSummary.

use super::shapes::{
    EncryptionType, EnhancedMetrics, RecordDistributionStrategy, StreamModeDetails, StreamStatus,
    WarmThroughputObject, creation_time, encryption_type, enhanced_monitoring, integer, status,
};
use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::{Engine, Stream, StreamMode};
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{Timestamp, WireError, input, output};

pub(crate) struct DescribeStreamSummary;

input! {
    /// What is asked.
    pub(crate) struct DescribeStreamSummaryInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
    }
}

output! {
    /// What is answered.
    pub(crate) struct DescribeStreamSummaryOutput {
        stream_description_summary: StreamDescriptionSummary = "StreamDescriptionSummary",
    }

    /// A stream without its shards.
    ///
    /// StreamId stays absent: a client that got one and sent it back would leave this endpoint
    /// for Amazon's.
    pub(crate) struct StreamDescriptionSummary {
        stream_name: String = "StreamName",
        stream_arn: String = "StreamARN",
        stream_id: Option<String> = "StreamId",
        stream_status: StreamStatus = "StreamStatus",
        stream_mode_details: Option<StreamModeDetails> = "StreamModeDetails",
        retention_period_hours: i32 = "RetentionPeriodHours",
        stream_creation_timestamp: Timestamp = "StreamCreationTimestamp",
        enhanced_monitoring: Vec<EnhancedMetrics> = "EnhancedMonitoring",
        encryption_type: Option<EncryptionType> = "EncryptionType",
        key_id: Option<String> = "KeyId",
        open_shard_count: i32 = "OpenShardCount",
        consumer_count: Option<i32> = "ConsumerCount",
        warm_throughput: Option<WarmThroughputObject> = "WarmThroughput",
        max_record_size_in_kib: Option<i32> = "MaxRecordSizeInKiB",
        channel_count: Option<i32> = "ChannelCount",
        record_distribution_strategy: Option<RecordDistributionStrategy> =
            "RecordDistributionStrategy",
        queue_count: Option<i32> = "QueueCount",
    }
}

impl Operation for DescribeStreamSummary {
    type Service = Kinesis;
    const NAME: &'static str = "DescribeStreamSummary";
    const RATE: CallRate = CallRate::Account(20);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceNotFound,
    ];
    type Input<'a> = DescribeStreamSummaryInput;
    type Output = DescribeStreamSummaryOutput;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<DescribeStreamSummaryOutput, WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let admitted = admission::stream::<Self>(context, name, arn)?;
        let stream = admitted.stream().map_err(to_wire)?;
        let stream_description_summary = summarise(admitted.cell, stream);
        Ok(DescribeStreamSummaryOutput { stream_description_summary })
    }
}

fn summarise(engine: &Engine, stream: &Stream) -> StreamDescriptionSummary {
    let moment = engine.moment();
    let now_ms = moment.now_ms;
    let is_on_demand = stream.mode == StreamMode::OnDemand;
    let open_shards = stream.visible_shards(moment).filter(|slot| slot.shard.is_open()).count();
    let consumers = stream.consumers_present(now_ms).count();
    StreamDescriptionSummary {
        stream_name: stream.reference.name.to_string(),
        stream_arn: stream.reference.arn(),
        stream_id: None,
        stream_status: status(stream, now_ms),
        stream_mode_details: Some(stream.mode.into()),
        retention_period_hours: integer(stream.retention.hours.into()),
        stream_creation_timestamp: creation_time(stream),
        enhanced_monitoring: enhanced_monitoring(stream),
        encryption_type: Some(encryption_type(stream)),
        key_id: stream.encryption.key_id.as_deref().map(str::to_owned),
        open_shard_count: integer(open_shards as u64),
        consumer_count: Some(integer(consumers as u64)),
        warm_throughput: engine.control.warm_throughput(stream).map(WarmThroughputObject::from),
        max_record_size_in_kib: Some(integer(stream.max_record_kib.into())),
        channel_count: Some(0),
        record_distribution_strategy: is_on_demand.then(|| stream.distribution.into()),
        queue_count: Some(0),
    }
}
