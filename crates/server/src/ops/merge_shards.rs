//! MergeShards.

use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input};

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
    const NAME: &'static str = "MergeShards";
    const ERRORS: &'static [ErrorKind] = &[
        ErrorKind::AccessDenied,
        ErrorKind::InvalidArgument,
        ErrorKind::LimitExceeded,
        ErrorKind::ResourceInUse,
        ErrorKind::ResourceNotFound,
        ErrorKind::Validation,
    ];
    const RATE: CallRate = CallRate::Account(5);
    type Input<'a> = MergeShardsInput;
    type Output = ();

    async fn run<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let named = naming::stream::<Self>(context, name, arn)?;
        let (lower, upper) = (&input.shard_to_merge, &input.adjacent_shard_to_merge);
        let merged = context
            .cell(&named)
            .control
            .merge_shards(&named.scope, &named.name, lower, upper)
            .await;
        merged.map_err(to_wire)
    }
}
