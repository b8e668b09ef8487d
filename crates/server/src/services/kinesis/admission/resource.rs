//! Requests that are about whatever a `ResourceARN` names.

use super::consumer::{AdmittedConsumer, of_reference};
use super::names::{parse_consumer_arn, stream_ref};
use super::stream::AdmittedStream;
use crate::access::Resource;
use crate::context::Context;
use crate::operation::Operation;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::{Engine, NamedStream, ResourceName};
use anabranch_model::{Arn, StreamArn};
use anabranch_policy::RequestTags;
use anabranch_protocol::WireError;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The resource that a request is about, which its caller may use so.
pub(crate) struct AdmittedResource<'a> {
    pub(crate) name: ResourceName,
    /// The stream that it is or belongs to.
    pub(crate) stream: NamedStream,
    /// The cell that it lives in, or would.
    pub(crate) cell: &'a Arc<Engine>,
}

impl AdmittedResource<'_> {
    /// Refuses a resource that is not there, or going.
    ///
    /// # Errors
    /// When it is so.
    pub(crate) fn require(&self) -> Result<(), WireError> {
        self.tags().map(drop)
    }

    /// Its tags.
    ///
    /// # Errors
    /// When it is not there, or going.
    pub(crate) fn tags(&self) -> Result<BTreeMap<String, String>, WireError> {
        self.cell.control.resource_tags(&self.stream, &self.name).map_err(to_wire)
    }
}

/// What a `ResourceARN` names.
///
/// # Errors
/// When it names nothing, or something of another Region, or the caller is not allowed.
pub(crate) fn resource<'a, O: Operation>(
    context: &'a Context<'_, Kinesis>,
    arn: &str,
) -> Result<AdmittedResource<'a>, WireError> {
    resource_tagging::<O>(context, arn, RequestTags::None)
}

/// As [`resource`], for a request that sets or removes tags.
///
/// # Errors
/// As [`resource`].
pub(crate) fn resource_tagging<'a, O: Operation>(
    context: &'a Context<'_, Kinesis>,
    text: &str,
    tags: RequestTags<'_>,
) -> Result<AdmittedResource<'a>, WireError> {
    if let Some(arn) = StreamArn::parse(text) {
        let stream = AdmittedStream::find(context, stream_ref(&arn)).admit::<O>(context, tags)?;
        let AdmittedStream { named: stream, cell } = stream;
        let name = ResourceName::Stream(stream.reference.clone());
        return Ok(AdmittedResource { name, stream, cell });
    }
    if let Some(reference) = parse_consumer_arn(text) {
        let consumer = of_reference::<O>(context, reference.clone(), tags)?;
        let AdmittedConsumer { stream, cell, .. } = consumer;
        return Ok(AdmittedResource { name: ResourceName::Consumer(reference), stream, cell });
    }
    let arn = Arn::parse(text);
    let resource = Resource {
        arn: &text,
        account: arn.map_or("", |arn| arn.account),
        policy: None,
        tags: None,
        request_tags: tags,
    };
    context.authorize(O::NAME, &resource)?;
    let kind = arn.map_or("", |arn| arn.resource);
    // These do not exist here.
    match kind.starts_with("queue/") || kind.starts_with("channel/") {
        true => Err(KinesisError::ResourceNotFound.because(format!("Resource {text} not found."))),
        false => {
            Err(KinesisError::InvalidArgument.because(format!("ResourceARN {text} is invalid.")))
        }
    }
}
