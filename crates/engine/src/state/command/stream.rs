//! Commands about streams as such: their life, retention and tags.

use crate::state::scope::Scope;
use crate::state::stream::{RecordDistribution, StreamMode};
use anabranch_model::limits;
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// See [`super::Command::InstallSecret`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct InstallSecret {
    /// 32 random bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub secret: Vec<u8>,
}

/// See [`super::Command::CreateStream`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CreateStream {
    /// Number of the incarnation.
    #[n(0)]
    pub number: u32,
    /// Account.
    #[n(1)]
    pub account: String,
    /// Region.
    #[n(2)]
    pub region: String,
    /// Name.
    #[n(3)]
    pub name: String,
    /// Shards at the start.
    #[n(4)]
    pub shard_count: u32,
    /// Capacity mode.
    #[n(5)]
    pub mode: Mode,
    /// Retention period in hours.
    #[n(6)]
    pub retention_hours: u32,
    /// Tags.
    #[n(7)]
    pub tags: BTreeMap<String, String>,
    /// Ceiling of one record in KiB.
    #[n(8)]
    pub max_record_kib: u32,
    /// How records find their shard.
    #[n(9)]
    pub distribution: Distribution,
    /// How long it stays CREATING, in milliseconds.
    #[n(10)]
    pub transition_ms: u64,
    /// Warm throughput in MiB a second, if there is one.
    #[n(11)]
    pub warm_mibps: Option<u32>,
}

impl CreateStream {
    /// A provisioned stream that is there at once, and of which nothing else is said.
    #[must_use]
    pub fn provisioned(number: u32, scope: &Scope, name: String, shard_count: u32) -> Self {
        Self {
            number,
            account: scope.account.to_string(),
            region: scope.region.to_string(),
            name,
            shard_count,
            mode: Mode::Provisioned,
            retention_hours: limits::RETENTION_HOURS_MIN,
            tags: BTreeMap::new(),
            max_record_kib: limits::RECORD_KIB_DEFAULT,
            distribution: Distribution::UserPartitionKey,
            transition_ms: 0,
            warm_mibps: None,
        }
    }
}

/// See [`super::Command::DeleteStream`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DeleteStream {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// When it is gone, epoch milliseconds.
    #[n(1)]
    pub gone_at_ms: u64,
}

/// See [`super::Command::PurgeStream`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PurgeStream {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
}

/// See [`super::Command::SetRetention`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetRetention {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// The new period in hours.
    #[n(1)]
    pub hours: u32,
    /// What had expired by then stays so, epoch milliseconds; by the frame's arrival time if it is
    /// earlier or this is not there.
    #[n(2)]
    pub deletion_ms: Option<u64>,
}

/// See [`super::Command::AddTags`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AddTags {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// The tags.
    #[n(1)]
    pub tags: BTreeMap<String, String>,
}

/// See [`super::Command::RemoveTags`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RemoveTags {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// Keys of the tags.
    #[n(1)]
    pub keys: Vec<String>,
}

/// A capacity mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Mode {
    /// By a number of shards.
    #[n(0)]
    Provisioned,
    /// By the service.
    #[n(1)]
    OnDemand,
}

/// How records find their shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Distribution {
    /// By the hash of the partition key.
    #[n(0)]
    UserPartitionKey,
    /// Evenly.
    #[n(1)]
    Auto,
}

impl From<Mode> for StreamMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Provisioned => Self::Provisioned,
            Mode::OnDemand => Self::OnDemand,
        }
    }
}

impl From<StreamMode> for Mode {
    fn from(mode: StreamMode) -> Self {
        match mode {
            StreamMode::Provisioned => Self::Provisioned,
            StreamMode::OnDemand => Self::OnDemand,
        }
    }
}

impl From<Distribution> for RecordDistribution {
    fn from(distribution: Distribution) -> Self {
        match distribution {
            Distribution::UserPartitionKey => Self::UserPartitionKey,
            Distribution::Auto => Self::Auto,
        }
    }
}

impl From<RecordDistribution> for Distribution {
    fn from(distribution: RecordDistribution) -> Self {
        match distribution {
            RecordDistribution::UserPartitionKey => Self::UserPartitionKey,
            RecordDistribution::Auto => Self::Auto,
        }
    }
}
