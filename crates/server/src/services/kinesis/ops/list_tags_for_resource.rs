//! ListTagsForResource.

use super::shapes::Tag;
use super::{Context, Operation};
use crate::answer::Counted;
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_model::limits;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input, output};

pub(crate) struct ListTagsForResource;

input! {
    /// What is asked.
    pub(crate) struct ListTagsForResourceInput {
        resource_arn: String = "ResourceARN" [RESOURCE_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
    }
}

output! {
    /// What is answered.
    pub(crate) struct ListTagsForResourceOutput {
        tags: Option<Vec<Tag>> = "Tags",
    }
}

impl Operation for ListTagsForResource {
    type Service = Kinesis;
    const NAME: &'static str = "ListTagsForResource";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::InternalFailure,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
        KinesisError::Validation,
    ];
    type Input<'a> = ListTagsForResourceInput;
    type Output = Counted<ListTagsForResourceOutput>;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<Counted<ListTagsForResourceOutput>, WireError> {
        let resource = admission::resource::<Self>(context, &input.resource_arn)?;
        let tag = |(key, value)| Tag { key, value: Some(value) };
        let share = context.room.reserve(limits::TAGS_MAX * Tag::WIRE_BYTES_MAX).await?;
        let tags = Some(resource.tags()?.into_iter().map(tag).collect());
        Ok(Counted(ListTagsForResourceOutput { tags }, share))
    }
}
