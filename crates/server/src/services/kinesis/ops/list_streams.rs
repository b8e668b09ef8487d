//! ListStreams.

use super::shapes::{StreamSummary, creation_time, status};
use super::{Context, Operation};
use crate::answer::Counted;
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::{Stream, StreamPageRequest};
use anabranch_protocol::shape::{Rule, rules::*};
use anabranch_protocol::{WireError, input, output};

pub(crate) struct ListStreams;

input! {
    /// What is asked.
    pub(crate) struct ListStreamsInput {
        limit: Option<i32> = "Limit" [Rule::between(1, 10_000)],
        exclusive_start_stream_name: Option<String> = "ExclusiveStartStreamName" [STREAM_NAME],
        next_token: Option<String> = "NextToken" [NEXT_TOKEN],
    }
}

output! {
    /// What is answered.
    pub(crate) struct ListStreamsOutput {
        stream_names: Vec<String> = "StreamNames",
        has_more_streams: bool = "HasMoreStreams",
        next_token: Option<String> = "NextToken",
        stream_summaries: Option<Vec<StreamSummary>> = "StreamSummaries",
    }
}

/// Bytes of a stream in the reply at most, where its name is three times.
const STREAM_BYTES_MAX: usize = 1 << 10;

impl Operation for ListStreams {
    type Service = Kinesis;
    const NAME: &'static str = "ListStreams";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::ExpiredNextToken,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
    ];
    type Input<'a> = ListStreamsInput;
    type Output = Counted<ListStreamsOutput>;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<Counted<ListStreamsOutput>, WireError> {
        admission::account::<Self>(context)?;
        let request = StreamPageRequest {
            after: input.exclusive_start_stream_name.as_deref(),
            token: input.next_token.as_deref(),
            limit: input.limit.map(|limit| limit as usize),
        };
        let page = context.cells().list_streams(&context.scope, &request).map_err(to_wire)?;
        let share = context.room.reserve(page.streams.len() * STREAM_BYTES_MAX).await?;
        let now_ms = context.cells().now_ms();
        let names = page.streams.iter().map(|stream| stream.reference.name.to_string());
        let output = ListStreamsOutput {
            stream_names: names.collect(),
            has_more_streams: page.next_token.is_some(),
            next_token: page.next_token,
            stream_summaries: Some(
                page.streams.iter().map(|stream| summarise(stream, now_ms)).collect(),
            ),
        };
        Ok(Counted(output, share))
    }
}

fn summarise(stream: &Stream, now_ms: u64) -> StreamSummary {
    StreamSummary {
        stream_name: stream.reference.name.to_string(),
        stream_arn: stream.reference.arn(),
        stream_status: status(stream, now_ms),
        stream_mode_details: Some(stream.mode.into()),
        stream_creation_timestamp: Some(creation_time(stream)),
    }
}
