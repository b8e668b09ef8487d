//! StartStreamEncryption.

use super::shapes::EncryptionType;
use super::{Context, Operation, after_existence};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::KeyRequest;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input};

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
    type Service = Kinesis;
    const NAME: &'static str = "StartStreamEncryption";
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
        KinesisError::KmsAccessDenied,
        KinesisError::KmsDisabled,
        KinesisError::KmsInvalidState,
        KinesisError::KmsNotFound,
        KinesisError::KmsOptInRequired,
        KinesisError::KmsThrottling,
    ];
    const RATE: CallRate = CallRate::Unlimited;
    type Input<'a> = StartStreamEncryptionInput;
    type Output = ();

    async fn answer<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let admitted = admission::stream::<Self>(context, name, arn)?;
        let request = key_request(context, input.encryption_type, input.key_id);
        let exists = || admitted.stream().map(drop).map_err(to_wire);
        let request = after_existence(request, exists)?;
        let changed = admitted
            .cell
            .control
            .start_encryption(&admitted.reference.scope, &admitted.reference.name, request)
            .await;
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
        return Err(KinesisError::InvalidArgument.because("EncryptionType must be KMS."));
    }
    let (caller, principal) = (context.scope.clone(), context.caller.principal_arn.clone());
    Ok(KeyRequest { caller, principal, key_id })
}
