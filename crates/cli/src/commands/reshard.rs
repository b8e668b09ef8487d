//! `anabranch streams split` and `merge`: one shard into two, two neighbours into one.

use anabranch_model::{HashKeyRange, reshard};
use anyhow::Context;
use clap::Args;

use crate::commands::shards;
use crate::commands::wait::WaitArgs;
use crate::connection::ConnectionArgs;
use anabranch_client::stream_reference;

/// Split a shard in two.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch streams split orders shardId-000000000000
  anabranch streams split orders shardId-000000000000 --at 85070591730234615865843651857942052864")]
pub(crate) struct SplitArgs {
    /// Name or ARN of the stream
    name: String,
    /// The shard to split
    shard: String,
    /// First hash key of the upper half [default: the middle]
    #[arg(long, value_name = "HASH_KEY")]
    at: Option<u128>,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Merge two neighbouring shards.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  anabranch streams merge orders shardId-000000000001 shardId-000000000002")]
pub(crate) struct MergeArgs {
    /// Name or ARN of the stream
    name: String,
    /// The shard with the lower hash keys
    lower: String,
    /// The shard with the hash keys right above
    upper: String,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

impl SplitArgs {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let client = self.connection.client().await?;
        let at = match self.at {
            Some(at) => at,
            None => {
                let shards = shards::all_shards(&client, &self.name).await?;
                let shard = shards.iter().find(|shard| shard.shard_id() == self.shard);
                let range = shard.and_then(|shard| shard.hash_key_range());
                let range = range.with_context(|| format!("no such shard: {}", self.shard))?;
                let range = HashKeyRange {
                    start: range.starting_hash_key().parse().context("starting hash key")?,
                    end_inclusive: range.ending_hash_key().parse().context("ending hash key")?,
                };
                reshard::middle(range).context("the shard is too small to be split")?
            }
        };
        let (name, arn) = stream_reference(&self.name);
        client
            .split_shard()
            .set_stream_name(name)
            .set_stream_arn(arn)
            .shard_to_split(&self.shard)
            .new_starting_hash_key(at.to_string())
            .send()
            .await
            .map_err(|error| client.explain(&error))?;
        self.wait.until_active(&client, &self.name).await?;
        Ok(())
    }
}

impl MergeArgs {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let client = self.connection.client().await?;
        let (name, arn) = stream_reference(&self.name);
        client
            .merge_shards()
            .set_stream_name(name)
            .set_stream_arn(arn)
            .shard_to_merge(&self.lower)
            .adjacent_shard_to_merge(&self.upper)
            .send()
            .await
            .map_err(|error| client.explain(&error))?;
        self.wait.until_active(&client, &self.name).await?;
        Ok(())
    }
}
