//! DisableEnhancedMonitoring.

use super::shapes::{EnhancedMonitoringOutput, MetricsName, shard_metrics};
use super::{Context, Operation};
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{WireError, input};

pub(crate) struct DisableEnhancedMonitoring;

input! {
    /// What is asked.
    pub(crate) struct DisableEnhancedMonitoringInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        shard_level_metrics: Vec<MetricsName> = "ShardLevelMetrics" [METRICS_NAMES],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
    }
}

impl Operation for DisableEnhancedMonitoring {
    type Service = Kinesis;
    const NAME: &'static str = "DisableEnhancedMonitoring";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::InvalidArgument,
        KinesisError::LimitExceeded,
        KinesisError::ResourceInUse,
        KinesisError::ResourceNotFound,
    ];
    type Input<'a> = DisableEnhancedMonitoringInput;
    type Output = EnhancedMonitoringOutput;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<EnhancedMonitoringOutput, WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let admitted = admission::stream::<Self>(context, name, arn)?;
        let metrics = shard_metrics(&input.shard_level_metrics);
        let changed = admitted.cell.control.disable_monitoring(&admitted.reference, metrics).await;
        changed.map(EnhancedMonitoringOutput::from).map_err(to_wire)
    }
}
