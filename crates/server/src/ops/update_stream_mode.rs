//! UpdateStreamMode.

use super::shapes::StreamModeDetailsInput;
use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input};

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
    const NAME: &'static str = "UpdateStreamMode";
    const RATE: CallRate = CallRate::Unlimited;
    const ERRORS: &'static [ErrorKind] = &[
        ErrorKind::InvalidArgument,
        ErrorKind::LimitExceeded,
        ErrorKind::ResourceInUse,
        ErrorKind::ResourceNotFound,
        ErrorKind::Validation,
    ];
    type Input<'a> = UpdateStreamModeInput;
    type Output = ();

    async fn run<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let named = naming::of_arn::<Self>(context, &input.stream_arn)?;
        let warm_mibps = input.warm_throughput_mibps.map(i32::cast_unsigned);
        let mode = input.stream_mode_details.into();
        context
            .cell(&named)
            .control
            .set_stream_mode(&named, mode, warm_mibps)
            .await
            .map_err(to_wire)
    }
}
