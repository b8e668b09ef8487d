//! `anabranch shards`: the shards of a stream, their share of the keys, and their lineage.

use anabranch_client::{Client, stream_reference};
use anyhow::Context;
use aws_sdk_kinesis::types::Shard;
use clap::Args;
use serde::Serialize;

use crate::commands::block_on;
use crate::connection::ConnectionArgs;
use crate::output::{self, Align, Table};

/// List the shards of a stream.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch shards orders
  anabranch shards orders --open
  anabranch shards orders --json | jq -r .shard")]
pub(crate) struct ShardsArgs {
    /// Name or ARN of the stream
    #[arg(value_name = "STREAM")]
    stream: String,
    /// Leave out closed shards
    #[arg(long)]
    open: bool,
    /// Print a JSON line per shard
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// A shard as it is printed.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    shard: String,
    state: &'static str,
    share_percent: f64,
    starting_hash_key: String,
    ending_hash_key: String,
    parents: Vec<String>,
    starting_sequence_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ending_sequence_number: Option<String>,
}

impl ShardsArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        block_on(self.list())
    }

    async fn list(self) -> anyhow::Result<()> {
        let client = self.connection.client().await?;
        let shards = all_shards(&client, &self.stream).await?;
        let rows: Vec<Row> = shards
            .iter()
            .map(row)
            .collect::<anyhow::Result<Vec<Row>>>()?
            .into_iter()
            .filter(|row| !self.open || row.state == "OPEN")
            .collect();
        if self.json {
            return rows.iter().try_for_each(output::write_json);
        }
        output::write_stdout(table(&rows).as_bytes())
    }
}

/// Every shard that is still listed, in the service's order.
pub(crate) async fn all_shards(client: &Client, stream: &str) -> anyhow::Result<Vec<Shard>> {
    let mut shards = Vec::new();
    let mut token: Option<String> = None;
    loop {
        // The service refuses a token together with the stream it already names.
        let (name, arn) = match token {
            Some(_) => (None, None),
            None => stream_reference(stream),
        };
        let call = client.list_shards().set_stream_name(name).set_stream_arn(arn);
        let reply =
            call.set_next_token(token).send().await.map_err(|error| client.explain(&error))?;
        shards.extend(reply.shards.unwrap_or_default());
        match reply.next_token {
            Some(next) => token = Some(next),
            None => return Ok(shards),
        }
    }
}

fn row(shard: &Shard) -> anyhow::Result<Row> {
    let range = shard.hash_key_range().context("the reply has a shard without a range")?;
    let numbers = shard.sequence_number_range().context("the reply has a shard without numbers")?;
    let start: u128 = range.starting_hash_key().parse().context("starting hash key")?;
    let end: u128 = range.ending_hash_key().parse().context("ending hash key")?;
    let parents = [shard.parent_shard_id(), shard.adjacent_parent_shard_id()];
    let ending = numbers.ending_sequence_number();
    Ok(Row {
        shard: shard.shard_id().to_owned(),
        state: if ending.is_some() { "CLOSED" } else { "OPEN" },
        share_percent: share_percent(start, end),
        starting_hash_key: range.starting_hash_key().to_owned(),
        ending_hash_key: range.ending_hash_key().to_owned(),
        parents: parents.into_iter().flatten().map(str::to_owned).collect(),
        starting_sequence_number: numbers.starting_sequence_number().to_owned(),
        ending_sequence_number: ending.map(str::to_owned),
    })
}

/// The part of all hash keys that an inclusive range covers.
fn share_percent(start: u128, end: u128) -> f64 {
    // Floats throughout: the width of the full range, 2^128, does not fit in u128.
    (end.saturating_sub(start) as f64 + 1.0) / (u128::MAX as f64 + 1.0) * 100.0
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new(&[
        ("SHARD", Align::Left),
        ("STATE", Align::Left),
        ("SHARE", Align::Right),
        ("PARENTS", Align::Left),
        ("FROM HASH KEY", Align::Right),
        ("TO HASH KEY", Align::Right),
    ]);
    for row in rows {
        let parents = if row.parents.is_empty() { "-".to_owned() } else { row.parents.join(",") };
        table.row(vec![
            row.shard.clone(),
            row.state.to_owned(),
            format!("{:.2}%", row.share_percent),
            parents,
            row.starting_hash_key.clone(),
            row.ending_hash_key.clone(),
        ]);
    }
    table.render()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use aws_sdk_kinesis::types::{HashKeyRange, SequenceNumberRange};

    use super::*;

    #[test]
    fn shares_add_up() {
        assert_eq!(share_percent(0, u128::MAX), 100.0);
        assert_eq!(share_percent(0, u128::MAX / 2), 50.0);
        assert_eq!(share_percent(u128::MAX / 4 + 1, u128::MAX / 2), 25.0);
    }

    #[test]
    fn shows_state_and_parents() {
        let range = HashKeyRange::builder()
            .starting_hash_key("0")
            .ending_hash_key(u128::MAX.to_string())
            .build()
            .unwrap();
        let numbers = SequenceNumberRange::builder()
            .starting_sequence_number("1")
            .ending_sequence_number("9")
            .build()
            .unwrap();
        let shard = Shard::builder()
            .shard_id("shardId-000000000002")
            .parent_shard_id("a")
            .adjacent_parent_shard_id("b")
            .hash_key_range(range)
            .sequence_number_range(numbers)
            .build()
            .unwrap();
        let text = table(&[row(&shard).unwrap()]);
        let line = text.lines().nth(1).unwrap();
        assert!(line.starts_with("shardId-000000000002  CLOSED  100.00%  a,b"), "{line}");
    }
}
