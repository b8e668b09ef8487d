//! `anabranch put`: records from arguments, lines or files into a stream, through the producer.
//!
//! Order: by default one request is under way at a time, so that the records of a shard are stored in
//! the order of the input. A record that its shard throttles is sent again before what came after its
//! request; those of the same request that went through are ahead of it by then. With `--ordered` the
//! records of a partition key never pass each other, and other keys do not wait for them.
//!
//! Memory: what the producer has room for, and a bounded number of receipts, which are printed in the
//! order of the input. With `--spool` the input may be ahead by more: it is on the disk then (`spooled`).

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anabranch_client::Client;
use anabranch_producer::{Producer, Settings, Spool, SpoolError, SpoolStatus};
use anyhow::{Context, bail};
use clap::Args;
use futures_util::FutureExt;

use crate::commands::block_on;
use crate::connection::ConnectionArgs;
use crate::units::{ByteSize, parse_span};

mod decompress;
mod feed;
mod input;
mod key;
mod outcome;
mod printer;
mod progress;
mod spool_report;
mod spooled;
mod watch;

use decompress::Decompress;
use feed::{Fed, Feed, Shape};
use input::{Form, Input, RECORD_BYTES_MAX, Source};
use key::parse_pointer;
use outcome::Outcome;
use printer::Printer;
use progress::Screen;
use watch::{Stop, Target, Watch};

/// AWS's bound of one PutRecords call.
const REQUEST_RECORDS_MAX: u16 = 500;
/// Requests under way at once where order does not depend on there being one.
const IN_FLIGHT_ORDERED: u16 = 24;
/// Bytes of the longest partition key.
const KEY_BYTES_MAX: usize = 256 * 4;

/// Write records: from arguments, or one per line of standard input.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch put orders '{\"id\":1}' '{\"id\":2}' --key customer-7
  tail -F app.log | anabranch put logs                   a record per line, as they come
  anabranch put orders --file orders.jsonl --key-field /customer/id
  anabranch put orders --file orders.jsonl.zst --key-field /customer/id --ordered --aggregate
  anabranch put images --file cat.jpg --whole --key cat
  anabranch put orders '{}' --json | jq -r .sequenceNumber
  tail -F app.log | anabranch put logs --spool /var/spool/logs
                                 what is in the spool outlives outages, and the program being killed

Order: the records of a shard are stored in the order of the input, but for those that their shard
throttles: they are sent again before all later requests, and after the rest of their own. With
--ordered the records of each partition key are stored in the order of the input, come what may.
--in-flight 2 or more without --ordered gives up order for speed.

When a record cannot be stored, no more input is read, what has been read is still sent, and the exit
status is 1. Ctrl-C sends what has been read; a second one gives it up.

With --spool DIR a record is durable in DIR before it is sent, and input is read on through an outage
until DIR has --spool-max bytes; then reading waits. What an earlier run left in DIR is sent first, to
the streams that it was for, and may be there twice. When the input is over and no record is stored for
--timeout, what is left stays in DIR, the next run with this DIR sends it, and the exit status is 1. When
the program is killed, what it had read in the last moment and was not durable yet is lost. Of a record
that is stored when 65,536 later ones have been read no line is printed. One run at a time may use a
DIR.")]
pub(crate) struct PutArgs {
    /// Name or ARN of the stream
    #[arg(value_name = "STREAM")]
    stream: String,
    /// Records; `-` or none at all reads lines of standard input
    #[arg(value_name = "DATA", conflicts_with = "file")]
    data: Vec<String>,
    /// Read lines of this file; may be repeated
    #[arg(long, short, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// Each file, or standard input, is one record instead of one per line
    #[arg(long)]
    whole: bool,
    /// How the input is compressed
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Decompress::Auto)]
    decompress: Decompress,
    /// Partition key of all records [default: a random one per record]
    #[arg(long, short, value_name = "KEY", conflicts_with = "key_field", group = "keyed")]
    key: Option<String>,
    /// Partition key = this field of each JSON record, e.g. /customer/id
    #[arg(long, value_name = "JSONPOINTER", value_parser = parse_pointer, group = "keyed")]
    key_field: Option<String>,
    /// Place all records by this hash key (decimal, below 2^128) instead of the key's
    #[arg(long, value_name = "NUMBER")]
    explicit_hash_key: Option<u128>,
    /// Pack many records into one of the stream, as the Kinesis Producer Library does: much faster for
    /// small records, but readers must take them apart (`anabranch tail` and the Kinesis Client Library
    /// do)
    #[arg(long)]
    aggregate: bool,
    /// Keep the records of each partition key in order, through throttling, failures and reshards. Of a
    /// key one request is under way at a time, with one record of the stream: with few keys, --aggregate
    /// makes it much faster
    #[arg(long, requires = "keyed")]
    ordered: bool,
    /// Requests under way at once; with more than 1, records may pass each other unless they are
    /// --ordered [default: 1, with --ordered 24]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    in_flight: Option<u16>,
    /// Records per request at most
    #[arg(long, value_name = "N", default_value_t = REQUEST_RECORDS_MAX,
          value_parser = clap::value_parser!(u16).range(1..=i64::from(REQUEST_RECORDS_MAX)))]
    batch: u16,
    /// How long a record may wait for others to go with
    #[arg(long, value_name = "SPAN", default_value = "10ms", value_parser = parse_span)]
    linger: Duration,
    /// Send a shard at most so many percent of what it takes (1 MiB and 1,000 records a second)
    /// [default: as fast as it goes]
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate_limit: Option<u32>,
    /// Keep records in this directory, which is made, until they are stored
    #[arg(long, value_name = "DIR")]
    spool: Option<PathBuf>,
    /// Bytes of the spool at most, 11MiB at least; when it has them, reading waits
    #[arg(long, value_name = "SIZE", default_value = "1GiB", requires = "spool")]
    spool_max: ByteSize,
    /// Give up when the next record is not stored for so long; with --spool, when none is after the end of
    /// the input
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = parse_span)]
    timeout: Duration,
    /// Keep the line end (LF or CR LF) in the record
    #[arg(long)]
    keep_newline: bool,
    /// Send empty lines as empty records instead of skipping them
    #[arg(long)]
    keep_empty: bool,
    /// The input is base64 text of the records
    #[arg(long)]
    base64: bool,
    /// Print nothing per record, and no progress
    #[arg(long, short)]
    quiet: bool,
    /// Print a JSON line per record
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

impl PutArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        block_on(self.put())
    }

    async fn put(self) -> anyhow::Result<()> {
        let input = self.input()?;
        let client = self.connection.client().await?;
        let producer = self.producer(&client)?;
        let is_full = Arc::default();
        let target = Target {
            producer: producer.clone(),
            stream: self.stream.clone(),
            endpoint: client.endpoint().to_owned(),
            spool_max: self.spool.as_ref().map(|_| self.spool_max.0),
            is_full: Arc::clone(&is_full),
        };
        let watch = Watch::new(target, self.timeout, Screen::new(self.quiet), input.size())?;
        if let Some(found) = producer.spool().and_then(|status| spool_report::found(&status)) {
            watch.screen.say(&format!("anabranch: {found}"));
        }
        self.prepare(&producer, &watch).await?;
        let mut feed = Feed::start(input, self.shape(), producer.clone(), is_full);
        let ended = {
            let mut work = pin!(self.settle_all(&mut feed, &watch));
            let mut watching = pin!(watch.run());
            tokio::select! {
                biased;
                ended = &mut work => ended,
                never = &mut watching => match never {},
            }
        };
        if producer.spool().is_some() {
            // What is left is said by the status.
            let _ = producer.close(Duration::ZERO).await;
        }
        let (summary, failure) = self.sum_up(&watch, producer.spool());
        watch.screen.say(&summary);
        match (failure, ended) {
            (Some(failure), Err(error)) => bail!("{failure}; {error:#}"),
            (Some(failure), Ok(())) => bail!(failure),
            (None, ended) => ended,
        }
    }

    /// What was done, and what went wrong, if anything did.
    fn sum_up(&self, watch: &Watch, spool: Option<SpoolStatus>) -> (String, Option<String>) {
        let tally = watch.tally.borrow();
        let (Some(status), Some(directory)) = (spool, &self.spool) else {
            return (tally.summary(), tally.failure());
        };
        watch.say_damage(&status);
        let taken = watch.taken.get();
        let trouble = watch.trouble();
        let problems = spool_report::problems(taken, &tally, &status, directory, trouble.as_ref());
        (spool_report::summary(taken, &status), problems)
    }

    fn producer(&self, client: &Client) -> anyhow::Result<Producer> {
        Producer::open(client, self.settings()).map_err(|error| {
            let is_small = matches!(error, SpoolError::TooSmall { .. });
            let what = if is_small { "--spool-max is too small" } else { "cannot open the spool" };
            anyhow::Error::new(error).context(what)
        })
    }

    fn settings(&self) -> Settings {
        let in_flight = self.in_flight.unwrap_or(if self.ordered { IN_FLIGHT_ORDERED } else { 1 });
        Settings {
            aggregation_enabled: self.aggregate,
            collection_max_count: self.batch.into(),
            record_max_buffered_time: self.linger,
            // A record may wait long for its turn at a slow shard; what counts is that it goes on.
            record_ttl: None,
            rate_limit: self.rate_limit,
            max_connections: in_flight.into(),
            max_user_record_size: RECORD_BYTES_MAX + KEY_BYTES_MAX,
            // A second try before it is given up.
            request_timeout: (self.timeout / 2).max(Duration::from_millis(1)),
            spool: self.spool.as_ref().map(|dir| Spool::new(dir).max_bytes(self.spool_max.0)),
            ..Settings::default()
        }
    }

    fn shape(&self) -> Shape {
        Shape {
            stream: self.stream.clone(),
            base64: self.base64,
            key: self.key.clone(),
            key_field: self.key_field.clone(),
            explicit_hash_key: self.explicit_hash_key,
            ordered: self.ordered,
        }
    }

    fn input(&self) -> anyhow::Result<Input> {
        let form = Form {
            whole: self.whole,
            keep_newline: self.keep_newline,
            keep_empty: self.keep_empty,
            decompress: self.decompress,
        };
        if !self.file.is_empty() {
            let sources: anyhow::Result<Vec<_>> = self.file.iter().map(Source::file).collect();
            return Ok(Input::sources(sources?, form));
        }
        let from_stdin = self.data.is_empty() || (self.data.len() == 1 && self.data[0] == "-");
        Ok(match from_stdin {
            true => Input::sources(vec![Source::stdin()], form),
            false => Input::arguments(self.data.clone()),
        })
    }

    /// Learns the shards of the stream, so that the first records have their places too.
    async fn prepare(&self, producer: &Producer, watch: &Watch) -> anyhow::Result<()> {
        match producer.prepare(&self.stream).await {
            Ok(()) => {}
            Err(trouble) if &*trouble.code == watch::NOT_FOUND => bail!("{trouble}"),
            // Whether records can be stored is another question.
            Err(trouble) if watch::is_denied(&trouble) => {
                if self.aggregate {
                    watch.screen.say(&format!(
                        "anabranch: --aggregate has no effect, for it needs the list of shards: \
                         {trouble}"
                    ));
                }
            }
            Err(trouble) => watch.say_trouble(&trouble),
        }
        Ok(())
    }

    /// Waits for the outcomes in the order of the input, and prints them.
    async fn settle_all(&self, feed: &mut Feed, watch: &Watch) -> anyhow::Result<()> {
        let mut printer = Printer::new(!self.quiet, self.json);
        let ended = match &self.spool {
            None => self.settle_each(feed, watch, &mut printer).await,
            Some(_) => spooled::settle(feed, watch, &mut printer, self.aggregate).await,
        };
        printer.flush(&watch.screen)?;
        ended
    }

    async fn settle_each(
        &self,
        feed: &mut Feed,
        watch: &Watch,
        printer: &mut Printer,
    ) -> anyhow::Result<()> {
        loop {
            let fed = match feed.try_next() {
                Some(fed) => Some(fed),
                None => {
                    printer.flush(&watch.screen)?;
                    tokio::select! {
                        biased;
                        fed = feed.next() => fed,
                        () = watch.closed() => match feed.next_of_the_last().await {
                            Some(fed) => Some(fed),
                            None => return Ok(()),
                        }
                    }
                }
            };
            let (mut receipt, bytes, position) = match fed.context("the input's thread is gone")? {
                Fed::Record { receipt, bytes, position, .. } => (receipt, bytes, position),
                Fed::End(ended) => return ended,
            };
            let result = match (&mut receipt).now_or_never() {
                Some(result) => result,
                None => {
                    printer.flush(&watch.screen)?;
                    let _waiting = watch.wait_for_next();
                    receipt.await
                }
            };
            let outcome = Outcome::of(result, bytes);
            watch.note(&outcome, position, self.aggregate);
            match &outcome.result {
                Ok(place) => printer.print(place, &watch.screen)?,
                // The rest of the input would come after a gap.
                Err(_) => watch.stop(Stop::AfterWhatWasRead),
            }
        }
    }
}
