//! EnableEnhancedMonitoring.

use super::shapes::{EnhancedMonitoringOutput, MetricsName, shard_metrics};
use super::{Context, Operation, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, WireError, input};

pub(crate) struct EnableEnhancedMonitoring;

input! {
    /// What is asked.
    pub(crate) struct EnableEnhancedMonitoringInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        shard_level_metrics: Vec<MetricsName> = "ShardLevelMetrics" [METRICS_NAMES],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
    }
}

impl Operation for EnableEnhancedMonitoring {
    const NAME: &'static str = "EnableEnhancedMonitoring";
    const RATE: CallRate = CallRate::Account(5);
    const ERRORS: &'static [ErrorKind] = &[
        ErrorKind::AccessDenied,
        ErrorKind::InvalidArgument,
        ErrorKind::LimitExceeded,
        ErrorKind::ResourceInUse,
        ErrorKind::ResourceNotFound,
    ];
    type Input<'a> = EnableEnhancedMonitoringInput;
    type Output = EnhancedMonitoringOutput;

    async fn run<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<EnhancedMonitoringOutput, WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let named = naming::stream::<Self>(context, name, arn)?;
        let metrics = shard_metrics(&input.shard_level_metrics);
        let changed = context.cell(&named).control.enable_monitoring(&named, metrics).await;
        changed.map(EnhancedMonitoringOutput::from).map_err(to_wire)
    }
}
