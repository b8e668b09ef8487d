//! DescribeAccountSettings.

use super::update_account_settings::MinimumThroughputBillingCommitmentOutput;
use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::{WireError, input, output};

pub(crate) struct DescribeAccountSettings;

input! {
    /// What is asked: nothing.
    pub(crate) struct DescribeAccountSettingsInput {}
}

output! {
    /// What is answered.
    pub(crate) struct DescribeAccountSettingsOutput {
        minimum_throughput_billing_commitment: Option<MinimumThroughputBillingCommitmentOutput> =
            "MinimumThroughputBillingCommitment",
    }
}

impl Operation for DescribeAccountSettings {
    type Service = Kinesis;
    const NAME: &'static str = "DescribeAccountSettings";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [KinesisError] = &[KinesisError::LimitExceeded];
    type Input<'a> = DescribeAccountSettingsInput;
    type Output = DescribeAccountSettingsOutput;

    async fn answer<'a>(
        context: &'a Context<'a>,
        _input: Self::Input<'a>,
    ) -> Result<DescribeAccountSettingsOutput, WireError> {
        admission::account::<Self>(context)?;
        let commitment = context.home().control.commitment(&context.scope);
        let now_ms = context.home().now_ms();
        let described = MinimumThroughputBillingCommitmentOutput::new(commitment, now_ms);
        Ok(DescribeAccountSettingsOutput { minimum_throughput_billing_commitment: Some(described) })
    }
}
