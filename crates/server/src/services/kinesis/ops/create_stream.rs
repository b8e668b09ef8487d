//! CreateStream.

use super::add_tags_to_stream::AddTagsToStream;
use super::shapes::{RecordDistributionStrategy, StreamModeDetailsInput};
use super::tag_text;
use super::{Context, Operation, after_existence};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::error::{CreateStreamError, StreamExists};
use anabranch_engine::{NewStream, RecordDistribution, StreamMode};
use anabranch_model::limits;
use anabranch_protocol::shape::{Rule, rules::*};
use anabranch_protocol::{WireError, input};
use std::collections::BTreeMap;

pub(crate) struct CreateStream;

input! {
    /// What is asked.
    pub(crate) struct CreateStreamInput {
        stream_name: String = "StreamName" [STREAM_NAME],
        shard_count: Option<i32> = "ShardCount" [POSITIVE],
        stream_mode_details: Option<StreamModeDetailsInput> = "StreamModeDetails" [ANY],
        tags: Option<BTreeMap<String, String>> = "Tags" [TAG_MAP],
        warm_throughput_mibps: Option<i32> = "WarmThroughputMiBps" [NATURAL],
        max_record_size_in_kib: Option<i32> = "MaxRecordSizeInKiB" [Rule::between(1024, 10_240)],
        record_distribution_strategy: Option<RecordDistributionStrategy> =
            "RecordDistributionStrategy" [ANY],
    }
}

impl Operation for CreateStream {
    type Service = Kinesis;
    const NAME: &'static str = "CreateStream";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::Validation,
    ];
    type Input<'a> = CreateStreamInput;
    type Output = ();

    async fn answer<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let tags = input.tags.unwrap_or_default();
        let admitted =
            admission::new_stream::<Self, AddTagsToStream>(context, &input.stream_name, &tags)?;
        let mode = input.stream_mode_details.map(StreamMode::from);
        after_existence(check_tags(context, &input.stream_name, &tags), || {
            match admitted.found.is_some() {
                true => {
                    Err(to_wire(CreateStreamError::from(StreamExists(admitted.reference.clone()))))
                }
                false => Ok(()),
            }
        })?;
        let distribution = input
            .record_distribution_strategy
            .map_or(RecordDistribution::UserPartitionKey, RecordDistribution::from);
        let positive = |number: i32| number.cast_unsigned();
        let new = NewStream {
            name: input.stream_name,
            shard_count: input.shard_count.map(positive),
            mode,
            tags,
            max_record_kib: input
                .max_record_size_in_kib
                .map_or(limits::RECORD_KIB_DEFAULT, positive),
            distribution,
            warm_mibps: input.warm_throughput_mibps.map_or(0, positive),
        };
        admitted.cell.control.create_stream(&admitted.reference.scope, new).await.map_err(to_wire)
    }
}

fn check_tags(
    context: &Context<'_>,
    stream: &str,
    tags: &BTreeMap<String, String>,
) -> Result<(), WireError> {
    let account = &context.scope.account;
    tag_text::check_new(tags, stream, account)?;
    if tags.len() > limits::TAGS_MAX {
        return Err(KinesisError::InvalidArgument.because(format!(
            "Failed to add tags to stream {stream} under account {account} because a given stream \
             cannot have more than {} tags associated with it.",
            limits::TAGS_MAX
        )));
    }
    Ok(())
}
