//! RegisterStreamConsumer.

use super::shapes::Consumer;
use super::tag_resource::TagResource;
use super::tag_text;
use super::{Context, Operation, after_existence};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::error::TagLimit;
use anabranch_engine::{ConsumerStatus, StreamRef};
use anabranch_model::limits;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input, output};
use std::collections::BTreeMap;

pub(crate) struct RegisterStreamConsumer;

input! {
    /// What is asked.
    pub(crate) struct RegisterStreamConsumerInput {
        stream_arn: String = "StreamARN" [STREAM_ARN],
        consumer_name: String = "ConsumerName" [CONSUMER_NAME],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        tags: Option<BTreeMap<String, String>> = "Tags" [TAG_MAP],
    }
}

output! {
    /// What is answered.
    pub(crate) struct RegisterStreamConsumerOutput {
        consumer: Consumer = "Consumer",
    }
}

impl Operation for RegisterStreamConsumer {
    type Service = Kinesis;
    const NAME: &'static str = "RegisterStreamConsumer";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
    ];
    type Input<'a> = RegisterStreamConsumerInput;
    type Output = RegisterStreamConsumerOutput;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<RegisterStreamConsumerOutput, WireError> {
        let tags = input.tags.unwrap_or_default();
        let (arn, name) = (&input.stream_arn, &input.consumer_name);
        let stream = admission::new_consumer::<Self, TagResource>(context, arn, name, &tags)?;
        let exists = || stream.stream().map(drop).map_err(to_wire);
        after_existence(check_tags(&stream.reference, &tags), exists)?;
        let registering =
            stream.cell.control.register_consumer(&stream.reference, &input.consumer_name, tags);
        let consumer = registering.await.map_err(to_wire)?;
        // It has just been made, however short that state is.
        let consumer = Consumer::new(&consumer, ConsumerStatus::Creating, &stream.reference);
        Ok(RegisterStreamConsumerOutput { consumer })
    }
}

fn check_tags(stream: &StreamRef, tags: &BTreeMap<String, String>) -> Result<(), WireError> {
    tag_text::check_new(tags, &stream.name, &stream.scope.account)?;
    let limit = limits::TAGS_MAX;
    match tags.len() > limit {
        true => Err(to_wire(TagLimit { stream: stream.clone(), limit })),
        false => Ok(()),
    }
}
