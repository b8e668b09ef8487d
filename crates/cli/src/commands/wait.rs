//! Waiting for a change of a stream: `--wait`.

use std::time::Duration;

use anabranch_client::Client;
use anyhow::{Context, bail};
use aws_sdk_kinesis::types::StreamStatus;
use clap::Args;

use crate::commands::stream_summary;
use crate::units::parse_span;

/// Between two looks at a status. DescribeStreamSummary allows 20 calls a second per account.
const POLL: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// Return when the change is complete
    #[arg(long, short)]
    wait: bool,
    /// Give up waiting after this long
    #[arg(long, value_name = "SPAN", default_value = "5m", value_parser = parse_span)]
    wait_timeout: Duration,
}

impl WaitArgs {
    /// Waits until a change of the stream is complete, if that was asked for. Whether it is known
    /// to be complete.
    pub(super) async fn until_active(&self, client: &Client, name: &str) -> anyhow::Result<bool> {
        if self.wait {
            wait_active(client, name, self.wait_timeout).await?;
        }
        Ok(self.wait)
    }

    /// Waits until a stream that is being deleted is gone, if that was asked for. Whether it is
    /// known to be gone.
    pub(super) async fn until_gone(&self, client: &Client, name: &str) -> anyhow::Result<bool> {
        if !self.wait {
            return Ok(false);
        }
        let gone = async {
            while stream_summary(client, name).await?.is_some() {
                tokio::time::sleep(POLL).await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(self.wait_timeout, gone)
            .await
            .context("still being deleted when the wait timed out")??;
        Ok(true)
    }
}

async fn wait_active(client: &Client, name: &str, timeout: Duration) -> anyhow::Result<()> {
    let active = async {
        loop {
            match stream_summary(client, name).await? {
                Some(summary) if *summary.stream_status() == StreamStatus::Active => return Ok(()),
                Some(summary) if *summary.stream_status() == StreamStatus::Deleting => {
                    bail!("the stream is being deleted name={name}")
                }
                // A new stream may not be visible at once.
                _ => tokio::time::sleep(POLL).await,
            }
        }
    };
    tokio::time::timeout(timeout, active).await.context("not ACTIVE when the wait timed out")?
}
