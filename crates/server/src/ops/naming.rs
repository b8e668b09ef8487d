//! How a request names its resource: by name, by ARN, by both, or by an iterator or token; and
//! whether the caller may. Every function here asks, and then takes a call of the operation's rate.
//!
//! Policies are asked about ARNs as we write them: another spelling of an ARN must not pass one.

use super::{Context, Operation};
use crate::error::to_wire;
use anabranch_engine::error::IteratorInvalid;
use anabranch_engine::{ConsumerName, ConsumerRef, ResourceName, Scope, StreamRef};
use anabranch_model::{ConsumerArn, StreamArn};
use anabranch_policy::RequestTags;
use anabranch_protocol::WireError;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The stream that the request is about, once the caller is known to be allowed to use it so.
///
/// # Errors
/// When no stream is named, or two different ones, or the caller is not allowed.
pub(super) fn stream<O: Operation>(
    context: &Context<'_>,
    name: Option<&str>,
    arn: Option<&str>,
) -> Result<StreamRef, WireError> {
    stream_tagging::<O>(context, name, arn, RequestTags::None)
}

/// As [`stream`], for a request that sets or removes tags.
///
/// # Errors
/// As [`stream`].
pub(super) fn stream_tagging<O: Operation>(
    context: &Context<'_>,
    name: Option<&str>,
    arn: Option<&str>,
    tags: RequestTags<'_>,
) -> Result<StreamRef, WireError> {
    let Some(arn) = arn else {
        let name = name.ok_or_else(|| {
            WireError::invalid_argument("Either StreamName or StreamARN should be provided.")
        })?;
        let stream = StreamRef { scope: context.scope.clone(), name: Arc::from(name) };
        return permitted::<O>(context, stream, tags);
    };
    let stream = permitted::<O>(context, parse_stream_arn(arn)?, tags)?;
    match name {
        Some(name) if *name != *stream.name => Err(WireError::invalid_argument(format!(
            "StreamName {name} does not match the stream in StreamARN {arn}."
        ))),
        _ => Ok(stream),
    }
}

/// The stream that an ARN names, once the caller is known to be allowed to use it so.
///
/// # Errors
/// When it names none, or one of another Region, or the caller is not allowed.
pub(super) fn of_arn<O: Operation>(
    context: &Context<'_>,
    arn: &str,
) -> Result<StreamRef, WireError> {
    permitted::<O>(context, parse_stream_arn(arn)?, RequestTags::None)
}

/// The stream of a shard iterator, likewise, and of the ARN beside it. A stream that is gone counts
/// as one of the ARN's account, or else of the caller's.
///
/// # Errors
/// When the iterator is no good or another stream's than the ARN, or the caller is not allowed.
pub(super) fn of_iterator<O: Operation>(
    context: &Context<'_>,
    iterator: &str,
    arn: Option<&str>,
) -> Result<StreamRef, WireError> {
    let named = arn.map(parse_stream_arn).transpose()?;
    let scope = named.as_ref().map_or(&context.scope, |named| &named.scope);
    let stream = context.cells.stream_of_iterator(scope, iterator).map_err(to_wire)?;
    let stream = permitted::<O>(context, stream, RequestTags::None)?;
    match named {
        Some(named) if named != stream => Err(to_wire(IteratorInvalid)),
        _ => Ok(stream),
    }
}

/// The stream of a token of ListShards, likewise.
///
/// # Errors
/// When the token is no good, or the caller is not allowed.
pub(super) fn of_shard_token<O: Operation>(
    context: &Context<'_>,
    token: &str,
) -> Result<StreamRef, WireError> {
    let stream = context.cells.stream_of_shard_token(token).map_err(to_wire)?;
    permitted::<O>(context, stream, RequestTags::None)
}

/// A stream to create: with tags, the caller must be allowed to do `T` with it, too.
///
/// # Errors
/// When the caller is not allowed, or calls too often.
pub(super) fn new_stream<O: Operation, T: Operation>(
    context: &Context<'_>,
    name: &str,
    tags: &BTreeMap<String, String>,
) -> Result<StreamRef, WireError> {
    let stream = StreamRef { scope: context.scope.clone(), name: Arc::from(name) };
    let set = RequestTags::Set(tags);
    if !tags.is_empty() {
        context.authorize_tagging(T::NAME, &stream.arn(), set)?;
    }
    permitted::<O>(context, stream, set)
}

/// The stream of a consumer to register: with tags, the caller must be allowed to do `T` with it,
/// too.
///
/// # Errors
/// When the ARN names no stream, or one of another Region, or the caller is not allowed.
pub(super) fn new_consumer<O: Operation, T: Operation>(
    context: &Context<'_>,
    stream_arn: &str,
    name: &str,
    tags: &BTreeMap<String, String>,
) -> Result<StreamRef, WireError> {
    let stream = parse_stream_arn(stream_arn)?;
    let set = RequestTags::Set(tags);
    if !tags.is_empty() {
        context.authorize_tagging(T::NAME, &unregistered_arn(&stream, name), set)?;
    }
    permitted::<O>(context, stream, set)
}

/// Lets an operation go on that is about no stream but the caller's account.
///
/// # Errors
/// When the caller is not allowed, or calls too often.
pub(super) fn account<O: Operation>(context: &Context<'_>) -> Result<(), WireError> {
    context.authorize(O::NAME, "*")?;
    context.take_call::<O>(&context.scope, None)
}

/// The consumer that an ARN names, once the caller is known to be allowed to use it so.
///
/// # Errors
/// When it names none, or one of another Region, or the caller is not allowed.
pub(super) fn of_consumer_arn<O: Operation>(
    context: &Context<'_>,
    arn: &str,
) -> Result<ConsumerName, WireError> {
    let consumer = parse_consumer_arn(arn)
        .ok_or_else(|| WireError::invalid_argument(format!("ConsumerARN {arn} is invalid.")))?;
    Ok(permitted_consumer::<O>(context, consumer, RequestTags::None)?.into())
}

/// The consumer that the request is about, once the caller is known to be allowed to use it so:
/// named by its ARN, by its name and its stream's ARN, or by all of these.
///
/// # Errors
/// When no consumer is named, or two different ones, or the caller is not allowed.
pub(super) fn consumer<O: Operation>(
    context: &Context<'_>,
    stream_arn: Option<&str>,
    name: Option<&str>,
    consumer_arn: Option<&str>,
) -> Result<ConsumerName, WireError> {
    let stream = stream_arn.map(parse_stream_arn).transpose()?;
    if let Some(arn) = consumer_arn {
        let consumer = of_consumer_arn::<O>(context, arn)?;
        let agrees = name.is_none_or(|name| *name == *consumer.name)
            && stream.is_none_or(|stream| stream == consumer.stream);
        return agrees.then_some(consumer).ok_or_else(|| {
            WireError::invalid_argument(format!(
                "StreamARN and ConsumerName do not match the consumer in ConsumerARN {arn}."
            ))
        });
    }
    let (Some(stream), Some(name)) = (stream, name) else {
        return Err(WireError::invalid_argument(
            "Either ConsumerARN or both StreamARN and ConsumerName should be provided.",
        ));
    };
    let consumer = ConsumerName { stream, name: Arc::from(name), created_secs: None };
    // Who may use a consumer is said of its ARN, which has its creation time in it.
    let registered = context.cell(&consumer.stream).control.consumer(&consumer);
    let arn = match &registered {
        Ok((registered, _)) => registered.reference(&consumer.stream).arn(),
        Err(_) => unregistered_arn(&consumer.stream, name),
    };
    context.authorize(O::NAME, &arn)?;
    if consumer.stream.scope.region != context.scope.region {
        let account = &consumer.stream.scope.account;
        let text = format!("Consumer {name}, account {account} not found.");
        return Err(WireError::not_found(text));
    }
    context.take_call::<O>(&consumer.stream.scope, Some(&consumer.stream.name))?;
    Ok(consumer)
}

/// What a `ResourceARN` names, once the caller is known to be allowed to use it so.
///
/// # Errors
/// When it names nothing, or something of another Region, or the caller is not allowed.
pub(super) fn resource<O: Operation>(
    context: &Context<'_>,
    arn: &str,
) -> Result<ResourceName, WireError> {
    resource_tagging::<O>(context, arn, RequestTags::None)
}

/// As [`resource`], for a request that sets or removes tags.
///
/// # Errors
/// As [`resource`].
pub(super) fn resource_tagging<O: Operation>(
    context: &Context<'_>,
    arn: &str,
    tags: RequestTags<'_>,
) -> Result<ResourceName, WireError> {
    if let Some(stream) = StreamArn::parse(arn) {
        return Ok(ResourceName::Stream(permitted::<O>(context, stream_ref(&stream), tags)?));
    }
    if let Some(consumer) = parse_consumer_arn(arn) {
        return Ok(ResourceName::Consumer(permitted_consumer::<O>(context, consumer, tags)?));
    }
    context.authorize_tagging(O::NAME, arn, tags)?;
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    // These do not exist here.
    match resource.starts_with("queue/") || resource.starts_with("channel/") {
        true => Err(WireError::not_found(format!("Resource {arn} not found."))),
        false => Err(WireError::invalid_argument(format!("ResourceARN {arn} is invalid."))),
    }
}

fn permitted<O: Operation>(
    context: &Context<'_>,
    stream: StreamRef,
    tags: RequestTags<'_>,
) -> Result<StreamRef, WireError> {
    context.authorize_tagging(O::NAME, &stream.arn(), tags)?;
    if stream.scope.region != context.scope.region {
        return Err(WireError::not_found(format!("Stream {stream} not found.")));
    }
    context.take_call::<O>(&stream.scope, Some(&stream.name))?;
    Ok(stream)
}

fn permitted_consumer<O: Operation>(
    context: &Context<'_>,
    consumer: ConsumerRef,
    tags: RequestTags<'_>,
) -> Result<ConsumerRef, WireError> {
    let arn = consumer.arn();
    context.authorize_tagging(O::NAME, &arn, tags)?;
    let stream = &consumer.stream;
    if stream.scope.region != context.scope.region {
        let text = format!("Consumer {arn}, account {} not found.", stream.scope.account);
        return Err(WireError::not_found(text));
    }
    context.take_call::<O>(&stream.scope, Some(&stream.name))?;
    Ok(consumer)
}

/// The ARN of a consumer that is not there: its creation time could be any.
fn unregistered_arn(stream: &StreamRef, consumer: &str) -> String {
    format!("{}/consumer/{consumer}:*", stream.arn())
}

fn parse_stream_arn(arn: &str) -> Result<StreamRef, WireError> {
    let parsed = StreamArn::parse(arn);
    let parsed = parsed
        .ok_or_else(|| WireError::invalid_argument(format!("StreamARN {arn} is invalid.")))?;
    Ok(stream_ref(&parsed))
}

fn parse_consumer_arn(arn: &str) -> Option<ConsumerRef> {
    let ConsumerArn { stream, name, created_secs } = ConsumerArn::parse(arn)?;
    Some(ConsumerRef { stream: stream_ref(&stream), name: Arc::from(name), created_secs })
}

fn stream_ref(arn: &StreamArn<'_>) -> StreamRef {
    let StreamArn { region, account, name } = *arn;
    let scope = Scope { account: Arc::from(account), region: Arc::from(region) };
    StreamRef { scope, name: Arc::from(name) }
}
