//! UntagResource.

use super::{Context, Operation, after_existence, tag_text};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::StreamRef;
use anabranch_policy::RequestTags;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input};

pub(crate) struct UntagResource;

input! {
    /// What is asked.
    pub(crate) struct UntagResourceInput {
        resource_arn: String = "ResourceARN" [RESOURCE_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        tag_keys: Vec<String> = "TagKeys" [TAG_KEYS],
    }
}

impl Operation for UntagResource {
    type Service = Kinesis;
    const NAME: &'static str = "UntagResource";
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
    type Input<'a> = UntagResourceInput;
    type Output = ();

    async fn answer<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let tags = RequestTags::Remove(&input.tag_keys);
        let resource = admission::resource_tagging::<Self>(context, &input.resource_arn, tags)?;
        let StreamRef { scope, name } = resource.name.stream();
        let there = resource.tags();
        let (keys, tags) = (&input.tag_keys, there.as_ref().ok());
        let checked = tag_text::check_removed(keys, tags, name, &scope.account);
        after_existence(checked, || there.map(drop))?;
        resource.cell.control.untag_resource(resource.name, input.tag_keys).await.map_err(to_wire)
    }
}
