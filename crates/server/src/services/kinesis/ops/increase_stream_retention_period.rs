//! IncreaseStreamRetentionPeriod.

use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input};

pub(crate) struct IncreaseStreamRetentionPeriod;

input! {
    /// What is asked.
    pub(crate) struct IncreaseStreamRetentionPeriodInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        retention_period_hours: i32 = "RetentionPeriodHours" [ANY],
    }
}

impl Operation for IncreaseStreamRetentionPeriod {
    type Service = Kinesis;
    const NAME: &'static str = "IncreaseStreamRetentionPeriod";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
    ];
    type Input<'a> = IncreaseStreamRetentionPeriodInput;
    type Output = ();

    async fn answer<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let admitted = admission::stream::<Self>(context, name, arn)?;
        let hours = i64::from(input.retention_period_hours);
        let changed = admitted
            .cell
            .control
            .increase_retention(&admitted.reference.scope, &admitted.reference.name, hours)
            .await;
        changed.map_err(to_wire)
    }
}
