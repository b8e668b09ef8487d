//! RegisterStreamConsumer.

use super::shapes::Consumer;
use super::tag_resource::TagResource;
use super::tag_text::{self, Doing};
use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::ConsumerStatus;
use anabranch_engine::error::TagLimit;
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
        let texts = tags.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]);
        tag_text::check(
            texts,
            &stream.reference.name,
            &stream.reference.scope.account,
            Doing::Adding,
        )?;
        tag_text::check_reserved(tags.keys().map(String::as_str))?;
        if tags.len() > limits::TAGS_MAX {
            let limit = limits::TAGS_MAX;
            return Err(to_wire(TagLimit { stream: stream.named.reference, limit }));
        }
        let registering =
            stream.cell.control.register_consumer(&stream.reference, &input.consumer_name, tags);
        let consumer = registering.await.map_err(to_wire)?;
        // It has just been made, however short that state is.
        let consumer = Consumer::new(&consumer, ConsumerStatus::Creating, &stream.reference);
        Ok(RegisterStreamConsumerOutput { consumer })
    }
}
