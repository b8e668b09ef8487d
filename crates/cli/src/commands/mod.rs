//! One file per command. Each has its clap definition, `run()`, and its tests. `wait.rs` and
//! `credential_output.rs` have what several of them share.

use anabranch_client::{Client, stream_reference};
use std::future::Future;

use anyhow::Context;
use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::types::StreamDescriptionSummary;

pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod completions;
mod credential_output;
pub(crate) mod credentials;
pub(crate) mod inspect;
pub(crate) mod keys;
pub(crate) mod kpl;
pub(crate) mod policies;
pub(crate) mod put;
pub(crate) mod repair;
pub(crate) mod reshard;
pub(crate) mod serve;
pub(crate) mod shards;
pub(crate) mod streams;
pub(crate) mod tail;
mod wait;

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

/// The summary of a stream, `None` if there is no such stream.
async fn stream_summary(
    client: &Client,
    name: &str,
) -> anyhow::Result<Option<StreamDescriptionSummary>> {
    let (by_name, by_arn) = stream_reference(name);
    let call = client.describe_stream_summary().set_stream_name(by_name).set_stream_arn(by_arn);
    match call.send().await {
        Ok(reply) => {
            let summary = reply.stream_description_summary;
            Ok(Some(summary.context("the reply has no description")?))
        }
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(client.explain(&error).into()),
    }
}
