//! UpdateStreamWarmThroughput.

use super::shapes::WarmThroughputObject;
use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input, output};

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
    const NAME: &'static str = "UpdateStreamWarmThroughput";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [ErrorKind] = &[
        ErrorKind::AccessDenied,
        ErrorKind::InvalidArgument,
        ErrorKind::LimitExceeded,
        ErrorKind::ResourceInUse,
        ErrorKind::ResourceNotFound,
        ErrorKind::Validation,
    ];
    type Input<'a> = UpdateStreamWarmThroughputInput;
    type Output = UpdateStreamWarmThroughputOutput;

    async fn run<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<UpdateStreamWarmThroughputOutput, WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let named = naming::stream::<Self>(context, name, arn)?;
        let mibps = input.warm_throughput_mibps.cast_unsigned();
        let changed = context.cell(&named).control.set_warm_throughput(&named, mibps).await;
        let (stream, warm) = changed.map_err(to_wire)?;
        Ok(UpdateStreamWarmThroughputOutput {
            stream_arn: Some(stream.arn()),
            stream_name: Some(stream.name.to_string()),
            warm_throughput: Some(warm.into()),
        })
    }
}
