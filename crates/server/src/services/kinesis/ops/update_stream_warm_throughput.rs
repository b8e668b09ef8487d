//! UpdateStreamWarmThroughput.

use super::shapes::WarmThroughputObject;
use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input, output};

pub(crate) struct UpdateStreamWarmThroughput;

input! {
    /// What is asked.
    pub(crate) struct UpdateStreamWarmThroughputInput {
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        warm_throughput_mibps: i32 = "WarmThroughputMiBps" [NATURAL],
    }
}

output! {
    /// What is answered.
    pub(crate) struct UpdateStreamWarmThroughputOutput {
        stream_arn: Option<String> = "StreamARN",
        stream_name: Option<String> = "StreamName",
        warm_throughput: Option<WarmThroughputObject> = "WarmThroughput",
    }
}

impl Operation for UpdateStreamWarmThroughput {
    type Service = Kinesis;
    const NAME: &'static str = "UpdateStreamWarmThroughput";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
        KinesisError::Validation,
    ];
    type Input<'a> = UpdateStreamWarmThroughputInput;
    type Output = UpdateStreamWarmThroughputOutput;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<UpdateStreamWarmThroughputOutput, WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let admitted = admission::stream::<Self>(context, name, arn)?;
        let mibps = input.warm_throughput_mibps.cast_unsigned();
        let changed = admitted.cell.control.set_warm_throughput(&admitted.reference, mibps).await;
        let (stream, warm) = changed.map_err(to_wire)?;
        Ok(UpdateStreamWarmThroughputOutput {
            stream_arn: Some(stream.arn()),
            stream_name: Some(stream.name.to_string()),
            warm_throughput: Some(warm.into()),
        })
    }
}
