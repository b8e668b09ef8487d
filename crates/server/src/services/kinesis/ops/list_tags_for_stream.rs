//! ListTagsForStream.

use super::shapes::Tag;
use super::{Context, Operation};
use crate::answer::Counted;
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_model::limits;
use anabranch_protocol::shape::{Rule, rules::*};
use anabranch_protocol::{WireError, input, output};
use std::ops::Bound::{Excluded, Unbounded};

pub(crate) struct ListTagsForStream;

input! {
    /// What is asked.
    pub(crate) struct ListTagsForStreamInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        exclusive_start_tag_key: Option<String> = "ExclusiveStartTagKey" [TAG_KEY],
        limit: Option<i32> = "Limit" [Rule::between(1, 50)],
    }
}

output! {
    /// What is answered.
    pub(crate) struct ListTagsForStreamOutput {
        tags: Vec<Tag> = "Tags",
        has_more_tags: bool = "HasMoreTags",
    }
}

impl Operation for ListTagsForStream {
    type Service = Kinesis;
    const NAME: &'static str = "ListTagsForStream";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceNotFound,
    ];
    type Input<'a> = ListTagsForStreamInput;
    type Output = Counted<ListTagsForStreamOutput>;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<Counted<ListTagsForStreamOutput>, WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let admitted = admission::stream::<Self>(context, name, arn)?;
        let stream = admitted.stream().map_err(to_wire)?;
        let after = input.exclusive_start_tag_key.as_deref().map_or(Unbounded, Excluded);
        let page = input.limit.map_or(limits::LIST_TAGS_PAGE, |limit| limit as usize);
        let share = context.room.reserve(page * Tag::WIRE_BYTES_MAX).await?;
        let mut rest = stream.tags.range::<str, _>((after, Unbounded));
        let tag =
            |(key, value): (&String, &String)| Tag { key: key.clone(), value: Some(value.clone()) };
        let tags = rest.by_ref().take(page).map(tag).collect();
        let output = ListTagsForStreamOutput { tags, has_more_tags: rest.next().is_some() };
        Ok(Counted(output, share))
    }
}
