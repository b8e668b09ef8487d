//! DescribeLimits.

use super::shapes::integer;
use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::{WireError, input, output};

pub(crate) struct DescribeLimits;

input! {
    /// What is asked: nothing.
    pub(crate) struct DescribeLimitsInput {}
}

output! {
    /// What is answered.
    pub(crate) struct DescribeLimitsOutput {
        shard_limit: i32 = "ShardLimit",
        open_shard_count: i32 = "OpenShardCount",
        on_demand_stream_count: i32 = "OnDemandStreamCount",
        on_demand_stream_count_limit: i32 = "OnDemandStreamCountLimit",
        channel_count: Option<i32> = "ChannelCount",
        channel_count_limit: Option<i32> = "ChannelCountLimit",
    }
}

impl Operation for DescribeLimits {
    type Service = Kinesis;
    const NAME: &'static str = "DescribeLimits";
    const RATE: CallRate = CallRate::Account(1);
    const ERRORS: &'static [KinesisError] = &[KinesisError::LimitExceeded];
    type Input<'a> = DescribeLimitsInput;
    type Output = DescribeLimitsOutput;

    async fn answer<'a>(
        context: &'a Context<'a>,
        _input: Self::Input<'a>,
    ) -> Result<DescribeLimitsOutput, WireError> {
        admission::account::<Self>(context)?;
        let limits = context.cells().account_limits(&context.scope);
        Ok(DescribeLimitsOutput {
            shard_limit: integer(limits.shard_limit),
            open_shard_count: integer(limits.open_shards),
            on_demand_stream_count: integer(limits.on_demand_streams as u64),
            on_demand_stream_count_limit: integer(limits.on_demand_limit as u64),
            channel_count: None,
            channel_count_limit: None,
        })
    }
}
