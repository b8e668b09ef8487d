//! MergeShards.

use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input};

pub(crate) struct MergeShards;

input! {
    /// What is asked.
    pub(crate) struct MergeShardsInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        shard_to_merge: String = "ShardToMerge" [SHARD_ID],
        adjacent_shard_to_merge: String = "AdjacentShardToMerge" [SHARD_ID],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
    }
}

impl Operation for MergeShards {
    type Service = Kinesis;
    const NAME: &'static str = "MergeShards";
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
        KinesisError::Validation,
    ];
    const RATE: CallRate = CallRate::Account(5);
    type Input<'a> = MergeShardsInput;
    type Output = ();

    async fn answer<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let admitted = admission::stream::<Self>(context, name, arn)?;
        admission::shard_id(&admitted.reference, &input.shard_to_merge)?;
        admission::shard_id(&admitted.reference, &input.adjacent_shard_to_merge)?;
        let (lower, upper) = (&input.shard_to_merge, &input.adjacent_shard_to_merge);
        let merged = admitted
            .cell
            .control
            .merge_shards(&admitted.reference.scope, &admitted.reference.name, lower, upper)
            .await;
        merged.map_err(to_wire)
    }
}
