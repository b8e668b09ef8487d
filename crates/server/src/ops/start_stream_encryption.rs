//! StartStreamEncryption.

use super::shapes::EncryptionType;
use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_engine::KeyRequest;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input};

pub(crate) struct StartStreamEncryption;

input! {
    /// What is asked.
    pub(crate) struct StartStreamEncryptionInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        encryption_type: EncryptionType = "EncryptionType" [ANY],
        key_id: String = "KeyId" [KEY_ID],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
    }
}

impl Operation for StartStreamEncryption {
    const NAME: &'static str = "StartStreamEncryption";
    const ERRORS: &'static [ErrorKind] = &[
        ErrorKind::AccessDenied,
        ErrorKind::InvalidArgument,
        ErrorKind::LimitExceeded,
        ErrorKind::ResourceInUse,
        ErrorKind::ResourceNotFound,
        ErrorKind::KmsAccessDenied,
        ErrorKind::KmsDisabled,
        ErrorKind::KmsInvalidState,
        ErrorKind::KmsNotFound,
        ErrorKind::KmsOptInRequired,
        ErrorKind::KmsThrottling,
    ];
    const RATE: CallRate = CallRate::Unlimited;
    type Input<'a> = StartStreamEncryptionInput;
    type Output = ();

    async fn run<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let named = naming::stream::<Self>(context, name, arn)?;
        let request = key_request(context, input.encryption_type, input.key_id)?;
        let changed =
            context.cell(&named).control.start_encryption(&named.scope, &named.name, request).await;
        changed.map_err(to_wire)
    }
}

/// The key that a request names, in the caller's account.
///
/// # Errors
/// When the encryption type is not KMS: there is no other to start or to stop.
pub(super) fn key_request(
    context: &Context<'_>,
    encryption_type: EncryptionType,
    key_id: String,
) -> Result<KeyRequest, WireError> {
    if encryption_type != EncryptionType::Kms {
        return Err(WireError::invalid_argument("EncryptionType must be KMS."));
    }
    let (caller, principal) = (context.scope.clone(), context.caller.principal_arn.clone());
    Ok(KeyRequest { caller, principal, key_id })
}
