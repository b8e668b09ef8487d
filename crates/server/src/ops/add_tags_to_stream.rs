//! AddTagsToStream.

use super::tag_text::{self, Doing};
use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_engine::ResourceName;
use anabranch_policy::RequestTags;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input};
use std::collections::BTreeMap;

pub(crate) struct AddTagsToStream;

input! {
    /// What is asked.
    pub(crate) struct AddTagsToStreamInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        tags: BTreeMap<String, String> = "Tags" [TAG_MAP],
    }
}

impl Operation for AddTagsToStream {
    const NAME: &'static str = "AddTagsToStream";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [ErrorKind] = &[
        ErrorKind::AccessDenied,
        ErrorKind::InvalidArgument,
        ErrorKind::LimitExceeded,
        ErrorKind::ResourceInUse,
        ErrorKind::ResourceNotFound,
    ];
    type Input<'a> = AddTagsToStreamInput;
    type Output = ();

    async fn run<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let tags = RequestTags::Set(&input.tags);
        let named = naming::stream_tagging::<Self>(context, name, arn, tags)?;
        let texts = input.tags.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]);
        tag_text::check(texts, &named.name, &named.scope.account, Doing::Adding)?;
        tag_text::check_reserved(input.tags.keys().map(String::as_str))?;
        let stream = ResourceName::Stream(named);
        let cell = context.cell(stream.stream());
        cell.control.tag_resource(stream, input.tags).await.map_err(to_wire)
    }
}
