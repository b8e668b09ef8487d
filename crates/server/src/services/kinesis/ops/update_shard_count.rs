//! UpdateShardCount.

use super::shapes::integer;
use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input, output, string_enum};

pub(crate) struct UpdateShardCount;

string_enum! {
    /// How to get there.
    pub(crate) enum ScalingType {
        UniformScaling = "UNIFORM_SCALING",
    }
}

input! {
    /// What is asked.
    pub(crate) struct UpdateShardCountInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        target_shard_count: i32 = "TargetShardCount" [POSITIVE],
        scaling_type: ScalingType = "ScalingType" [ANY],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
    }
}

output! {
    /// What is answered.
    pub(crate) struct UpdateShardCountOutput {
        stream_name: Option<String> = "StreamName",
        current_shard_count: Option<i32> = "CurrentShardCount",
        target_shard_count: Option<i32> = "TargetShardCount",
        stream_arn: Option<String> = "StreamARN",
    }
}

impl Operation for UpdateShardCount {
    type Service = Kinesis;
    const NAME: &'static str = "UpdateShardCount";
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
        KinesisError::Validation,
    ];
    const RATE: CallRate = CallRate::Account(10);
    type Input<'a> = UpdateShardCountInput;
    type Output = UpdateShardCountOutput;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<UpdateShardCountOutput, WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let admitted = admission::stream::<Self>(context, name, arn)?;
        let target = input.target_shard_count.cast_unsigned();
        let update = admitted
            .cell
            .control
            .update_shard_count(&admitted.reference.scope, &admitted.reference.name, target)
            .await;
        let update = update.map_err(to_wire)?;
        let reference = &update.stream.reference;
        Ok(UpdateShardCountOutput {
            stream_name: Some(reference.name.to_string()),
            current_shard_count: Some(integer(update.current.into())),
            target_shard_count: Some(integer(update.target.into())),
            stream_arn: Some(reference.arn()),
        })
    }
}
