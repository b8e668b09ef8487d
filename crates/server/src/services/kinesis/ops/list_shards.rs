//! ListShards.

use super::shapes::{Shard, ShardFilter};
use super::{Context, Operation, after_existence};
use crate::answer::Counted;
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::{to_wire, token_and};
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::error::ListError;
use anabranch_engine::{NamedStream, ShardPageRequest};
use anabranch_model::ShardId;
use anabranch_model::shard_filter::ShardFilter as ModelShardFilter;
use anabranch_protocol::shape::{Rule, rules::*};
use anabranch_protocol::{Timestamp, WireError, input, output};

pub(crate) struct ListShards;

input! {
    /// What is asked.
    pub(crate) struct ListShardsInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        next_token: Option<String> = "NextToken" [NEXT_TOKEN],
        exclusive_start_shard_id: Option<String> = "ExclusiveStartShardId" [SHARD_ID],
        max_results: Option<i32> = "MaxResults" [Rule::between(1, 10_000)],
        stream_creation_timestamp: Option<Timestamp> = "StreamCreationTimestamp" [ANY],
        shard_filter: Option<ShardFilter> = "ShardFilter" [ANY],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
    }
}

output! {
    /// What is answered.
    pub(crate) struct ListShardsOutput {
        shards: Option<Vec<Shard>> = "Shards",
        next_token: Option<String> = "NextToken",
    }
}

impl Operation for ListShards {
    type Service = Kinesis;
    const NAME: &'static str = "ListShards";
    const RATE: CallRate = CallRate::Resource(1_000);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::ExpiredNextToken,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
    ];
    type Input<'a> = ListShardsInput;
    type Output = Counted<ListShardsOutput>;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<Counted<ListShardsOutput>, WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let open = |token: &str| context.cells().open_shard_token(token).map_err(to_wire);
        let text = input.next_token.as_deref();
        let (admitted, opened) = match (name, arn, text) {
            (None, None, None) => {
                admission::account::<Self>(context)?;
                let text = "Either NextToken or StreamName should be provided.";
                return Err(KinesisError::InvalidArgument.because(text));
            }
            (None, None, Some(text)) => {
                let token = open(text)?;
                (admission::of_shard_token::<Self>(context, &token)?, Some(token))
            }
            _ => (admission::stream::<Self>(context, name, arn)?, None),
        };
        if text.is_some() {
            refuse_beside_token(&input)?;
        }
        let token = opened.map_or_else(|| text.map(open).transpose(), |token| Ok(Some(token)))?;
        let request = match &token {
            Some(token) => {
                let (name, limit) = (Some(&*admitted.reference.name), page_limit(&input));
                ShardPageRequest::Next { token, name, limit }
            }
            None => first_page(&input, &admitted)?,
        };
        let (scope, control) = (&admitted.reference.scope, &admitted.cell.control);
        let page = control.list_shards(scope, &request).map_err(|error| match error {
            ListError::TokenOfAnotherStream(_) if name.is_none() => token_and("StreamARN"),
            error => to_wire(error),
        })?;
        let share = context.room.reserve(page.shards.len() * Shard::WIRE_BYTES_MAX).await?;
        let output = ListShardsOutput {
            shards: Some(page.shards.iter().map(|slot| Shard::from(&slot.shard)).collect()),
            next_token: page.next_token,
        };
        Ok(Counted(output, share))
    }
}

fn first_page<'a>(
    input: &'a ListShardsInput,
    stream: &'a NamedStream,
) -> Result<ShardPageRequest<'a>, WireError> {
    let after = input.exclusive_start_shard_id.as_deref().map(|id| {
        ShardId::parse_lenient(id).ok_or_else(|| {
            KinesisError::InvalidArgument.because("ExclusiveStartShardId is invalid.")
        })
    });
    let after = after.transpose()?;
    let filter = input.shard_filter.as_ref();
    filter.map_or(Ok(()), ShardFilter::check_id)?;
    let filter = filter.map(ShardFilter::to_model).transpose();
    let filter = after_existence(filter, || stream.stream().map(drop).map_err(to_wire))?;
    Ok(ShardPageRequest::First {
        stream,
        after,
        filter: filter.unwrap_or(ModelShardFilter::FromTrimHorizon),
        limit: page_limit(input),
        created_secs: input.stream_creation_timestamp.map(|time| time.0.div_euclid(1000)),
    })
}

fn page_limit(input: &ListShardsInput) -> Option<usize> {
    input.max_results.map(|limit| limit as usize)
}

/// A token names its stream. Beside it the service refuses a name; boto3's paginator sends one
/// all the same, so that a name (or ARN) of the token's own stream is let through.
fn refuse_beside_token(input: &ListShardsInput) -> Result<(), WireError> {
    let excluded = [
        ("ExclusiveStartShardId", input.exclusive_start_shard_id.is_some()),
        ("ShardFilter", input.shard_filter.is_some()),
        ("StreamCreationTimestamp", input.stream_creation_timestamp.is_some()),
    ];
    match excluded.iter().find(|(_, given)| *given) {
        Some((member, _)) => Err(token_and(member)),
        None => Ok(()),
    }
}
