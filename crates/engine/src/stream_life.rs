//! CreateStream, DeleteStream, DescribeLimits.

use crate::capacity::{check_distribution, check_warm};
use crate::catalog::Catalog;
use crate::catalog::command::{Command, CreateStream, DeleteStream};
use crate::engine::{Engine, find};
use crate::error::EngineError;
use crate::scope::{Scope, StreamRef};
use crate::settings::EngineSettings;
use crate::stream::{RecordDistribution, StreamMode, StreamStatus};
use anabranch_model::limits;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A stream to create.
#[derive(Clone, Debug)]
pub struct NewStream {
    /// Its name.
    pub name: String,
    /// Shards, if the caller said so.
    pub shard_count: Option<u32>,
    /// Capacity mode, if the caller said so.
    pub mode: Option<StreamMode>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Ceiling of one record in KiB.
    pub max_record_kib: u32,
    /// How records find their shard.
    pub distribution: RecordDistribution,
    /// Warm throughput in MiB a second; 0 for none.
    pub warm_mibps: u32,
}

impl NewStream {
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

/// What an account uses of what it may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLimits {
    /// Open shards allowed.
    pub shard_limit: u64,
    /// Open shards of provisioned streams.
    pub open_shards: u64,
    /// On-demand streams.
    pub on_demand_streams: usize,
    /// On-demand streams allowed.
    pub on_demand_limit: usize,
}

impl Engine {
    /// Creates a stream: it is CREATING at first, then ACTIVE.
    ///
    /// # Errors
    /// When the name is taken or a limit reached.
    pub async fn create_stream(
        self: &Arc<Self>,
        scope: &Scope,
        new: NewStream,
    ) -> Result<(), EngineError> {
        let (scope, settings) = (scope.clone(), self.settings.clone());
        self.change(move |catalog, now_ms| {
            let command = decide_create(catalog, &settings, scope, new, now_ms)?;
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
    ) -> Result<(), EngineError> {
        let (engine, scope, name) = (self.clone(), scope.clone(), name.to_owned());
        let transition_ms = self.settings.transition_ms;
        // A caller that goes away must not leave a stream that is never purged.
        let task = tokio::spawn(async move {
            let number = engine
                .change(move |catalog, now_ms| {
                    let stream = find(catalog, &scope, &name, now_ms)?;
                    if let Some(status @ StreamStatus::Deleting) = stream.status(now_ms) {
                        let stream = stream.reference.clone();
                        return Err(EngineError::StreamNotActive { stream, status });
                    }
                    if !with_consumers && stream.consumers_present(now_ms).next().is_some() {
                        return Err(EngineError::StreamHasConsumers(stream.reference.clone()));
                    }
                    let (stream, gone_at_ms) = (stream.number, now_ms + transition_ms);
                    let command = Command::DeleteStream(DeleteStream { stream, gone_at_ms });
                    Ok((command, stream))
                })
                .await?;
            engine.purge_later(number, Duration::from_millis(transition_ms));
            Ok(())
        });
        task.await.unwrap_or(Err(EngineError::Interrupted))
    }

    /// What the account uses and may use.
    #[must_use]
    pub fn account_limits(&self, scope: &Scope) -> AccountLimits {
        let catalog = self.catalog.read();
        let usage = Usage::of(&catalog, scope, self.now_ms());
        AccountLimits {
            shard_limit: u64::from(self.settings.shard_limit),
            open_shards: usage.provisioned_shards,
            on_demand_streams: usage.on_demand_streams,
            on_demand_limit: limits::ON_DEMAND_STREAMS_MAX,
        }
    }
}

#[derive(Default)]
pub(crate) struct Usage {
    pub(crate) open_shards: u64,
    provisioned_shards: u64,
    on_demand_streams: usize,
    creating: usize,
}

impl Usage {
    pub(crate) fn of(catalog: &Catalog, scope: &Scope, now_ms: u64) -> Self {
        let mut usage = Self::default();
        for stream in catalog.streams_after(scope, None) {
            let shards = stream.claimed_shards();
            let Some(status) = stream.status(now_ms) else { continue };
            usage.open_shards += shards;
            usage.creating += usize::from(status == StreamStatus::Creating);
            match stream.mode {
                StreamMode::OnDemand => usage.on_demand_streams += 1,
                StreamMode::Provisioned => usage.provisioned_shards += shards,
            }
        }
        usage
    }

    /// Whether the account may have one on-demand stream more.
    pub(crate) fn check_on_demand(
        &self,
        settings: &EngineSettings,
        stream: &StreamRef,
    ) -> Result<(), EngineError> {
        let (current, limit) = (self.on_demand_streams, limits::ON_DEMAND_STREAMS_MAX);
        if settings.limit_streams && current >= limit {
            return Err(EngineError::OnDemandLimit { stream: stream.clone(), current, limit });
        }
        Ok(())
    }

    /// Whether the account may have `additional` open shards.
    pub(crate) fn check_room(
        &self,
        settings: &EngineSettings,
        stream: &StreamRef,
        additional: u64,
    ) -> Result<(), EngineError> {
        let limit = u64::from(settings.shard_limit.min(limits::OPEN_SHARDS_MAX));
        let current = self.open_shards;
        if current + additional <= limit {
            return Ok(());
        }
        let stream = stream.clone();
        Err(EngineError::ShardLimit { stream, current, limit, additional })
    }
}

fn decide_create(
    catalog: &Catalog,
    settings: &EngineSettings,
    scope: Scope,
    new: NewStream,
    now_ms: u64,
) -> Result<CreateStream, EngineError> {
    let (mode, shard_count) = new.capacity();
    let stream = StreamRef { scope: scope.clone(), name: Arc::from(new.name.as_str()) };
    if find(catalog, &scope, &new.name, now_ms).is_ok() {
        return Err(EngineError::StreamExists(stream));
    }
    let usage = Usage::of(catalog, &scope, now_ms);
    if settings.limit_streams && usage.creating >= limits::STREAMS_CREATING_MAX {
        let limit = limits::STREAMS_CREATING_MAX;
        return Err(EngineError::CreatingLimit { stream, limit });
    }
    if mode == StreamMode::OnDemand {
        usage.check_on_demand(settings, &stream)?;
    } else if new.warm_mibps > 0 {
        return Err(EngineError::WarmNeedsSwitch);
    }
    check_distribution(mode, new.distribution)?;
    check_warm(catalog, settings, &stream, 0, new.warm_mibps, now_ms)?;
    usage.check_room(settings, &stream, u64::from(shard_count))?;
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
        transition_ms: settings.transition_ms,
        warm_mibps: (new.warm_mibps > 0).then_some(new.warm_mibps),
    })
}
