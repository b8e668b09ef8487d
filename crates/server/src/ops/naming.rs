//! How a request names its stream or consumer: by name, by ARN, or by both; and whether the caller
//! may.

use super::{Context, Operation};
use anabranch_engine::{ConsumerName, Scope, StreamRef};
use anabranch_model::{ConsumerArn, StreamArn};
use anabranch_protocol::WireError;
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
    let Some(arn) = arn else {
        let name = name.ok_or_else(|| {
            WireError::invalid_argument("Either StreamName or StreamARN should be provided.")
        })?;
        let stream = StreamRef { scope: context.scope.clone(), name: Arc::from(name) };
        context.authorize(O::NAME, &stream.arn())?;
        context.take_call::<O>(&stream.scope, Some(&stream.name))?;
        return Ok(stream);
    };
    let stream = of_arn::<O>(context, arn)?;
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
    let parsed = StreamArn::parse(arn)
        .ok_or_else(|| WireError::invalid_argument(format!("StreamARN {arn} is invalid.")))?;
    context.authorize(O::NAME, arn)?;
    let StreamArn { region, account, name } = parsed;
    if *region != *context.scope.region {
        return Err(WireError::not_found(format!(
            "Stream {name} under account {account} not found."
        )));
    }
    let stream = stream_ref(&parsed);
    context.take_call::<O>(&stream.scope, Some(&stream.name))?;
    Ok(stream)
}

/// Lets an operation go on that is about no stream but the caller's account.
///
/// # Errors
/// When the caller is not allowed, or calls too often.
pub(super) fn account<O: Operation>(context: &Context<'_>) -> Result<(), WireError> {
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
    let ConsumerArn { stream, name, created_secs } = ConsumerArn::parse(arn)
        .ok_or_else(|| WireError::invalid_argument(format!("ConsumerARN {arn} is invalid.")))?;
    context.authorize(O::NAME, arn)?;
    if *stream.region != *context.scope.region {
        let account = stream.account;
        let text = format!("Consumer {arn}, account {account} not found.");
        return Err(WireError::not_found(text));
    }
    let stream = stream_ref(&stream);
    context.take_call::<O>(&stream.scope, Some(&stream.name))?;
    Ok(ConsumerName { stream, name: Arc::from(name), created_secs: Some(created_secs) })
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
    let stream = stream_arn.map(|arn| {
        let parsed = StreamArn::parse(arn).map(|parsed| stream_ref(&parsed));
        parsed.ok_or_else(|| WireError::invalid_argument(format!("StreamARN {arn} is invalid.")))
    });
    let stream = stream.transpose()?;
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
    let registered = context.engine.consumer(&consumer);
    let arn = match &registered {
        Ok((registered, _)) => registered.reference(&consumer.stream).arn(),
        Err(_) => format!("{}/consumer/{name}:*", consumer.stream.arn()),
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

fn stream_ref(arn: &StreamArn<'_>) -> StreamRef {
    let StreamArn { region, account, name } = *arn;
    let scope = Scope { account: Arc::from(account), region: Arc::from(region) };
    StreamRef { scope, name: Arc::from(name) }
}
