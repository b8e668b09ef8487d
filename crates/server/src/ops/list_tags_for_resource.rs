//! ListTagsForResource.

use super::shapes::Tag;
use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input, output};

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
    const NAME: &'static str = "ListTagsForResource";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [ErrorKind] = &[
        ErrorKind::AccessDenied,
        ErrorKind::InternalFailure,
        ErrorKind::InvalidArgument,
        ErrorKind::LimitExceeded,
        ErrorKind::ResourceInUse,
        ErrorKind::ResourceNotFound,
        ErrorKind::Validation,
    ];
    type Input<'a> = ListTagsForResourceInput;
    type Output = ListTagsForResourceOutput;

    async fn run<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<ListTagsForResourceOutput, WireError> {
        let resource = naming::resource::<Self>(context, &input.resource_arn)?;
        let tags =
            context.cell(resource.stream()).control.resource_tags(&resource).map_err(to_wire)?;
        let tag = |(key, value)| Tag { key, value: Some(value) };
        Ok(ListTagsForResourceOutput { tags: Some(tags.into_iter().map(tag).collect()) })
    }
}
