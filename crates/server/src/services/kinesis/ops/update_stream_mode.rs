//! UpdateStreamMode.

use super::shapes::StreamModeDetailsInput;
use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input};

pub(crate) struct UpdateStreamMode;

input! {
    /// What is asked.
    pub(crate) struct UpdateStreamModeInput {
        stream_arn: String = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        stream_mode_details: StreamModeDetailsInput = "StreamModeDetails" [ANY],
        warm_throughput_mibps: Option<i32> = "WarmThroughputMiBps" [NATURAL],
    }
}

impl Operation for UpdateStreamMode {
    type Service = Kinesis;
    const NAME: &'static str = "UpdateStreamMode";
    const RATE: CallRate = CallRate::Unlimited;
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
        KinesisError::Validation,
    ];
    type Input<'a> = UpdateStreamModeInput;
    type Output = ();

    async fn answer<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let admitted = admission::of_arn::<Self>(context, &input.stream_arn)?;
        let warm_mibps = input.warm_throughput_mibps.map(i32::cast_unsigned);
        let mode = input.stream_mode_details.into();
        admitted
            .cell
            .control
            .set_stream_mode(&admitted.reference, mode, warm_mibps)
            .await
            .map_err(to_wire)
    }
}
