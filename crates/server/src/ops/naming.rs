//! How a request names its stream: by name, by ARN, or by both.

use super::Context;
use anabranch_model::StreamArn;
use anabranch_protocol::{ErrorKind, WireError};

/// The name of the stream that the request is about.
pub(super) fn stream_name<'a>(
    context: &Context<'_>,
    operation: &str,
    name: Option<&'a str>,
    arn: Option<&'a str>,
) -> Result<&'a str, WireError> {
    let named_by_arn = arn.map(|arn| of_arn(context, operation, arn)).transpose()?;
    match (name, named_by_arn) {
        (None, None) => {
            Err(WireError::invalid_argument("Either StreamName or StreamARN should be provided."))
        }
        (Some(name), Some(other)) if name != other => Err(WireError::invalid_argument(format!(
            "StreamName {name} does not match the stream in StreamARN {}.",
            arn.unwrap_or_default()
        ))),
        (Some(name), _) | (None, Some(name)) => Ok(name),
    }
}

/// The stream that an ARN names; it must be the caller's own.
pub(super) fn of_arn<'a>(
    context: &Context<'_>,
    operation: &str,
    arn: &'a str,
) -> Result<&'a str, WireError> {
    let parsed = StreamArn::parse(arn)
        .ok_or_else(|| WireError::invalid_argument(format!("StreamARN {arn} is invalid.")))?;
    let scope = &context.scope;
    if *parsed.account != *scope.account {
        let principal = &context.caller.principal_arn;
        return Err(WireError::new(
            ErrorKind::AccessDenied,
            format!(
                "User: {principal} is not authorized to perform: kinesis:{operation} on resource: \
                 {arn} because no resource-based policy allows the kinesis:{operation} action"
            ),
        ));
    }
    if *parsed.region != *scope.region {
        let (name, account) = (parsed.name, parsed.account);
        return Err(WireError::not_found(format!(
            "Stream {name} under account {account} not found."
        )));
    }
    Ok(parsed.name)
}
