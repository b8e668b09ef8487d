//! What a run is told.

use std::path::PathBuf;

use clap::Parser;

/// Puts records through all that can go wrong, and checks each of them.
#[derive(Debug, Parser)]
#[command(name = "produce_proof", args_override_self = true)]
pub(crate) struct Arguments {
    /// Records to put
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    pub(crate) records: u64,
    /// Seed of all random choices [default: a new one]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Where runs have their directories: it decides which disk is used
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// The server
    #[arg(long, value_name = "FILE", env = "ANABRANCH_BIN")]
    pub(crate) server: PathBuf,
    /// Tasks that put
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(crate) tasks: u32,
    /// Partition keys of all tasks; some have many more records than others, every fourth asks for order
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) keys: u32,
    /// Records a second of all tasks; 0 for as many as the library takes
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) rate: u32,
    /// Requests out of a hundred that have a fault, and as many that are delayed
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) fault_percent: u8,
    /// Seconds that a server lives at most; 0: it is not killed
    #[arg(long, value_name = "N", default_value_t = 8.0)]
    pub(crate) life_seconds: f64,
    /// Seconds between two changes of the stream at most; 0: it is not changed
    #[arg(long, value_name = "N", default_value_t = 3.0)]
    pub(crate) reshard_seconds: f64,
    /// Of the server: what a shard takes in a second before it throttles; 0 for everything
    #[arg(long, value_name = "SIZE", default_value = "4MiB")]
    pub(crate) shard_write_bytes: String,
    /// Data of every record [default: around 100, some much larger]
    #[arg(long, value_name = "BYTES")]
    pub(crate) record_bytes: Option<usize>,
    /// Without aggregation
    #[arg(long)]
    pub(crate) plain: bool,
    /// `AggregationMaxSize`
    #[arg(long, value_name = "BYTES", default_value_t = 51_200)]
    pub(crate) aggregation_max_size: usize,
    /// `RecordTtl` [default: records are tried for ever]
    #[arg(long, value_name = "MS")]
    pub(crate) record_ttl_ms: Option<u64>,
    /// `RequestTimeout`
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    pub(crate) request_timeout_ms: u64,
    /// `buffer_max_bytes`
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    pub(crate) buffer_bytes: usize,
    /// Instead of all that: nothing listens for so long while records are put, and memory must stay flat
    #[arg(long, value_name = "SECONDS")]
    pub(crate) outage: Option<u64>,
    /// Keep the data when all is well, too
    #[arg(long)]
    pub(crate) keep: bool,
}
