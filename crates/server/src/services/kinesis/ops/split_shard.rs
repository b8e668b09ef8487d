//! SplitShard.

use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input};

pub(crate) struct SplitShard;

input! {
    /// What is asked.
    pub(crate) struct SplitShardInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        shard_to_split: String = "ShardToSplit" [SHARD_ID],
        new_starting_hash_key: String = "NewStartingHashKey" [HASH_KEY],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
    }
}

impl Operation for SplitShard {
    type Service = Kinesis;
    const NAME: &'static str = "SplitShard";
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
        KinesisError::Validation,
    ];
    const RATE: CallRate = CallRate::Account(5);
    type Input<'a> = SplitShardInput;
    type Output = ();

    async fn answer<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let admitted = admission::stream::<Self>(context, name, arn)?;
        admission::shard_id(&admitted.reference, &input.shard_to_split)?;
        let (shard, key) = (&input.shard_to_split, &input.new_starting_hash_key);
        let split = admitted
            .cell
            .control
            .split_shard(&admitted.reference.scope, &admitted.reference.name, shard, key)
            .await;
        split.map_err(to_wire)
    }
}
