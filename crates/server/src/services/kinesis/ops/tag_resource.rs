//! TagResource.

use super::tag_text;
use super::{Context, Operation, after_existence};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::StreamRef;
use anabranch_policy::RequestTags;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input};
use std::collections::BTreeMap;

pub(crate) struct TagResource;

input! {
    /// What is asked.
    pub(crate) struct TagResourceInput {
        resource_arn: String = "ResourceARN" [RESOURCE_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        tags: BTreeMap<String, String> = "Tags" [TAG_MAP],
    }
}

impl Operation for TagResource {
    type Service = Kinesis;
    const NAME: &'static str = "TagResource";
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
    type Input<'a> = TagResourceInput;
    type Output = ();

    async fn answer<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let tags = RequestTags::Set(&input.tags);
        let resource = admission::resource_tagging::<Self>(context, &input.resource_arn, tags)?;
        let StreamRef { scope, name } = resource.name.stream();
        let checked = tag_text::check_new(&input.tags, name, &scope.account);
        after_existence(checked, || resource.require())?;
        resource.cell.control.tag_resource(resource.name, input.tags).await.map_err(to_wire)
    }
}
