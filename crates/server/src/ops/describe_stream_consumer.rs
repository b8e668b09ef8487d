//! DescribeStreamConsumer.

use super::shapes::{Consumer, ConsumerStatus};
use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, Timestamp, WireError, input, output};

pub(crate) struct DescribeStreamConsumer;

input! {
    /// What is asked.
    pub(crate) struct DescribeStreamConsumerInput {
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        consumer_name: Option<String> = "ConsumerName" [CONSUMER_NAME],
        consumer_arn: Option<String> = "ConsumerARN" [CONSUMER_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
    }
}

output! {
    /// What is answered.
    pub(crate) struct DescribeStreamConsumerOutput {
        consumer_description: ConsumerDescription = "ConsumerDescription",
    }

    /// A fan-out consumer and its stream.
    pub(crate) struct ConsumerDescription {
        consumer_name: String = "ConsumerName",
        consumer_arn: String = "ConsumerARN",
        consumer_status: ConsumerStatus = "ConsumerStatus",
        consumer_creation_timestamp: Timestamp = "ConsumerCreationTimestamp",
        stream_arn: String = "StreamARN",
    }
}

impl Operation for DescribeStreamConsumer {
    const NAME: &'static str = "DescribeStreamConsumer";
    const RATE: CallRate = CallRate::Stream(20);
    const ERRORS: &'static [ErrorKind] =
        &[ErrorKind::InvalidArgument, ErrorKind::LimitExceeded, ErrorKind::ResourceNotFound];
    type Input<'a> = DescribeStreamConsumerInput;
    type Output = DescribeStreamConsumerOutput;

    async fn run<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<DescribeStreamConsumerOutput, WireError> {
        let (stream, name) = (input.stream_arn.as_deref(), input.consumer_name.as_deref());
        let arn = input.consumer_arn.as_deref();
        let named = naming::consumer::<Self>(context, stream, name, arn)?;
        let (consumer, status) =
            context.cell(&named.stream).control.consumer(&named).map_err(to_wire)?;
        let consumer = Consumer::new(&consumer, status, &named.stream);
        let consumer_description = ConsumerDescription {
            consumer_name: consumer.consumer_name,
            consumer_arn: consumer.consumer_arn,
            consumer_status: consumer.consumer_status,
            consumer_creation_timestamp: consumer.consumer_creation_timestamp,
            stream_arn: named.stream.arn(),
        };
        Ok(DescribeStreamConsumerOutput { consumer_description })
    }
}
