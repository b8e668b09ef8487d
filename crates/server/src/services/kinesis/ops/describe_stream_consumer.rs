//! DescribeStreamConsumer.

use super::shapes::{Consumer, ConsumerStatus};
use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{Timestamp, WireError, input, output};

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
    type Service = Kinesis;
    const NAME: &'static str = "DescribeStreamConsumer";
    const RATE: CallRate = CallRate::Resource(20);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceNotFound,
    ];
    type Input<'a> = DescribeStreamConsumerInput;
    type Output = DescribeStreamConsumerOutput;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<DescribeStreamConsumerOutput, WireError> {
        let (stream, name) = (input.stream_arn.as_deref(), input.consumer_name.as_deref());
        let arn = input.consumer_arn.as_deref();
        let admitted = admission::consumer::<Self>(context, stream, name, arn)?;
        let (consumer, status) = admitted.consumer().map_err(to_wire)?;
        let stream = &admitted.name.stream;
        let consumer = Consumer::new(consumer, status, stream);
        let consumer_description = ConsumerDescription {
            consumer_name: consumer.consumer_name,
            consumer_arn: consumer.consumer_arn,
            consumer_status: consumer.consumer_status,
            consumer_creation_timestamp: consumer.consumer_creation_timestamp,
            stream_arn: stream.arn(),
        };
        Ok(DescribeStreamConsumerOutput { consumer_description })
    }
}
