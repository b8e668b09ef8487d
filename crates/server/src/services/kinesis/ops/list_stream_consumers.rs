//! ListStreamConsumers.

use super::shapes::Consumer;
use super::{Context, Operation};
use crate::answer::Counted;
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::{to_wire, token_and};
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::ConsumerPageRequest;
use anabranch_engine::error::ListError;
use anabranch_protocol::shape::{Rule, rules::*};
use anabranch_protocol::{Timestamp, WireError, input, output};

pub(crate) struct ListStreamConsumers;

input! {
    /// What is asked.
    pub(crate) struct ListStreamConsumersInput {
        stream_arn: String = "StreamARN" [STREAM_ARN],
        next_token: Option<String> = "NextToken" [NEXT_TOKEN],
        max_results: Option<i32> = "MaxResults" [Rule::between(1, 10_000)],
        stream_creation_timestamp: Option<Timestamp> = "StreamCreationTimestamp" [ANY],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
    }
}

output! {
    /// What is answered.
    pub(crate) struct ListStreamConsumersOutput {
        consumers: Option<Vec<Consumer>> = "Consumers",
        next_token: Option<String> = "NextToken",
    }
}

impl Operation for ListStreamConsumers {
    type Service = Kinesis;
    const NAME: &'static str = "ListStreamConsumers";
    const RATE: CallRate = CallRate::Resource(5);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::ExpiredNextToken,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
    ];
    type Input<'a> = ListStreamConsumersInput;
    type Output = Counted<ListStreamConsumersOutput>;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<Counted<ListStreamConsumersOutput>, WireError> {
        let stream = admission::of_arn::<Self>(context, &input.stream_arn)?;
        let created = input.stream_creation_timestamp;
        if input.next_token.is_some() && created.is_some() {
            return Err(token_and("StreamCreationTimestamp"));
        }
        let request = ConsumerPageRequest {
            stream: &stream,
            created_secs: created.map(|time| time.0.div_euclid(1000)),
            token: input.next_token.as_deref(),
            limit: input.max_results.map(|limit| limit as usize),
        };
        let page = stream.cell.control.list_consumers(&request).map_err(|error| match error {
            ListError::TokenOfAnotherStream(_) => token_and("StreamARN"),
            error => to_wire(error),
        })?;
        let share = context.room.reserve(page.consumers.len() * Consumer::WIRE_BYTES_MAX).await?;
        let consumers = page.consumers.iter();
        let consumers =
            consumers.map(|(consumer, status)| Consumer::new(consumer, *status, &stream.reference));
        let output = ListStreamConsumersOutput {
            consumers: Some(consumers.collect()),
            next_token: page.next_token,
        };
        Ok(Counted(output, share))
    }
}
