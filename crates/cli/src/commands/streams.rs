//! `anabranch streams`: list, create, describe, reshard and delete streams.

use anyhow::Context;
use aws_sdk_kinesis::types::{
    ScalingType, StreamDescriptionSummary, StreamMode, StreamModeDetails, StreamSummary,
};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::commands::reshard::{MergeArgs, SplitArgs};
use crate::commands::wait::WaitArgs;
use crate::commands::{block_on, stream_summary};
use crate::connection::ConnectionArgs;
use crate::output::{self, Align, Table};
use crate::units::rfc3339;
use anabranch_client::stream_reference;

/// List, create, describe, reshard and delete streams.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  anabranch streams
  anabranch streams create orders --shards 4 --wait
  anabranch streams describe orders --json
  anabranch streams scale orders --shards 8 --wait
  anabranch streams delete orders --wait
  anabranch streams list --aws --profile production"
)]
pub(crate) struct StreamsArgs {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(ListArgs),
    Create(CreateArgs),
    Describe(DescribeArgs),
    Scale(ScaleArgs),
    Split(SplitArgs),
    Merge(MergeArgs),
    Delete(DeleteArgs),
}

/// List the streams of the account and Region.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  anabranch streams list --json | jq -r .name")]
struct ListArgs {
    /// Print a JSON line per stream
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Create a stream.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch streams create orders --shards 4 --wait
  anabranch streams create clicks --on-demand")]
struct CreateArgs {
    /// Name of the new stream
    name: String,
    /// Number of shards
    #[arg(long, short, value_name = "N", default_value_t = 1, conflicts_with = "on_demand")]
    shards: u16,
    /// On-demand mode: the service decides about shards
    #[arg(long)]
    on_demand: bool,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Describe a stream.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  anabranch streams describe orders")]
struct DescribeArgs {
    /// Name or ARN of the stream
    name: String,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Change the number of shards.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  anabranch streams scale orders --shards 8 --wait")]
struct ScaleArgs {
    /// Name or ARN of the stream
    name: String,
    /// Number of open shards afterwards
    #[arg(long, short, value_name = "N")]
    shards: u16,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Delete a stream with all its data.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  anabranch streams delete orders --wait")]
struct DeleteArgs {
    /// Name or ARN of the stream
    name: String,
    /// Delete it even if it has fan-out consumers
    #[arg(long)]
    with_consumers: bool,
    #[command(flatten)]
    wait: WaitArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// A stream as it is printed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    status: String,
    mode: String,
    created: String,
    arn: String,
}

/// A described stream as it is printed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    name: String,
    arn: String,
    status: String,
    mode: String,
    open_shards: i32,
    consumers: i32,
    retention_hours: i32,
    encryption: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_record_kib: Option<i32>,
    created: String,
}

impl StreamsArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        block_on(async {
            match self.action.unwrap_or(Action::List(self.list)) {
                Action::List(args) => args.run().await,
                Action::Create(args) => args.run().await,
                Action::Describe(args) => args.run().await,
                Action::Scale(args) => args.run().await,
                Action::Split(args) => args.run().await,
                Action::Merge(args) => args.run().await,
                Action::Delete(args) => args.run().await,
            }
        })
    }
}

impl ListArgs {
    async fn run(self) -> anyhow::Result<()> {
        let client = self.connection.client().await?;
        let mut rows = Vec::new();
        let mut token = None;
        loop {
            let call = client.list_streams().set_next_token(token);
            let reply = call.send().await.map_err(|error| client.explain(&error))?;
            // Old servers have names only.
            if reply.stream_summaries().is_empty() {
                rows.extend(reply.stream_names().iter().map(|name| name_only(name)));
            } else {
                rows.extend(reply.stream_summaries().iter().map(row));
            }
            token = reply.next_token;
            if token.is_none() {
                break;
            }
        }
        if self.json {
            return rows.iter().try_for_each(output::write_json);
        }
        output::write_stdout(table(&rows).as_bytes())
    }
}

impl CreateArgs {
    async fn run(self) -> anyhow::Result<()> {
        let client = self.connection.client().await?;
        let call = client.create_stream().stream_name(&self.name);
        let call = if self.on_demand {
            let mode = StreamModeDetails::builder().stream_mode(StreamMode::OnDemand).build()?;
            call.stream_mode_details(mode)
        } else {
            call.shard_count(i32::from(self.shards))
        };
        call.send().await.map_err(|error| client.explain(&error))?;
        let outcome = match self.wait.until_active(&client, &self.name).await? {
            true => "is ACTIVE",
            false => "is being created",
        };
        eprintln!("{} {outcome}", self.name);
        Ok(())
    }
}

impl DescribeArgs {
    async fn run(self) -> anyhow::Result<()> {
        let client = self.connection.client().await?;
        let summary = stream_summary(&client, &self.name)
            .await?
            .with_context(|| format!("no such stream name={}", self.name))?;
        let description = description(&summary);
        if self.json {
            return output::write_json(&description);
        }
        output::write_stdout(description.to_text().as_bytes())
    }
}

impl ScaleArgs {
    async fn run(self) -> anyhow::Result<()> {
        let client = self.connection.client().await?;
        let (name, arn) = stream_reference(&self.name);
        let reply = client
            .update_shard_count()
            .set_stream_name(name)
            .set_stream_arn(arn)
            .target_shard_count(i32::from(self.shards))
            .scaling_type(ScalingType::UniformScaling)
            .send()
            .await
            .map_err(|error| client.explain(&error))?;
        let from = reply.current_shard_count.unwrap_or_default();
        self.wait.until_active(&client, &self.name).await?;
        eprintln!("{}: {from} -> {} shards", self.name, self.shards);
        Ok(())
    }
}

impl DeleteArgs {
    async fn run(self) -> anyhow::Result<()> {
        let client = self.connection.client().await?;
        let (name, arn) = stream_reference(&self.name);
        client
            .delete_stream()
            .set_stream_name(name)
            .set_stream_arn(arn)
            .set_enforce_consumer_deletion(self.with_consumers.then_some(true))
            .send()
            .await
            .map_err(|error| client.explain(&error))?;
        let outcome = match self.wait.until_gone(&client, &self.name).await? {
            true => "is deleted",
            false => "is being deleted",
        };
        eprintln!("{} {outcome}", self.name);
        Ok(())
    }
}

fn name_only(name: &str) -> Row {
    let unknown = || "-".to_owned();
    Row {
        name: name.to_owned(),
        status: unknown(),
        mode: unknown(),
        created: unknown(),
        arn: unknown(),
    }
}

fn row(summary: &StreamSummary) -> Row {
    Row {
        name: summary.stream_name().to_owned(),
        status: summary.stream_status().as_str().to_owned(),
        mode: mode_text(summary.stream_mode_details()),
        created: summary.stream_creation_timestamp().map_or_else(|| "-".to_owned(), rfc3339),
        arn: summary.stream_arn().to_owned(),
    }
}

/// Streams made before modes existed have none, and are provisioned.
fn mode_text(details: Option<&StreamModeDetails>) -> String {
    details.map_or("PROVISIONED", |details| details.stream_mode().as_str()).to_owned()
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new(&[
        ("NAME", Align::Left),
        ("STATUS", Align::Left),
        ("MODE", Align::Left),
        ("CREATED", Align::Left),
    ]);
    for row in rows {
        let cells = [&row.name, &row.status, &row.mode, &row.created];
        table.row(cells.into_iter().cloned().collect());
    }
    table.render()
}

fn description(summary: &StreamDescriptionSummary) -> Description {
    Description {
        name: summary.stream_name().to_owned(),
        arn: summary.stream_arn().to_owned(),
        status: summary.stream_status().as_str().to_owned(),
        mode: mode_text(summary.stream_mode_details()),
        open_shards: summary.open_shard_count(),
        consumers: summary.consumer_count().unwrap_or(0),
        retention_hours: summary.retention_period_hours(),
        encryption: summary.encryption_type().map_or("NONE", |kind| kind.as_str()).to_owned(),
        max_record_kib: summary.max_record_size_in_kib(),
        created: rfc3339(summary.stream_creation_timestamp()),
    }
}

impl Description {
    fn to_text(&self) -> String {
        let max_record = self.max_record_kib.map_or_else(|| "-".to_owned(), |n| format!("{n} KiB"));
        let mut text = String::new();
        for (label, value) in [
            ("name", self.name.clone()),
            ("arn", self.arn.clone()),
            ("status", self.status.clone()),
            ("mode", self.mode.clone()),
            ("open shards", self.open_shards.to_string()),
            ("consumers", self.consumers.to_string()),
            ("retention", format!("{} h", self.retention_hours)),
            ("encryption", self.encryption.clone()),
            ("largest record", max_record),
            ("created", self.created.clone()),
        ] {
            text.push_str(&format!("{label:<15} {value}\n"));
        }
        text
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use aws_sdk_kinesis::primitives::DateTime;
    use aws_sdk_kinesis::types::StreamStatus;

    use super::*;

    #[test]
    fn tells_provisioned_streams_without_a_mode() {
        assert_eq!(mode_text(None), "PROVISIONED");
        let mode = StreamModeDetails::builder().stream_mode(StreamMode::OnDemand).build().unwrap();
        assert_eq!(mode_text(Some(&mode)), "ON_DEMAND");
    }

    #[test]
    fn prints_a_table_also_of_names_alone() {
        let summary = StreamSummary::builder()
            .stream_name("orders")
            .stream_arn("arn:x")
            .stream_status(StreamStatus::Active)
            .stream_creation_timestamp(DateTime::from_secs(1_459_799_926))
            .build()
            .unwrap();
        let text = table(&[row(&summary), name_only("old")]);
        assert_eq!(
            text,
            "NAME    STATUS  MODE         CREATED\n\
             orders  ACTIVE  PROVISIONED  2016-04-04T19:58:46Z\n\
             old     -       -            -\n"
        );
    }
}
