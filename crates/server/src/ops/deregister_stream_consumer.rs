//! DeregisterStreamConsumer.

use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input};

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
    const NAME: &'static str = "DeregisterStreamConsumer";
    const RATE: CallRate = CallRate::Stream(5);
    const ERRORS: &'static [ErrorKind] =
        &[ErrorKind::InvalidArgument, ErrorKind::LimitExceeded, ErrorKind::ResourceNotFound];
    type Input<'a> = DeregisterStreamConsumerInput;
    type Output = ();

    async fn run<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let (stream, name) = (input.stream_arn.as_deref(), input.consumer_name.as_deref());
        let arn = input.consumer_arn.as_deref();
        let consumer = naming::consumer::<Self>(context, stream, name, arn)?;
        let cell = context.cell(&consumer.stream);
        cell.control.deregister_consumer(consumer).await.map_err(to_wire)
    }
}
