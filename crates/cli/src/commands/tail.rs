//! `anabranch tail`: read a stream, from any point, across reshards.
//!
//! One task per shard reads and hands its batches to the one that prints. A child shard starts
//! when all its parents have been printed to their end, so records of one key stay in order.
//! Memory is bounded by [`READS_AT_ONCE`] replies, however many shards there are. Aggregates are
//! printed as the user records that they have.

use anabranch_client::{Client, stream_reference};
use std::collections::HashSet;
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::{bail, ensure};
use aws_sdk_kinesis::types::{Record, ShardFilter, ShardFilterType};
use clap::Args;
use tokio::sync::{Semaphore, mpsc};

use crate::commands::{block_on, shards};
use crate::connection::ConnectionArgs;
use crate::output;
use crate::units::Instant;

mod format;
mod lineage;
mod reader;
mod start;
mod user_records;

use format::{Format, Printer};
use lineage::Lineage;
use reader::{Event, Reader};
use start::{Start, parse_start};
use user_records::UserRecord;

/// Replies in memory at once; each is at most 10 MiB.
const READS_AT_ONCE: usize = 8;

/// Read records of a stream; aggregates are taken apart.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch tail orders                                  new records until Ctrl-C
  anabranch tail orders --from 15m                       the last 15 minutes, then go on
  anabranch tail orders --from trim-horizon --no-follow  all there is, then exit
  anabranch tail orders --from 2026-01-02T03:04:05Z --format json | jq .data
  anabranch tail orders --shard shardId-000000000001 --from seq:4959033827149025660855969253836
  anabranch tail orders --from trim-horizon --limit 1 > first-record
  anabranch tail orders --no-deaggregate --format json   aggregates of producers as they are stored")]
pub(crate) struct TailArgs {
    /// Name or ARN of the stream
    #[arg(value_name = "STREAM")]
    stream: String,
    /// Where to start: trim-horizon, latest, a time (RFC 3339, unix seconds, or a span before
    /// now such as 15m), or a sequence number (needs one --shard; seq:N forces that meaning)
    #[arg(long, value_name = "POINT", default_value = "latest", value_parser = parse_start)]
    from: Start,
    /// Read only these shards; may be repeated [default: all]
    #[arg(long, value_name = "ID")]
    shard: Vec<String>,
    /// Go on at the tip and wait for new records; this is the default
    #[arg(long, short, overrides_with = "no_follow")]
    follow: bool,
    /// Exit when everything up to the tip has been read
    #[arg(long, overrides_with = "follow")]
    no_follow: bool,
    /// How records are printed [default: text on a terminal, else raw]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Print the data alone, as raw always does: no time, shard, key and number
    #[arg(long)]
    no_metadata: bool,
    /// Print aggregates as they are stored, not the user records in them
    #[arg(long)]
    no_deaggregate: bool,
    /// Exit after so many records; each user record of an aggregate counts
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    #[command(flatten)]
    connection: ConnectionArgs,
}

impl TailArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        block_on(async {
            tokio::select! {
                outcome = self.tail() => outcome,
                _ = tokio::signal::ctrl_c() => Ok(()),
                () = output::stdout_closed() => Ok(()),
            }
        })
    }

    async fn tail(&self) -> anyhow::Result<()> {
        ensure!(
            !matches!(self.from, Start::Sequence(_)) || self.shard.len() == 1,
            "a sequence number belongs to one shard: give --shard ID"
        );
        let client = self.connection.client().await?;
        let (mut lineage, first) = self.first_shards(&client).await?;
        let (events, mut inbox) = mpsc::channel(READS_AT_ONCE);
        let readers = Readers {
            client: client.clone(),
            stream: self.stream.clone(),
            follow: self.follow || !self.no_follow,
            began: Instant::now(),
            reads: Arc::new(Semaphore::new(READS_AT_ONCE)),
            events,
        };
        let mut reading = HashSet::new();
        for shard in first {
            readers.spawn(&shard, self.from.clone());
            reading.insert(shard);
        }

        let printer = Printer::new(&self.stream, self.format(), !self.no_metadata);
        let mut left = self.limit.unwrap_or(u64::MAX);
        while !reading.is_empty() {
            let Some(event) = inbox.recv().await else { break };
            match event {
                Event::Records { shard, records, permit } => {
                    let is_enough = self.print(&printer, &shard, &records, &mut left)?;
                    drop(permit);
                    if is_enough {
                        return Ok(());
                    }
                }
                Event::CaughtUp { shard } => {
                    reading.remove(&shard);
                }
                Event::Ended { shard, children } => {
                    reading.remove(&shard);
                    for child in lineage.ended(&shard, &children) {
                        readers.spawn(&child, self.start_of_child());
                        reading.insert(child);
                    }
                }
                Event::Failed { shard, error } => {
                    return Err(error.context(format!("reading {shard}")));
                }
            }
        }
        Ok(())
    }

    /// Prints records of a shard and says whether that is enough.
    fn print(
        &self,
        printer: &Printer,
        shard: &str,
        records: &[Record],
        left: &mut u64,
    ) -> io::Result<bool> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut print = |record: UserRecord<'_>| match printer.print(&mut out, shard, &record) {
            Ok(()) => {
                *left -= 1;
                if *left == 0 { ControlFlow::Break(Ok(())) } else { ControlFlow::Continue(()) }
            }
            Err(error) => ControlFlow::Break(Err(error)),
        };
        let printed = records.iter().try_for_each(|record| match self.no_deaggregate {
            true => print(UserRecord::stored(record)),
            false => user_records::for_each(record, &mut print),
        });
        out.flush()?;
        printed.break_value().transpose().map(|enough| enough.is_some())
    }

    /// The shards to start with, and the known lineage of the others.
    async fn first_shards(&self, client: &Client) -> anyhow::Result<(Lineage, Vec<String>)> {
        if !self.shard.is_empty() {
            let lineage = Lineage::new(&self.shard, &[]);
            return Ok((lineage, self.shard.clone()));
        }
        let listed = match &self.from {
            Start::TrimHorizon => shards::all_shards(client, &self.stream).await?,
            Start::Latest => {
                let mut open = shards::all_shards(client, &self.stream).await?;
                open.retain(|shard| {
                    shard
                        .sequence_number_range()
                        .is_none_or(|numbers| numbers.ending_sequence_number().is_none())
                });
                open
            }
            // Old servers ignore the filter and list more; lineage copes with that.
            Start::Time(time) => {
                let filter = ShardFilter::builder()
                    .r#type(ShardFilterType::AtTimestamp)
                    .timestamp(time.to_date_time())
                    .build()?;
                let (name, arn) = stream_reference(&self.stream);
                let mut pages = client
                    .list_shards()
                    .set_stream_name(name)
                    .set_stream_arn(arn)
                    .shard_filter(filter)
                    .send()
                    .await
                    .map_err(|error| client.explain(&error))?;
                let mut listed = pages.shards.take().unwrap_or_default();
                while let Some(token) = pages.next_token.take() {
                    let call = client.list_shards().next_token(token);
                    pages = call.send().await.map_err(|error| client.explain(&error))?;
                    listed.extend(pages.shards.take().unwrap_or_default());
                }
                listed
            }
            Start::Sequence(_) => bail!("a sequence number belongs to one shard"),
        };
        ensure!(!listed.is_empty(), "the stream has no shard to read stream={}", self.stream);
        let parents: Vec<(String, Vec<String>)> = listed
            .iter()
            .map(|shard| {
                let parents = [shard.parent_shard_id(), shard.adjacent_parent_shard_id()];
                let parents = parents.into_iter().flatten().map(str::to_owned).collect();
                (shard.shard_id().to_owned(), parents)
            })
            .collect();
        let first = lineage::roots(&parents);
        Ok((Lineage::new(&first, &parents), first))
    }

    fn format(&self) -> Format {
        let default = if io::stdout().is_terminal() { Format::Text } else { Format::Raw };
        self.format.unwrap_or(default)
    }

    /// A child holds records from before a start *time* too, if it is older than that; after
    /// any other start all of a child is new.
    fn start_of_child(&self) -> Start {
        match &self.from {
            Start::Time(time) => Start::Time(*time),
            Start::TrimHorizon | Start::Latest | Start::Sequence(_) => Start::TrimHorizon,
        }
    }
}

/// What all readers share.
struct Readers {
    client: Client,
    stream: String,
    follow: bool,
    began: Instant,
    reads: Arc<Semaphore>,
    events: mpsc::Sender<Event>,
}

impl Readers {
    fn spawn(&self, shard: &str, start: Start) {
        let reader = Reader {
            client: self.client.clone(),
            stream: self.stream.clone(),
            shard: shard.to_owned(),
            start,
            began: self.began,
            follow: self.follow,
            last_number: None,
            reads: Arc::clone(&self.reads),
            events: self.events.clone(),
        };
        tokio::spawn(reader.run());
    }
}
