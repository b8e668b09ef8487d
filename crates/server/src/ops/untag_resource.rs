//! UntagResource.

use super::tag_text::{self, Doing};
use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_engine::StreamRef;
use anabranch_policy::RequestTags;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input};

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
    const NAME: &'static str = "UntagResource";
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
    type Input<'a> = UntagResourceInput;
    type Output = ();

    async fn run<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let tags = RequestTags::Remove(&input.tag_keys);
        let resource = naming::resource_tagging::<Self>(context, &input.resource_arn, tags)?;
        let StreamRef { scope, name } = resource.stream();
        let keys = input.tag_keys.iter().map(String::as_str);
        tag_text::check(keys, name, &scope.account, Doing::Removing)?;
        let cell = context.cell(resource.stream());
        cell.control.untag_resource(resource, input.tag_keys).await.map_err(to_wire)
    }
}
