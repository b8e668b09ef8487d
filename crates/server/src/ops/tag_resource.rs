//! TagResource.

use super::tag_text::{self, Doing};
use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_engine::StreamRef;
use anabranch_policy::RequestTags;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input};
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
    const NAME: &'static str = "TagResource";
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
    type Input<'a> = TagResourceInput;
    type Output = ();

    async fn run<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let tags = RequestTags::Set(&input.tags);
        let resource = naming::resource_tagging::<Self>(context, &input.resource_arn, tags)?;
        let StreamRef { scope, name } = resource.stream();
        let texts = input.tags.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]);
        tag_text::check(texts, name, &scope.account, Doing::Adding)?;
        tag_text::check_reserved(input.tags.keys().map(String::as_str))?;
        let cell = context.cell(resource.stream());
        cell.control.tag_resource(resource, input.tags).await.map_err(to_wire)
    }
}
