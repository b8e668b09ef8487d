//! One file per command. Each has its clap definition, `run()`, and its tests.

use std::future::Future;

use anyhow::Context;

pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod completions;
pub(crate) mod credentials;
pub(crate) mod inspect;
pub(crate) mod keys;
pub(crate) mod policies;
pub(crate) mod put;
pub(crate) mod repair;
pub(crate) mod reshard;
pub(crate) mod serve;
pub(crate) mod shards;
pub(crate) mod streams;
pub(crate) mod tail;

/// Runs a client command. One thread is enough for what a person types.
fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let outcome = runtime.block_on(work);
    // A thread that is blocked reading a terminal must not keep the process alive.
    runtime.shutdown_background();
    outcome
}

/// A stream as the user wrote it: as (StreamName, StreamARN), one of them set.
fn stream_reference(stream: &str) -> (Option<String>, Option<String>) {
    if stream.starts_with("arn:") {
        (None, Some(stream.to_owned()))
    } else {
        (Some(stream.to_owned()), None)
    }
}
