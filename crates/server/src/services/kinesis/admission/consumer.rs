//! Requests that are about a fan-out consumer.

use super::names::{parse_consumer_arn, parse_stream_arn};
use super::rate::take_call;
use super::stream::AdmittedStream;
use crate::access::Resource;
use crate::context::Context;
use crate::operation::Operation;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::error::ConsumerNotFound;
use anabranch_engine::{
    Consumer, ConsumerName, ConsumerRef, ConsumerStatus, Engine, NamedStream, find_consumer,
};
use anabranch_policy::RequestTags;
use anabranch_protocol::WireError;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The consumer that a request is about, which its caller may use so.
pub(crate) struct AdmittedConsumer<'a> {
    pub(crate) name: ConsumerName,
    /// Its stream.
    pub(crate) stream: NamedStream,
    /// The cell that its stream lives in, or would.
    pub(crate) cell: &'a Arc<Engine>,
    now_ms: u64,
}

impl<'a> AdmittedConsumer<'a> {
    /// Looks for a consumer. Nobody has been asked yet.
    fn find(context: &'a Context<'_, Kinesis>, name: ConsumerName) -> Self {
        let AdmittedStream { named, cell } = AdmittedStream::find(context, name.stream.clone());
        Self { name, stream: named, cell, now_ms: cell.now_ms() }
    }

    /// The consumer, in whatever state.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn consumer(&self) -> Result<(&Consumer, ConsumerStatus), ConsumerNotFound> {
        match &self.stream.found {
            Some(stream) => find_consumer(stream, &self.name, self.now_ms),
            None => Err(ConsumerNotFound::from(&self.name)),
        }
    }

    /// Asks about the consumer, which policies know by this ARN.
    fn authorize(
        &self,
        context: &Context<'_, Kinesis>,
        operation: &str,
        arn: &dyn fmt::Display,
        request_tags: RequestTags<'_>,
    ) -> Result<(), WireError> {
        let consumer = self.consumer().ok().map(|(consumer, _)| consumer);
        let account = &self.name.stream.scope.account;
        let resource = Resource { request_tags, ..resource_of(arn, account, consumer) };
        context.authorize(operation, &resource)
    }
}

/// A consumer as policies see it, if it is there.
pub(crate) fn consumer_resource<'a>(
    reference: &'a ConsumerRef,
    consumer: Option<&'a Consumer>,
) -> Resource<'a> {
    resource_of(reference, &reference.stream.scope.account, consumer)
}

fn resource_of<'a>(
    arn: &'a dyn fmt::Display,
    account: &'a str,
    consumer: Option<&'a Consumer>,
) -> Resource<'a> {
    let policy = consumer.and_then(|consumer| consumer.policy.as_ref());
    Resource {
        arn,
        account,
        policy: policy.map(|policy| policy.policy()),
        tags: consumer.map(|consumer| &consumer.tags),
        request_tags: RequestTags::None,
    }
}

/// The consumer that an ARN names.
///
/// # Errors
/// When it names none, or one of another Region, or the caller is not allowed.
pub(crate) fn of_consumer_arn<'a, O: Operation>(
    context: &'a Context<'_, Kinesis>,
    arn: &str,
) -> Result<AdmittedConsumer<'a>, WireError> {
    let consumer = parse_consumer_arn(arn).ok_or_else(|| {
        KinesisError::InvalidArgument.because(format!("ConsumerARN {arn} is invalid."))
    })?;
    of_reference::<O>(context, consumer, RequestTags::None)
}

/// The consumer with this full name.
///
/// # Errors
/// When it is one of another Region, or the caller is not allowed.
pub(super) fn of_reference<'a, O: Operation>(
    context: &'a Context<'_, Kinesis>,
    reference: ConsumerRef,
    tags: RequestTags<'_>,
) -> Result<AdmittedConsumer<'a>, WireError> {
    let consumer = AdmittedConsumer::find(context, reference.clone().into());
    consumer.authorize(context, O::NAME, &reference.as_arn(), tags)?;
    let scope = &reference.stream.scope;
    if scope.region != context.scope.region {
        let (arn, account) = (reference.as_arn(), &scope.account);
        let text = format!("Consumer {arn}, account {account} not found.");
        return Err(KinesisError::ResourceNotFound.because(text));
    }
    take_call::<O>(context, scope, Some(&reference.stream.name))?;
    Ok(consumer)
}

/// The consumer that the request is about: named by its ARN, by its name and its stream's ARN, or by
/// all of these.
///
/// # Errors
/// When no consumer is named, or two different ones, or the caller is not allowed.
pub(crate) fn consumer<'a, O: Operation>(
    context: &'a Context<'_, Kinesis>,
    stream_arn: Option<&str>,
    name: Option<&str>,
    consumer_arn: Option<&str>,
) -> Result<AdmittedConsumer<'a>, WireError> {
    let stream = stream_arn.map(parse_stream_arn).transpose()?;
    if let Some(arn) = consumer_arn {
        let consumer = of_consumer_arn::<O>(context, arn)?;
        let agrees = name.is_none_or(|name| *name == *consumer.name.name)
            && stream.is_none_or(|stream| stream == consumer.name.stream);
        return agrees.then_some(consumer).ok_or_else(|| {
            KinesisError::InvalidArgument.because(format!(
                "StreamARN and ConsumerName do not match the consumer in ConsumerARN {arn}."
            ))
        });
    }
    let (Some(stream), Some(name)) = (stream, name) else {
        // As the service spells it.
        return Err(KinesisError::InvalidArgument.because(
            "Both streamARN and consumer name must be provided if consumerARN is not provied.",
        ));
    };
    let named = ConsumerName { stream, name: Arc::from(name), created_secs: None };
    let consumer = AdmittedConsumer::find(context, named);
    let stream = &consumer.name.stream;
    // Who may use a consumer is said of its ARN, which has its creation time in it.
    let registered = consumer.consumer().ok().map(|(found, _)| found.reference(stream));
    match &registered {
        Some(found) => {
            consumer.authorize(context, O::NAME, &found.as_arn(), RequestTags::None)?;
        }
        None => {
            let arn = unregistered_arn(stream.as_arn(), name);
            consumer.authorize(context, O::NAME, &arn, RequestTags::None)?;
        }
    }
    if stream.scope.region != context.scope.region {
        let account = &stream.scope.account;
        let text = format!("Consumer {name}, account {account} not found.");
        return Err(KinesisError::ResourceNotFound.because(text));
    }
    take_call::<O>(context, &stream.scope, Some(&stream.name))?;
    Ok(consumer)
}

/// The stream of a consumer to register: with tags, the caller must be allowed to do `T` with the
/// consumer, too.
///
/// # Errors
/// When the ARN names no stream, or one of another Region, or the caller is not allowed.
pub(crate) fn new_consumer<'a, O: Operation, T: Operation>(
    context: &'a Context<'_, Kinesis>,
    stream_arn: &str,
    name: &str,
    tags: &BTreeMap<String, String>,
) -> Result<AdmittedStream<'a>, WireError> {
    let stream = AdmittedStream::find(context, parse_stream_arn(stream_arn)?);
    let set = RequestTags::Set(tags);
    if !tags.is_empty() {
        let reference = &stream.reference;
        let resource = Resource {
            arn: &unregistered_arn(reference.as_arn(), name),
            account: &reference.scope.account,
            policy: None,
            tags: None,
            request_tags: set,
        };
        context.authorize(T::NAME, &resource)?;
    }
    stream.admit::<O>(context, set)
}

/// The ARN of a consumer that is not there: its creation time could be any.
fn unregistered_arn(stream: impl fmt::Display, consumer: &str) -> String {
    format!("{stream}/consumer/{consumer}:*")
}
