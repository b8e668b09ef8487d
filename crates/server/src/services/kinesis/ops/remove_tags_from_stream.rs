//! RemoveTagsFromStream.

use super::{Context, Operation, after_existence, tag_text};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::{ResourceName, StreamRef};
use anabranch_policy::RequestTags;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input};

pub(crate) struct RemoveTagsFromStream;

input! {
    /// What is asked.
    pub(crate) struct RemoveTagsFromStreamInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        tag_keys: Vec<String> = "TagKeys" [TAG_KEYS],
    }
}

impl Operation for RemoveTagsFromStream {
    type Service = Kinesis;
    const NAME: &'static str = "RemoveTagsFromStream";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
    ];
    type Input<'a> = RemoveTagsFromStreamInput;
    type Output = ();

    async fn answer<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let tags = RequestTags::Remove(&input.tag_keys);
        let admitted = admission::stream_tagging::<Self>(context, name, arn, tags)?;
        let there = admitted.found.as_ref().map(|stream| &stream.tags);
        let StreamRef { scope, name } = &admitted.reference;
        let checked = tag_text::check_removed(&input.tag_keys, there, name, &scope.account);
        after_existence(checked, || admitted.stream().map(drop).map_err(to_wire))?;
        let stream = ResourceName::Stream(admitted.named.reference);
        admitted.cell.control.untag_resource(stream, input.tag_keys).await.map_err(to_wire)
    }
}
