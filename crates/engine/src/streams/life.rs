//! CreateStream, DeleteStream, DescribeLimits.

use super::capacity::{check_distribution, check_warm};
use super::control::Control;
use super::quota::Quota;
use crate::error::{
    ChangeFailure, CreateStreamError, DeleteStreamError, Interrupted, StreamExists,
    StreamHasConsumers, StreamNotActive, StreamUnavailable, WarmNeedsSwitch, WarmThroughputError,
};
use crate::lookup::find;
use crate::state::catalog::Catalog;
use crate::state::command::{Command, CreateStream, DeleteStream, PurgeStream};
use crate::state::scope::{Scope, StreamRef};
use crate::state::stream::{RecordDistribution, StreamMode, StreamStatus};
use crate::supervisor::{Next, detach, supervise};
use anabranch_model::limits;
use anabranch_storage::AppendError;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Pause before another try to purge a deleted stream.
const PURGE_PAUSE: Duration = Duration::from_secs(5);

/// A stream to create.
#[derive(Clone, Debug)]
pub struct NewStream {
    pub name: String,
    /// Shards, if the caller said so.
    pub shard_count: Option<u32>,
    /// Capacity mode, if the caller said so.
    pub mode: Option<StreamMode>,
    pub tags: BTreeMap<String, String>,
    /// Ceiling of one record in KiB.
    pub max_record_kib: u32,
    /// How records find their shard.
    pub distribution: RecordDistribution,
    /// Warm throughput in MiB a second; 0 for none.
    pub warm_mibps: u32,
}

impl NewStream {
    /// A stream of which nothing but its name is said.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            shard_count: None,
            mode: None,
            tags: BTreeMap::new(),
            max_record_kib: limits::RECORD_KIB_DEFAULT,
            distribution: RecordDistribution::UserPartitionKey,
            warm_mibps: 0,
        }
    }

    /// A provisioned stream with so many shards.
    #[must_use]
    pub fn provisioned(name: impl Into<String>, shards: u32) -> Self {
        let (shard_count, mode) = (Some(shards), Some(StreamMode::Provisioned));
        Self { shard_count, mode, ..Self::named(name) }
    }

    /// Mode and shards. With neither given, a stream starts as an on-demand one does.
    fn capacity(&self) -> (StreamMode, u32) {
        match (self.mode, self.shard_count) {
            (Some(StreamMode::OnDemand), _) | (None, None) => {
                let warm_shards = self.warm_mibps.min(limits::STREAM_SHARDS_MAX);
                (StreamMode::OnDemand, warm_shards.max(limits::ON_DEMAND_SHARDS))
            }
            (Some(StreamMode::Provisioned), None) => (StreamMode::Provisioned, 1),
            (_, Some(count)) => (StreamMode::Provisioned, count),
        }
    }
}

impl Control {
    /// Creates a stream: it is CREATING at first, then ACTIVE.
    ///
    /// # Errors
    /// When the name is taken or a limit reached.
    pub async fn create_stream(
        &self,
        scope: &Scope,
        new: NewStream,
    ) -> Result<(), CreateStreamError> {
        let (scope, quota) = (scope.clone(), self.quota(scope));
        self.ledger
            .change(move |catalog, now_ms| {
                let command = decide_create(catalog, &quota, scope, new, now_ms)?;
                Ok((Command::CreateStream(command), ()))
            })
            .await
    }

    /// Deletes a stream: it is DELETING at first, then gone, and its consumers with it.
    ///
    /// # Errors
    /// When there is none, it is being deleted already, or it has consumers and `with_consumers`
    /// is not set.
    pub async fn delete_stream(
        self: &Arc<Self>,
        scope: &Scope,
        name: &str,
        with_consumers: bool,
    ) -> Result<(), DeleteStreamError> {
        let (control, scope, name) = (self.clone(), scope.clone(), name.to_owned());
        let transition_ms = self.settings.transition_ms;
        // A caller that goes away must not leave a stream that is never purged.
        let task = detach(async move {
            let number = control
                .ledger
                .change::<_, DeleteStreamError>(move |catalog, now_ms| {
                    let stream = find(catalog.streams(), &scope, &name, now_ms);
                    let stream = stream.map_err(StreamUnavailable::from)?;
                    if let Some(status @ StreamStatus::Deleting) = stream.status(now_ms) {
                        let stream = stream.reference.clone();
                        let refused = StreamNotActive { stream, status };
                        return Err(StreamUnavailable::from(refused).into());
                    }
                    if !with_consumers && stream.consumers_present(now_ms).next().is_some() {
                        return Err(StreamHasConsumers(stream.reference.clone()).into());
                    }
                    let (stream, gone_at_ms) = (stream.number, now_ms + transition_ms);
                    let command = Command::DeleteStream(DeleteStream { stream, gone_at_ms });
                    Ok((command, stream))
                })
                .await?;
            control.purge_later(number, Duration::from_millis(transition_ms));
            Ok(())
        });
        task.await.unwrap_or_else(|_| Err(ChangeFailure::from(Interrupted).into()))
    }

    /// Deletions that were under way when the last process ended.
    pub(crate) fn resume_deletions(self: &Arc<Self>) {
        let deleting: Vec<u32> = {
            let view = self.ledger.view();
            let deleting = view.streams().all().filter(|stream| stream.gone_at_ms.is_some());
            deleting.map(|stream| stream.number).collect()
        };
        for number in deleting {
            self.purge_later(number, Duration::ZERO);
        }
    }

    fn purge_later(self: &Arc<Self>, stream: u32, delay: Duration) {
        supervise(self, delay, move |control| async move {
            let command = Command::PurgeStream(PurgeStream { stream });
            let purged = control.ledger.change(move |_, _| Ok((command, ()))).await;
            match purged {
                Ok(()) => {
                    control.ledger.store().nudge_maintenance();
                    Next::Done
                }
                // It is done after the restart.
                Err(ChangeFailure::Append(AppendError::Failed | AppendError::ShuttingDown)) => {
                    Next::Done
                }
                Err(error) => {
                    // It is hidden already; what it takes is freed when the journal has room.
                    tracing::warn!(%error, "a deleted stream still takes space");
                    Next::After(PURGE_PAUSE)
                }
            }
        });
    }
}

fn decide_create(
    catalog: &Catalog,
    quota: &Quota,
    scope: Scope,
    new: NewStream,
    now_ms: u64,
) -> Result<CreateStream, CreateStreamError> {
    let (mode, shard_count) = new.capacity();
    let stream = StreamRef { scope: scope.clone(), name: Arc::from(new.name.as_str()) };
    if find(catalog.streams(), &scope, &new.name, now_ms).is_ok() {
        return Err(StreamExists(stream).into());
    }
    let usage = quota.usage(catalog.streams(), &scope, now_ms);
    quota.check_creating(&usage, &stream)?;
    if mode == StreamMode::OnDemand {
        quota.check_on_demand(&usage, &stream)?;
    } else if new.warm_mibps > 0 {
        return Err(WarmThroughputError::from(WarmNeedsSwitch).into());
    }
    check_distribution(mode, new.distribution)?;
    check_warm(catalog, quota, &stream, 0, new.warm_mibps, now_ms)?;
    quota.check_shards(&usage, &stream, u64::from(shard_count))?;
    Ok(CreateStream {
        number: catalog.next_stream(),
        account: scope.account.to_string(),
        region: scope.region.to_string(),
        name: new.name,
        shard_count,
        mode: mode.into(),
        retention_hours: limits::RETENTION_HOURS_MIN,
        tags: new.tags,
        max_record_kib: new.max_record_kib,
        distribution: new.distribution.into(),
        transition_ms: quota.settings.transition_ms,
        warm_mibps: (new.warm_mibps > 0).then_some(new.warm_mibps),
    })
}
