//! Requests that are about a stream.

use super::names::parse_stream_arn;
use super::rate::take_call;
use crate::access::Resource;
use crate::context::Context;
use crate::operation::Operation;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::error::{IteratorInvalid, StreamNotFound};
use anabranch_engine::{Engine, NamedStream, OpenIterator, OpenShardToken, StreamRef};
use anabranch_policy::RequestTags;
use anabranch_protocol::WireError;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

/// The stream that a request is about, which its caller may use so: what there was under its name
/// when its policy was asked.
pub(crate) struct AdmittedStream<'a> {
    pub(crate) named: NamedStream,
    /// The cell that it lives in, or would.
    pub(crate) cell: &'a Arc<Engine>,
}

impl Deref for AdmittedStream<'_> {
    type Target = NamedStream;

    fn deref(&self) -> &NamedStream {
        &self.named
    }
}

impl<'a> AdmittedStream<'a> {
    /// Looks for a stream. Nobody has been asked yet.
    pub(super) fn find(context: &'a Context<'_, Kinesis>, reference: StreamRef) -> Self {
        let cell = context.cells().of_stream(&reference);
        Self { named: cell.named(reference), cell }
    }

    /// Refuses a stream that takes no puts and gets.
    ///
    /// # Errors
    /// When it is so.
    pub(crate) fn require_for_data(&self) -> Result<(), WireError> {
        self.data_stream(self.cell.now_ms()).map(drop).map_err(to_wire)
    }

    /// Asks about the stream, and takes a call of the operation's rate.
    pub(super) fn admit<O: Operation>(
        self,
        context: &Context<'_, Kinesis>,
        tags: RequestTags<'_>,
    ) -> Result<Self, WireError> {
        self.authorize(context, O::NAME, tags)?;
        self.enter::<O>(context)
    }

    /// Looks for the Region, and takes a call of the operation's rate. Its caller has been asked about.
    fn enter<O: Operation>(self, context: &Context<'_, Kinesis>) -> Result<Self, WireError> {
        let StreamRef { scope, name } = &self.reference;
        if scope.region != context.scope.region {
            return Err(to_wire(StreamNotFound(self.named.reference)));
        }
        take_call::<O>(context, scope, Some(name))?;
        Ok(self)
    }

    fn authorize(
        &self,
        context: &Context<'_, Kinesis>,
        operation: &str,
        request_tags: RequestTags<'_>,
    ) -> Result<(), WireError> {
        let found = self.found.as_ref();
        let policy = found.and_then(|stream| stream.policy.as_ref());
        let resource = Resource {
            arn: &self.reference.as_arn(),
            account: &self.reference.scope.account,
            policy: policy.map(|policy| policy.policy()),
            tags: found.map(|stream| &stream.tags),
            request_tags,
        };
        context.authorize(operation, &resource)
    }
}

/// The stream that the request is about.
///
/// # Errors
/// When no stream is named, or two different ones, or the caller is not allowed.
pub(crate) fn stream<'a, O: Operation>(
    context: &'a Context<'_, Kinesis>,
    name: Option<&str>,
    arn: Option<&str>,
) -> Result<AdmittedStream<'a>, WireError> {
    stream_tagging::<O>(context, name, arn, RequestTags::None)
}

/// As [`stream`], for a request that sets or removes tags.
///
/// # Errors
/// As [`stream`].
pub(crate) fn stream_tagging<'a, O: Operation>(
    context: &'a Context<'_, Kinesis>,
    name: Option<&str>,
    arn: Option<&str>,
    tags: RequestTags<'_>,
) -> Result<AdmittedStream<'a>, WireError> {
    let Some(arn) = arn else {
        let name = name.ok_or_else(|| {
            KinesisError::InvalidArgument
                .because("Either StreamName or StreamARN should be provided.")
        })?;
        return named(context, name).admit::<O>(context, tags);
    };
    let stream = AdmittedStream::find(context, parse_stream_arn(arn)?);
    stream.authorize(context, O::NAME, tags)?;
    match name {
        Some(name) if *name != *stream.reference.name => Err(KinesisError::InvalidArgument
            .because(format!("StreamName {name} does not match the stream in StreamARN {arn}."))),
        _ => stream.enter::<O>(context),
    }
}

/// The stream that an ARN names.
///
/// # Errors
/// When it names none, or one of another Region, or the caller is not allowed.
pub(crate) fn of_arn<'a, O: Operation>(
    context: &'a Context<'_, Kinesis>,
    arn: &str,
) -> Result<AdmittedStream<'a>, WireError> {
    let stream = AdmittedStream::find(context, parse_stream_arn(arn)?);
    stream.admit::<O>(context, RequestTags::None)
}

/// A shard iterator, opened, and its stream, which must be that of the ARN beside it. A stream that
/// is gone counts as one of the ARN's account, or else of the caller's.
///
/// # Errors
/// When the iterator is no good or another stream's than the ARN, or the caller is not allowed.
pub(crate) fn of_iterator<'a, O: Operation>(
    context: &'a Context<'_, Kinesis>,
    iterator: &str,
    arn: Option<&str>,
) -> Result<(AdmittedStream<'a>, OpenIterator), WireError> {
    let named = arn.map(parse_stream_arn).transpose()?;
    let scope = named.as_ref().map_or(&context.scope, |named| &named.scope);
    let iterator = context.cells().open_iterator(iterator).map_err(to_wire)?;
    let reference = iterator.reference(scope);
    let cell = context.cells().of_stream(&reference);
    let stream = match iterator.stream(cell.now_ms()).cloned() {
        Some(found) => {
            AdmittedStream { named: NamedStream { reference, found: Some(found) }, cell }
        }
        // The policy of one that has its name now says who is told that the iterator's is gone.
        None => AdmittedStream::find(context, reference),
    };
    let stream = stream.admit::<O>(context, RequestTags::None)?;
    match named {
        Some(named) if named != stream.reference => Err(to_wire(IteratorInvalid)),
        _ => Ok((stream, iterator)),
    }
}

/// A token of ListShards, opened, and its stream.
///
/// # Errors
/// When the token is no good, or the caller is not allowed.
pub(crate) fn of_shard_token<'a, O: Operation>(
    context: &'a Context<'_, Kinesis>,
    token: &OpenShardToken,
) -> Result<AdmittedStream<'a>, WireError> {
    let stream = AdmittedStream::find(context, token.stream.reference.clone());
    stream.admit::<O>(context, RequestTags::None)
}

/// A stream to create: with tags, the caller must be allowed to do `T` with it, too.
///
/// # Errors
/// When the caller is not allowed, or calls too often.
pub(crate) fn new_stream<'a, O: Operation, T: Operation>(
    context: &'a Context<'_, Kinesis>,
    name: &str,
    tags: &BTreeMap<String, String>,
) -> Result<AdmittedStream<'a>, WireError> {
    let stream = named(context, name);
    let set = RequestTags::Set(tags);
    if !tags.is_empty() {
        stream.authorize(context, T::NAME, set)?;
    }
    stream.admit::<O>(context, set)
}

/// The caller's stream of this name.
fn named<'a>(context: &'a Context<'_, Kinesis>, name: &str) -> AdmittedStream<'a> {
    let scope = context.scope.clone();
    AdmittedStream::find(context, StreamRef { scope, name: Arc::from(name) })
}
