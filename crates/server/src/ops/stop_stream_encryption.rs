//! StopStreamEncryption.

use super::shapes::EncryptionType;
use super::start_stream_encryption::key_request;
use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input};

pub(crate) struct StopStreamEncryption;

input! {
    /// What is asked.
    pub(crate) struct StopStreamEncryptionInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        encryption_type: EncryptionType = "EncryptionType" [ANY],
        key_id: String = "KeyId" [KEY_ID],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
    }
}

impl Operation for StopStreamEncryption {
    const NAME: &'static str = "StopStreamEncryption";
    const ERRORS: &'static [ErrorKind] = &[
        ErrorKind::AccessDenied,
        ErrorKind::InvalidArgument,
        ErrorKind::LimitExceeded,
        ErrorKind::ResourceInUse,
        ErrorKind::ResourceNotFound,
    ];
    const RATE: CallRate = CallRate::Unlimited;
    type Input<'a> = StopStreamEncryptionInput;
    type Output = ();

    async fn run<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let named = naming::stream::<Self>(context, name, arn)?;
        let request = key_request(context, input.encryption_type, input.key_id)?;
        let changed =
            context.cell(&named).control.stop_encryption(&named.scope, &named.name, request).await;
        changed.map_err(to_wire)
    }
}
