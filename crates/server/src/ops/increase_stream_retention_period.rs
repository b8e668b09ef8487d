//! IncreaseStreamRetentionPeriod.

use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input};

pub(crate) struct IncreaseStreamRetentionPeriod;

input! {
    /// What is asked.
    pub(crate) struct IncreaseStreamRetentionPeriodInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        retention_period_hours: i32 = "RetentionPeriodHours" [ANY],
    }
}

impl Operation for IncreaseStreamRetentionPeriod {
    const NAME: &'static str = "IncreaseStreamRetentionPeriod";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [ErrorKind] = &[
        ErrorKind::AccessDenied,
        ErrorKind::InvalidArgument,
        ErrorKind::LimitExceeded,
        ErrorKind::ResourceInUse,
        ErrorKind::ResourceNotFound,
    ];
    type Input<'a> = IncreaseStreamRetentionPeriodInput;
    type Output = ();

    async fn run<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let named = naming::stream::<Self>(context, name, arn)?;
        let hours = i64::from(input.retention_period_hours);
        let changed =
            context.cell(&named).control.increase_retention(&named.scope, &named.name, hours).await;
        changed.map_err(to_wire)
    }
}
