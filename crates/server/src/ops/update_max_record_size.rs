//! UpdateMaxRecordSize.

use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_protocol::shape::{Rule, rules::*};
use anabranch_protocol::{ErrorKind, WireError, input};

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
    const NAME: &'static str = "UpdateMaxRecordSize";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [ErrorKind] = &[
        ErrorKind::AccessDenied,
        ErrorKind::InvalidArgument,
        ErrorKind::LimitExceeded,
        ErrorKind::ResourceInUse,
        ErrorKind::ResourceNotFound,
        ErrorKind::Validation,
    ];
    type Input<'a> = UpdateMaxRecordSizeInput;
    type Output = ();

    async fn run<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let arn = input.stream_arn.as_deref();
        let arn =
            arn.ok_or_else(|| WireError::invalid_argument("StreamARN should be provided."))?;
        let named = naming::of_arn::<Self>(context, arn)?;
        let kib = input.max_record_size_in_kib.cast_unsigned();
        context.cell(&named).control.set_max_record_size(&named, kib).await.map_err(to_wire)
    }
}
