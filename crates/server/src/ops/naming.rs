//! How a request names its stream: by name, by ARN, or by both; and whether the caller may.

use super::{Context, Operation};
use anabranch_engine::{Scope, StreamRef};
use anabranch_model::StreamArn;
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
    let scope = Scope { account: Arc::from(account), region: context.scope.region.clone() };
    let stream = StreamRef { scope, name: Arc::from(name) };
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
