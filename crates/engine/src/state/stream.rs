//! A stream as the catalog has it: data, shared, replaced as a whole when it changes.

use super::command::ReshardMove;
use super::consumer::{Consumer, ConsumerStatus};
use super::encryption::Encryption;
use super::moment::Moment;
use super::policy::ResourcePolicy;
use super::scope::StreamRef;
use super::shard_metrics::ShardMetrics;
use super::shards::Shards;
use anabranch_model::on_demand::WritePeaks;
use anabranch_model::retention::Retention;
use anabranch_model::{Shard, ShardId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// How capacity is provided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamMode {
    /// By a number of shards.
    Provisioned,
    /// By the service.
    OnDemand,
}

/// How records find their shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordDistribution {
    /// By the hash of the partition key.
    UserPartitionKey,
    /// Evenly; partition keys are optional.
    Auto,
}

/// A stream's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStatus {
    /// Not there yet for puts and gets.
    Creating,
    /// In order.
    Active,
    /// Takes puts and gets while a change of it is under way; takes no other change.
    Updating,
    /// On its way out.
    Deleting,
}

impl fmt::Display for StreamStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Updating => "UPDATING",
            Self::Deleting => "DELETING",
        })
    }
}

/// A stream, as the catalog has it.
#[derive(Clone, Debug)]
pub struct StreamEntry {
    /// Number of this incarnation: another stream of the same name has another.
    pub number: u32,
    /// Its name, account and Region.
    pub reference: StreamRef,
    /// When it was created, epoch milliseconds.
    pub created_ms: u64,
    /// It is CREATING until then, epoch milliseconds; if it was deleted before, not before it is gone.
    pub active_at_ms: u64,
    /// It is UPDATING until then, epoch milliseconds; 0 if it never was.
    pub updating_until_ms: u64,
    /// The number of shards that it is on its way to: it is UPDATING until it is there.
    pub rescale_target: Option<u32>,
    /// The reshard that it is on its way to: it is UPDATING, and its shards are as they were, until
    /// that is made.
    pub pending_moves: Vec<ReshardMove>,
    /// When UpdateShardCount was called, epoch milliseconds; the last
    /// [`anabranch_model::limits::SHARD_COUNT_UPDATES_MAX`] times.
    pub rescale_calls_ms: Vec<u64>,
    /// When it is DELETING: it is gone from then on, epoch milliseconds.
    pub gone_at_ms: Option<u64>,
    /// How capacity is provided.
    pub mode: StreamMode,
    /// What can be read.
    pub retention: Retention,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// Ceiling of one record in KiB.
    pub max_record_kib: u32,
    /// How records find their shard.
    pub distribution: RecordDistribution,
    /// Fan-out consumers by name. Some may be gone (see [`Consumer::status`]).
    pub consumers: BTreeMap<Arc<str>, Consumer>,
    /// When its capacity mode was switched, epoch milliseconds; the last
    /// [`anabranch_model::limits::MODE_SWITCHES_MAX`] times.
    pub mode_switches_ms: Vec<u64>,
    /// Write throughput in MiB a second that it shall be ready for while the account has a
    /// billing commitment; 0 unless it is on-demand.
    pub warm_mibps: u32,
    /// Shard-level metrics that are on.
    pub shard_metrics: ShardMetrics,
    /// Its highest write rates of late, while it is on-demand.
    pub write_peaks: WritePeaks,
    /// How records are encrypted at rest.
    pub encryption: Encryption,
    /// Who else may do what with it.
    pub policy: Option<Arc<ResourcePolicy>>,
    /// All shards that have not been forgotten. Changes that leave them alone share them.
    pub shards: Arc<Shards>,
}

impl AsRef<Self> for StreamEntry {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl StreamEntry {
    /// The stream's state. `None`: it is gone.
    #[must_use]
    pub fn status(&self, now_ms: u64) -> Option<StreamStatus> {
        match self.gone_at_ms {
            Some(gone_at_ms) if now_ms >= gone_at_ms => None,
            Some(_) => Some(StreamStatus::Deleting),
            None if now_ms < self.active_at_ms => Some(StreamStatus::Creating),
            None if now_ms < self.updating_until_ms || self.is_resharding() => {
                Some(StreamStatus::Updating)
            }
            None => Some(StreamStatus::Active),
        }
    }

    /// Whether it is on its way to other shards.
    #[must_use]
    pub fn is_resharding(&self) -> bool {
        self.rescale_target.is_some() || !self.pending_moves.is_empty()
    }

    /// The fan-out consumers that are there, in name order.
    pub fn consumers_present(
        &self,
        now_ms: u64,
    ) -> impl Iterator<Item = (&Consumer, ConsumerStatus)> {
        let consumers = self.consumers.values();
        consumers.filter_map(move |consumer| Some((consumer, consumer.status(now_ms)?)))
    }

    /// Whether it has shards that were closed before this time, epoch milliseconds.
    #[must_use]
    pub fn has_closed_before(&self, ms: u64) -> bool {
        let has_closed = self.shards.all().len() > self.shards.open_len();
        has_closed && self.shards.all().iter().any(|shard| shard.is_closed_before(ms))
    }

    /// Open shards that count for limits: what the stream has, or will have.
    #[must_use]
    pub fn claimed_shards(&self) -> u64 {
        let is_split = |one: &&ReshardMove| matches!(one, ReshardMove::Split { .. });
        let splits = self.pending_moves.iter().filter(is_split).count();
        let open = (self.shards.open_len() + splits) as u64;
        self.rescale_target.map_or(0, u64::from).max(open)
    }

    /// The shard with this id, if it can be seen.
    #[must_use]
    pub fn visible_shard(&self, id: ShardId, moment: Moment) -> Option<&Shard> {
        let horizon_ms = self.visible_from_ms(moment)?;
        self.shards.of_id(id).filter(|shard| !shard.is_closed_before(horizon_ms))
    }

    /// Whether it has been created by then: puts and gets know it, whether it is on its way out or not.
    /// One that was deleted while it was CREATING never is.
    #[must_use]
    pub fn is_created(&self, now_ms: u64) -> bool {
        now_ms >= self.active_at_ms
    }

    /// Closing time from which shards can be seen. `None`: none can.
    pub(crate) fn visible_from_ms(&self, moment: Moment) -> Option<u64> {
        let is_created = self.is_created(moment.now_ms);
        is_created.then(|| self.retention.trim_horizon_ms(moment.believed_ms))
    }
}
