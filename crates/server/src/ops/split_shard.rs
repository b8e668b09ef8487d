//! SplitShard.

use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input};

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
    const NAME: &'static str = "SplitShard";
    const ERRORS: &'static [ErrorKind] = &[
        ErrorKind::AccessDenied,
        ErrorKind::InvalidArgument,
        ErrorKind::LimitExceeded,
        ErrorKind::ResourceInUse,
        ErrorKind::ResourceNotFound,
        ErrorKind::Validation,
    ];
    const RATE: CallRate = CallRate::Account(5);
    type Input<'a> = SplitShardInput;
    type Output = ();

    async fn run<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let named = naming::stream::<Self>(context, name, arn)?;
        let (shard, key) = (&input.shard_to_split, &input.new_starting_hash_key);
        let split =
            context.cell(&named).control.split_shard(&named.scope, &named.name, shard, key).await;
        split.map_err(to_wire)
    }
}
