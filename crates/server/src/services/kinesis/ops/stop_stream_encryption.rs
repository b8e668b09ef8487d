//! StopStreamEncryption.

use super::shapes::EncryptionType;
use super::start_stream_encryption::key_request;
use super::{Context, Operation, after_existence};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input};

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
    type Service = Kinesis;
    const NAME: &'static str = "StopStreamEncryption";
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
    ];
    const RATE: CallRate = CallRate::Unlimited;
    type Input<'a> = StopStreamEncryptionInput;
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
            .stop_encryption(&admitted.reference.scope, &admitted.reference.name, request)
            .await;
        changed.map_err(to_wire)
    }
}
