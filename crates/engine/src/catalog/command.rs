//! Commands: the changes of the catalog, as they stand in the journal.
//!
//! A command is a CBOR array of the variant's number and its fields (minicbor's indexed form):
//! fields and variants keep their numbers for ever, new fields are optional. The types here are
//! the disk's own: they change only by addition.

use crate::stream::{RecordDistribution, StreamMode};
use bytes::Bytes;
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// A snapshot or command that this version cannot read.
#[derive(Debug, thiserror::Error)]
#[error("the catalog was written by a newer version, or is damaged error={0}")]
pub struct CommandError(#[from] minicbor::decode::Error);

/// A change of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Command {
    /// Sets the key of iterators and tokens.
    #[n(0)]
    InstallSecret(#[n(0)] InstallSecret),
    /// Adds a stream.
    #[n(1)]
    CreateStream(#[n(0)] CreateStream),
    /// Puts a stream into DELETING.
    #[n(2)]
    DeleteStream(#[n(0)] DeleteStream),
    /// Forgets a stream.
    #[n(3)]
    PurgeStream(#[n(0)] PurgeStream),
    /// Changes a retention period.
    #[n(4)]
    SetRetention(#[n(0)] SetRetention),
    /// Adds or overwrites tags.
    #[n(5)]
    AddTags(#[n(0)] AddTags),
    /// Removes tags.
    #[n(6)]
    RemoveTags(#[n(0)] RemoveTags),
}

impl Command {
    /// The command's bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        Bytes::from(minicbor::to_vec(self).expect("writing to memory cannot fail"))
    }

    /// Reads a command.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CommandError> {
        Ok(minicbor::decode(bytes)?)
    }
}

/// See [`Command::InstallSecret`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct InstallSecret {
    /// 32 random bytes.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub secret: Vec<u8>,
}

/// See [`Command::CreateStream`].
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
}

/// See [`Command::DeleteStream`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DeleteStream {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// When it is gone, epoch milliseconds.
    #[n(1)]
    pub gone_at_ms: u64,
}

/// See [`Command::PurgeStream`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PurgeStream {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
}

/// See [`Command::SetRetention`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetRetention {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// The new period in hours.
    #[n(1)]
    pub hours: u32,
}

/// See [`Command::AddTags`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AddTags {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// The tags.
    #[n(1)]
    pub tags: BTreeMap<String, String>,
}

/// See [`Command::RemoveTags`].
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
