//! ListShards.

use super::shapes::{Shard, ShardFilter};
use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::{to_wire, token_and};
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::error::ListError;
use anabranch_engine::{ShardPageRequest, StreamRef};
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
    type Output = ListShardsOutput;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<ListShardsOutput, WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let token = input.next_token.as_deref();
        let admitted = match (name, arn, token) {
            (None, None, None) => {
                admission::account::<Self>(context)?;
                None
            }
            (None, None, Some(token)) => Some(admission::of_shard_token::<Self>(context, token)?),
            _ => Some(admission::stream::<Self>(context, name, arn)?),
        };
        let reference = admitted.as_ref().map(|admitted| &admitted.reference);
        let request = match token {
            Some(token) => next_page(&input, token, reference)?,
            None => first_page(&input, reference)?,
        };
        let scope = reference.map_or(&context.scope, |reference| &reference.scope);
        let cell = admitted.as_ref().map_or_else(|| context.home(), |admitted| admitted.cell);
        let page = cell.control.list_shards(scope, &request).map_err(|error| match error {
            ListError::TokenOfAnotherStream(_) if name.is_none() => token_and("StreamARN"),
            error => to_wire(error),
        })?;
        Ok(ListShardsOutput {
            shards: Some(page.shards.iter().map(|slot| Shard::from(&slot.shard)).collect()),
            next_token: page.next_token,
        })
    }
}

fn first_page<'a>(
    input: &'a ListShardsInput,
    admitted: Option<&'a StreamRef>,
) -> Result<ShardPageRequest<'a>, WireError> {
    let admitted = admitted.ok_or_else(|| {
        KinesisError::InvalidArgument.because("Either NextToken or StreamName should be provided.")
    })?;
    let after = input.exclusive_start_shard_id.as_deref().map(|id| {
        ShardId::parse_lenient(id).ok_or_else(|| {
            KinesisError::InvalidArgument.because("ExclusiveStartShardId is invalid.")
        })
    });
    let filter = input.shard_filter.as_ref().map(ShardFilter::to_model).transpose()?;
    Ok(ShardPageRequest::First {
        name: &admitted.name,
        after: after.transpose()?,
        filter: filter.unwrap_or(ModelShardFilter::FromTrimHorizon),
        limit: input.max_results.map(|limit| limit as usize),
        created_secs: input.stream_creation_timestamp.map(|time| time.0.div_euclid(1000)),
    })
}

/// A token names its stream. Beside it the service refuses a name; boto3's paginator sends one
/// all the same, so that a name (or ARN) of the token's own stream is let through.
fn next_page<'a>(
    input: &'a ListShardsInput,
    token: &'a str,
    admitted: Option<&'a StreamRef>,
) -> Result<ShardPageRequest<'a>, WireError> {
    let excluded = [
        ("ExclusiveStartShardId", input.exclusive_start_shard_id.is_some()),
        ("ShardFilter", input.shard_filter.is_some()),
        ("StreamCreationTimestamp", input.stream_creation_timestamp.is_some()),
    ];
    if let Some((member, _)) = excluded.iter().find(|(_, given)| *given) {
        return Err(token_and(member));
    }
    let name = admitted.map(|admitted| &*admitted.name);
    let limit = input.max_results.map(|limit| limit as usize);
    Ok(ShardPageRequest::Next { token, name, limit })
}
