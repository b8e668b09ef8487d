//! UpdateStreamRecordDistributionStrategy.

use super::shapes::RecordDistributionStrategy;
use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input};

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
    type Service = Kinesis;
    const NAME: &'static str = "UpdateStreamRecordDistributionStrategy";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
        KinesisError::Validation,
    ];
    type Input<'a> = UpdateStreamRecordDistributionStrategyInput;
    type Output = ();

    async fn answer<'a>(context: &'a Context<'a>, input: Self::Input<'a>) -> Result<(), WireError> {
        let admitted = admission::of_arn::<Self>(context, &input.stream_arn)?;
        let distribution = input.record_distribution_strategy.into();
        admitted
            .cell
            .control
            .set_distribution(&admitted.reference, distribution)
            .await
            .map_err(to_wire)
    }
}
