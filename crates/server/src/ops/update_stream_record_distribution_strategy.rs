//! UpdateStreamRecordDistributionStrategy.

use super::shapes::RecordDistributionStrategy;
use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input};

pub(crate) struct UpdateStreamRecordDistributionStrategy;

input! {
    /// What is asked.
    pub(crate) struct UpdateStreamRecordDistributionStrategyInput {
        stream_arn: String = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        record_distribution_strategy: RecordDistributionStrategy =
            "RecordDistributionStrategy" [ANY],
    }
}

impl Operation for UpdateStreamRecordDistributionStrategy {
    const NAME: &'static str = "UpdateStreamRecordDistributionStrategy";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [ErrorKind] = &[
        ErrorKind::AccessDenied,
        ErrorKind::InvalidArgument,
        ErrorKind::LimitExceeded,
        ErrorKind::ResourceInUse,
        ErrorKind::ResourceNotFound,
        ErrorKind::Validation,
    ];
    type Input<'a> = UpdateStreamRecordDistributionStrategyInput;
    type Output = ();

    async fn run<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let named = naming::of_arn::<Self>(context, &input.stream_arn)?;
        let distribution = input.record_distribution_strategy.into();
        context.cell(&named).control.set_distribution(&named, distribution).await.map_err(to_wire)
    }
}
