//! Commands about capacity: modes, warm throughput, record sizes, metrics, commitments.

use super::stream::{Distribution, Mode};
use minicbor::{Decode, Encode};

/// See [`super::Command::SetStreamMode`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetStreamMode {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// The new mode.
    #[n(1)]
    pub mode: Mode,
    /// Warm throughput in MiB a second in the new mode; 0 for none.
    #[n(2)]
    pub warm_mibps: u32,
    /// How long it stays UPDATING, in milliseconds.
    #[n(3)]
    pub transition_ms: u64,
}

/// See [`super::Command::SetWarmThroughput`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetWarmThroughput {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// Warm throughput in MiB a second; 0 for none.
    #[n(1)]
    pub warm_mibps: u32,
    /// How long it stays UPDATING, in milliseconds.
    #[n(2)]
    pub transition_ms: u64,
}

/// See [`super::Command::SetMaxRecordSize`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetMaxRecordSize {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// Ceiling of one record in KiB.
    #[n(1)]
    pub max_record_kib: u32,
}

/// See [`super::Command::SetDistribution`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetDistribution {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// How records find their shard from now on.
    #[n(1)]
    pub distribution: Distribution,
}

/// See [`super::Command::SetShardMetrics`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetShardMetrics {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// The metrics that are on from now on, as bits.
    #[n(1)]
    pub metrics: u8,
}

/// See [`super::Command::SetCommitment`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetCommitment {
    /// Account.
    #[n(0)]
    pub account: String,
    /// Region.
    #[n(1)]
    pub region: String,
    /// When it was last enabled, epoch milliseconds.
    #[n(2)]
    pub started_ms: Option<u64>,
    /// From when on it is not in force, epoch milliseconds.
    #[n(3)]
    pub ends_ms: Option<u64>,
}

/// See [`super::Command::RecordWritePeak`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RecordWritePeak {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// Days since 1970.
    #[n(1)]
    pub day: u32,
    /// Bytes a second.
    #[n(2)]
    pub bytes_per_s: u64,
}
