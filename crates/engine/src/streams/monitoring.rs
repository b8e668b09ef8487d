//! EnableEnhancedMonitoring and DisableEnhancedMonitoring: which shard-level metrics are on.

use super::control::Control;
use crate::error::StreamChangeError;
use crate::lookup::find_active;
use crate::state::command::{Command, SetShardMetrics};
use crate::state::scope::StreamRef;
use crate::state::shard_metrics::ShardMetrics;

/// The metrics of a stream before and after a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonitoringChange {
    pub stream: StreamRef,
    /// What was on.
    pub before: ShardMetrics,
    /// What is on now.
    pub after: ShardMetrics,
}

impl Control {
    /// Turns shard-level metrics on; those that are on stay on.
    ///
    /// # Errors
    /// When the stream is not ACTIVE.
    pub async fn enable_monitoring(
        &self,
        stream: &StreamRef,
        metrics: ShardMetrics,
    ) -> Result<MonitoringChange, StreamChangeError> {
        self.change_monitoring(stream, move |on| on.with(metrics)).await
    }

    /// Turns shard-level metrics off; the others stay as they are.
    ///
    /// # Errors
    /// When the stream is not ACTIVE.
    pub async fn disable_monitoring(
        &self,
        stream: &StreamRef,
        metrics: ShardMetrics,
    ) -> Result<MonitoringChange, StreamChangeError> {
        self.change_monitoring(stream, move |on| on.without(metrics)).await
    }

    async fn change_monitoring(
        &self,
        stream: &StreamRef,
        change: impl FnOnce(ShardMetrics) -> ShardMetrics + Send + 'static,
    ) -> Result<MonitoringChange, StreamChangeError> {
        let StreamRef { scope, name } = stream.clone();
        self.ledger
            .change(move |catalog, now_ms| {
                let stream = find_active(catalog.streams(), &scope, &name, now_ms)?;
                let (before, number) = (stream.shard_metrics, stream.number);
                let after = change(before);
                let command = SetShardMetrics { stream: number, metrics: after.bits() };
                let change = MonitoringChange { stream: stream.reference.clone(), before, after };
                Ok((Command::SetShardMetrics(command), change))
            })
            .await
    }
}
