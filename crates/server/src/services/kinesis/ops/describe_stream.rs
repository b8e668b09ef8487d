//! DescribeStream.

use super::shapes::{
    EncryptionType, EnhancedMetrics, Shard, StreamModeDetails, StreamStatus, creation_time,
    encryption_type, enhanced_monitoring, integer, status,
};
use super::{Context, Operation};
use crate::answer::Counted;
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::{Moment, Stream};
use anabranch_model::{ShardId, limits};
use anabranch_protocol::shape::{Rule, rules::*};
use anabranch_protocol::{Timestamp, WireError, input, output};

pub(crate) struct DescribeStream;

input! {
    /// What is asked.
    pub(crate) struct DescribeStreamInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        limit: Option<i32> = "Limit" [Rule::between(1, 10_000)],
        exclusive_start_shard_id: Option<String> = "ExclusiveStartShardId" [SHARD_ID],
    }
}

output! {
    /// What is answered.
    pub(crate) struct DescribeStreamOutput {
        stream_description: StreamDescription = "StreamDescription",
    }

    /// A stream with a page of its shards.
    pub(crate) struct StreamDescription {
        stream_name: String = "StreamName",
        stream_arn: String = "StreamARN",
        stream_status: StreamStatus = "StreamStatus",
        stream_mode_details: Option<StreamModeDetails> = "StreamModeDetails",
        shards: Vec<Shard> = "Shards",
        has_more_shards: bool = "HasMoreShards",
        retention_period_hours: i32 = "RetentionPeriodHours",
        stream_creation_timestamp: Timestamp = "StreamCreationTimestamp",
        enhanced_monitoring: Vec<EnhancedMetrics> = "EnhancedMonitoring",
        encryption_type: Option<EncryptionType> = "EncryptionType",
        key_id: Option<String> = "KeyId",
    }
}

impl Operation for DescribeStream {
    type Service = Kinesis;
    const NAME: &'static str = "DescribeStream";
    const RATE: CallRate = CallRate::Account(10);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceNotFound,
    ];
    type Input<'a> = DescribeStreamInput;
    type Output = Counted<DescribeStreamOutput>;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<Counted<DescribeStreamOutput>, WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let admitted = admission::stream::<Self>(context, name, arn)?;
        let after = input.exclusive_start_shard_id.as_deref();
        let after = after.map(|id| admission::shard_id(&admitted.reference, id)).transpose()?;
        let stream = admitted.stream().map_err(to_wire)?;
        let limit = input.limit.map_or(limits::DESCRIBE_STREAM_PAGE, |limit| limit as usize);
        let page = limit.min(limits::DESCRIBE_STREAM_PAGE).min(stream.shards.len());
        let share = context.room.reserve(page * Shard::WIRE_BYTES_MAX).await?;
        let stream_description = describe(stream, after, page, admitted.cell.moment());
        Ok(Counted(DescribeStreamOutput { stream_description }, share))
    }
}

fn describe(
    stream: &Stream,
    after: Option<ShardId>,
    page: usize,
    moment: Moment,
) -> StreamDescription {
    let mut shards = stream
        .visible_shards(moment)
        .filter(|slot| after.is_none_or(|after| slot.shard.id > after));
    StreamDescription {
        stream_name: stream.reference.name.to_string(),
        stream_arn: stream.reference.arn(),
        stream_status: status(stream, moment.now_ms),
        stream_mode_details: Some(stream.mode.into()),
        shards: shards.by_ref().take(page).map(|slot| Shard::from(&slot.shard)).collect(),
        has_more_shards: shards.next().is_some(),
        retention_period_hours: integer(stream.retention.hours.into()),
        stream_creation_timestamp: creation_time(stream),
        enhanced_monitoring: enhanced_monitoring(stream),
        encryption_type: Some(encryption_type(stream)),
        key_id: stream.encryption.key_id.as_deref().map(str::to_owned),
    }
}
