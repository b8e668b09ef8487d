//! UpdateAccountSettings.

use super::shapes::moment;
use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_model::{Commitment, CommitmentStatus};
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{Timestamp, WireError, input, output, string_enum};

pub(crate) struct UpdateAccountSettings;

string_enum! {
    /// What a caller wants the commitment to be.
    pub(crate) enum MinimumThroughputBillingCommitmentInputStatus {
        Enabled = "ENABLED",
        Disabled = "DISABLED",
    }

    /// What the commitment is.
    pub(crate) enum MinimumThroughputBillingCommitmentOutputStatus {
        Enabled = "ENABLED",
        Disabled = "DISABLED",
        EnabledUntilEarliestAllowedEnd = "ENABLED_UNTIL_EARLIEST_ALLOWED_END",
    }
}

input! {
    /// What is asked.
    pub(crate) struct UpdateAccountSettingsInput {
        minimum_throughput_billing_commitment: MinimumThroughputBillingCommitmentInput =
            "MinimumThroughputBillingCommitment" [ANY],
    }

    /// The commitment, asked.
    pub(crate) struct MinimumThroughputBillingCommitmentInput {
        status: MinimumThroughputBillingCommitmentInputStatus = "Status" [ANY],
    }
}

output! {
    /// What is answered.
    pub(crate) struct UpdateAccountSettingsOutput {
        minimum_throughput_billing_commitment: Option<MinimumThroughputBillingCommitmentOutput> =
            "MinimumThroughputBillingCommitment",
    }

    /// The commitment, answered.
    pub(crate) struct MinimumThroughputBillingCommitmentOutput {
        status: MinimumThroughputBillingCommitmentOutputStatus = "Status",
        started_at: Option<Timestamp> = "StartedAt",
        ended_at: Option<Timestamp> = "EndedAt",
        earliest_allowed_end_at: Option<Timestamp> = "EarliestAllowedEndAt",
    }
}

impl MinimumThroughputBillingCommitmentOutput {
    /// The commitment as it is at `now_ms`: what is over has an end, what goes on an earliest one.
    pub(super) fn new(commitment: Commitment, now_ms: u64) -> Self {
        use MinimumThroughputBillingCommitmentOutputStatus as Status;
        let (status, is_over) = match commitment.status(now_ms) {
            CommitmentStatus::Enabled => (Status::Enabled, false),
            CommitmentStatus::EnabledUntilEarliestAllowedEnd => {
                (Status::EnabledUntilEarliestAllowedEnd, false)
            }
            CommitmentStatus::Disabled => (Status::Disabled, true),
        };
        Self {
            status,
            started_at: commitment.started_ms.map(moment),
            ended_at: commitment.ends_ms.filter(|_| is_over).map(moment),
            earliest_allowed_end_at: commitment.earliest_end_ms().filter(|_| !is_over).map(moment),
        }
    }
}

impl Operation for UpdateAccountSettings {
    type Service = Kinesis;
    const NAME: &'static str = "UpdateAccountSettings";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [KinesisError] =
        &[KinesisError::InvalidArgument, KinesisError::LimitExceeded, KinesisError::Validation];
    type Input<'a> = UpdateAccountSettingsInput;
    type Output = UpdateAccountSettingsOutput;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<UpdateAccountSettingsOutput, WireError> {
        admission::account::<Self>(context)?;
        let enabled = match input.minimum_throughput_billing_commitment.status {
            MinimumThroughputBillingCommitmentInputStatus::Enabled => true,
            MinimumThroughputBillingCommitmentInputStatus::Disabled => false,
        };
        let changed = context.home().control.set_commitment(&context.scope, enabled).await;
        let commitment = changed.map_err(to_wire)?;
        let now_ms = context.home().now_ms();
        let described = MinimumThroughputBillingCommitmentOutput::new(commitment, now_ms);
        Ok(UpdateAccountSettingsOutput { minimum_throughput_billing_commitment: Some(described) })
    }
}
