//! Proves of `anabranch-producer` that it loses nothing, says what may be twice, and keeps order.
//!
//! Tasks put records into the library, which speaks to a real server through a proxy. The server is killed and started
//! again, the stream is resharded, and the proxy delays, cuts, refuses, throttles and answers in part. Then
//! all shards are read, and what is there is compared with what the library said. What must be true is in
//! [`truth`], what is done to requests in [`faults`]; both are pure and have tests of their own. The seed
//! decides what is done, not when: a run cannot be repeated exactly.

mod arguments;
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

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;

/// What the binary takes too, so that its memory is that of a program of ours.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
