//! DeregisterStreamConsumer.

use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input};

pub(crate) struct DeregisterStreamConsumer;

input! {
    /// What is asked.
    pub(crate) struct DeregisterStreamConsumerInput {
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        consumer_name: Option<String> = "ConsumerName" [CONSUMER_NAME],
        consumer_arn: Option<String> = "ConsumerARN" [CONSUMER_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
    }
}

impl Operation for DeregisterStreamConsumer {
    type Service = Kinesis;
    const NAME: &'static str = "DeregisterStreamConsumer";
    const RATE: CallRate = CallRate::Resource(5);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceNotFound,
    ];
    type Input<'a> = DeregisterStreamConsumerInput;
    type Output = ();

    async fn answer<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let (stream, name) = (input.stream_arn.as_deref(), input.consumer_name.as_deref());
        let arn = input.consumer_arn.as_deref();
        let consumer = admission::consumer::<Self>(context, stream, name, arn)?;
        consumer.cell.control.deregister_consumer(consumer.name).await.map_err(to_wire)
    }
}
