//! UpdateMaxRecordSize.

use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::shape::{Rule, rules::*};
use anabranch_protocol::{WireError, input};

pub(crate) struct UpdateMaxRecordSize;

input! {
    /// What is asked. There is no name: the ARN is optional in the model alone.
    pub(crate) struct UpdateMaxRecordSizeInput {
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        max_record_size_in_kib: i32 = "MaxRecordSizeInKiB" [Rule::between(1024, 10_240)],
    }
}

impl Operation for UpdateMaxRecordSize {
    type Service = Kinesis;
    const NAME: &'static str = "UpdateMaxRecordSize";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
        KinesisError::Validation,
    ];
    type Input<'a> = UpdateMaxRecordSizeInput;
    type Output = ();

    async fn answer<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let arn = input.stream_arn.as_deref();
        let arn = arn.ok_or_else(|| {
            KinesisError::InvalidArgument.because("StreamARN should be provided.")
        })?;
        let admitted = admission::of_arn::<Self>(context, arn)?;
        let kib = input.max_record_size_in_kib.cast_unsigned();
        admitted.cell.control.set_max_record_size(&admitted.reference, kib).await.map_err(to_wire)
    }
}
