//! Proves of `anabranch-producer` that it loses nothing, says what may be twice, and keeps order.
//!
//! Tasks put records into the library, which speaks to a real server through a proxy. The server is killed and started
//! again, the stream is resharded, and the proxy delays, cuts, refuses, throttles and answers in part. Then
//! all shards are read, and what is there is compared with what the library said. What must be true is in
//! [`truth`], what is done to requests in [`faults`]; both are pure and have tests of their own. The seed
//! decides what is done, not when: a run cannot be repeated exactly.

mod chaos;
mod faults;
mod load;
mod outage;
mod proxy;
mod reader;
mod report;
mod scene;
mod truth;
mod workload;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// What the binary takes too, so that its memory is that of a program of ours.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Puts records through all that can go wrong, and checks each of them.
#[derive(Debug, Parser)]
#[command(name = "produce_proof", args_override_self = true)]
pub(crate) struct Arguments {
    /// Records to put
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    records: u64,
    /// Seed of all random choices [default: a new one]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where runs have their directories: it decides which disk is used
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// The server
    #[arg(long, value_name = "FILE", env = "ANABRANCH_BIN")]
    server: PathBuf,
    /// Tasks that put
    #[arg(long, value_name = "N", default_value_t = 8)]
    tasks: u32,
    /// Partition keys of all tasks; some have many more records than others, every fourth asks for order
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    keys: u32,
    /// Records a second of all tasks; 0 for as many as the library takes
    #[arg(long, value_name = "N", default_value_t = 0)]
    rate: u32,
    /// Requests out of a hundred that have a fault, and as many that are delayed
    #[arg(long, value_name = "N", default_value_t = 20)]
    fault_percent: u8,
    /// Seconds that a server lives at most; 0: it is not killed
    #[arg(long, value_name = "N", default_value_t = 8.0)]
    life_seconds: f64,
    /// Seconds between two changes of the stream at most; 0: it is not changed
    #[arg(long, value_name = "N", default_value_t = 3.0)]
    reshard_seconds: f64,
    /// Of the server: what a shard takes in a second before it throttles; 0 for everything
    #[arg(long, value_name = "SIZE", default_value = "4MiB")]
    shard_write_bytes: String,
    /// Data of every record [default: around 100, some much larger]
    #[arg(long, value_name = "BYTES")]
    record_bytes: Option<usize>,
    /// Without aggregation
    #[arg(long)]
    plain: bool,
    /// `AggregationMaxSize`
    #[arg(long, value_name = "BYTES", default_value_t = 51_200)]
    aggregation_max_size: usize,
    /// `RecordTtl` [default: records are tried for ever]
    #[arg(long, value_name = "MS")]
    record_ttl_ms: Option<u64>,
    /// `RequestTimeout`
    #[arg(long, value_name = "MS", default_value_t = 2_000)]
    request_timeout_ms: u64,
    /// `buffer_max_bytes`
    #[arg(long, value_name = "BYTES", default_value_t = 64 << 20)]
    buffer_bytes: usize,
    /// Instead of all that: nothing listens for so long while records are put, and memory must stay flat
    #[arg(long, value_name = "SECONDS")]
    outage: Option<u64>,
    /// Keep the data when all is well, too
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let directory = arguments.data_dir.join(format!("run-{seed}"));
    println!("produce_proof: seed {seed}, directory {}", directory.display());
    let proven = match arguments.outage {
        None => scene::prove(&arguments, seed, &directory).await,
        Some(seconds) => outage::endure(&arguments, seed, &directory, seconds).await,
    };
    match proven {
        Ok(()) => {
            if !arguments.keep {
                // Left-overs cost space and harm nothing.
                let _ = std::fs::remove_dir_all(&directory);
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("produce_proof: FAILED, seed {seed}: {error:#}");
            println!("the server's data and log are in {}", directory.display());
            ExitCode::FAILURE
        }
    }
}
