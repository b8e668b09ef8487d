//! Commands: the changes of the catalog, as they stand in the journal.
//!
//! A command is a CBOR array of the variant's number and its fields (minicbor's indexed form):
//! fields and variants keep their numbers for ever, new fields are optional. The types here are
//! the disk's own: they change only by addition. What belongs to one feature is in one file here.

mod capacity;
mod consumer;
mod encryption;
mod policy;
mod reshard;
mod stream;

pub use capacity::*;
pub use consumer::*;
pub use encryption::*;
pub use policy::*;
pub use reshard::*;
pub use stream::*;

use bytes::Bytes;
use minicbor::{Decode, Encode};

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
    /// Closes shards and opens their children.
    #[n(7)]
    Reshard(#[n(0)] Reshard),
    /// Puts a stream on its way to another number of shards.
    #[n(8)]
    BeginRescale(#[n(0)] BeginRescale),
    /// It is there.
    #[n(9)]
    EndRescale(#[n(0)] EndRescale),
    /// Forgets shards of which nothing can be read any more.
    #[n(10)]
    ForgetShards(#[n(0)] ForgetShards),
    /// Puts a stream on its way to other shards: its shards are as they were until then.
    #[n(11)]
    BeginReshard(#[n(0)] BeginReshard),
    /// Adds a fan-out consumer.
    #[n(20)]
    RegisterConsumer(#[n(0)] RegisterConsumer),
    /// Puts a fan-out consumer into DELETING.
    #[n(21)]
    DeregisterConsumer(#[n(0)] DeregisterConsumer),
    /// Switches the capacity mode.
    #[n(30)]
    SetStreamMode(#[n(0)] SetStreamMode),
    /// Sets the warm throughput.
    #[n(31)]
    SetWarmThroughput(#[n(0)] SetWarmThroughput),
    /// Sets the ceiling of one record.
    #[n(32)]
    SetMaxRecordSize(#[n(0)] SetMaxRecordSize),
    /// Sets how records find their shard.
    #[n(33)]
    SetDistribution(#[n(0)] SetDistribution),
    /// Sets which shard-level metrics are on.
    #[n(34)]
    SetShardMetrics(#[n(0)] SetShardMetrics),
    /// Sets an account's billing commitment.
    #[n(35)]
    SetCommitment(#[n(0)] SetCommitment),
    /// Writes down a stream's highest write rate of a day.
    #[n(36)]
    RecordWritePeak(#[n(0)] RecordWritePeak),
    /// Encrypts what is put from now on, under a new data key.
    #[n(40)]
    StartEncryption(#[n(0)] StartEncryption),
    /// Stops encrypting.
    #[n(41)]
    StopEncryption(#[n(0)] StopEncryption),
    /// Sets or replaces a resource policy.
    #[n(50)]
    PutPolicy(#[n(0)] PutPolicy),
    /// Removes a resource policy.
    #[n(51)]
    DeletePolicy(#[n(0)] DeletePolicy),
    /// Adds or overwrites tags of a fan-out consumer.
    #[n(52)]
    TagConsumer(#[n(0)] TagConsumer),
    /// Removes tags of a fan-out consumer.
    #[n(53)]
    UntagConsumer(#[n(0)] UntagConsumer),
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
