//! `anabranch put`: records from arguments, lines or files into a stream.
//!
//! One PutRecords call is in flight at a time, so that records reach the service in the order of
//! the input. After a partial failure only the failed records are sent again, in their order;
//! records of the same request that succeeded are by then ahead of them, as with any client.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use anabranch_client::Client;
use anyhow::{Context, bail, ensure};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, PutRecordsResultEntry};
use clap::Args;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::commands::block_on;
use crate::connection::ConnectionArgs;

/// The largest record of any stream.
const RECORD_BYTES_MAX: usize = 10 << 20;
/// Older servers refuse requests over 5 MiB; keys and data count.
const REQUEST_BYTES_MAX: usize = 5 << 20;
/// AWS's bound of one PutRecords call.
const REQUEST_RECORDS_MAX: u16 = 500;

/// Write records: from arguments, or one per line of standard input.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch put orders '{\"id\":1}' '{\"id\":2}' --key customer-7
  tail -F app.log | anabranch put logs                   a record per line, as they come
  anabranch put orders --file orders.jsonl --key-field /customer/id
  anabranch put images --file cat.jpg --whole --key cat
  anabranch put orders '{}' --json | jq -r .sequenceNumber")]
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
    /// Partition key of all records [default: a random one per record]
    #[arg(long, short, value_name = "KEY", conflicts_with = "key_field")]
    key: Option<String>,
    /// Partition key = this field of each JSON record, e.g. /customer/id
    #[arg(long, value_name = "JSONPOINTER", value_parser = parse_pointer)]
    key_field: Option<String>,
    /// Place all records by this hash key (decimal, below 2^128) instead of the key's
    #[arg(long, value_name = "NUMBER")]
    explicit_hash_key: Option<u128>,
    /// Records per request at most; a slow input is sent at once, not collected
    #[arg(long, value_name = "N", default_value_t = REQUEST_RECORDS_MAX,
          value_parser = clap::value_parser!(u16).range(1..=i64::from(REQUEST_RECORDS_MAX)))]
    batch: u16,
    /// Keep the line end (LF or CR LF) in the record
    #[arg(long)]
    keep_newline: bool,
    /// Send empty lines as empty records instead of skipping them
    #[arg(long)]
    keep_empty: bool,
    /// The input is base64 text of the records
    #[arg(long)]
    base64: bool,
    /// Send a record at most so many times before giving up
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u32).range(1..))]
    attempts: u32,
    /// Print nothing per record
    #[arg(long, short)]
    quiet: bool,
    /// Print a JSON line per record
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Where a record went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Receipt {
    shard: String,
    sequence_number: String,
}

/// A record of the current request: its place in the batch, and what is sent.
#[derive(Debug, Clone, PartialEq)]
struct Pending {
    at: usize,
    entry: PutRecordsRequestEntry,
}

#[derive(Debug, Default)]
struct Summary {
    records: u64,
    bytes: u64,
    requests: u64,
    resent: u64,
}

impl PutArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        block_on(self.put())
    }

    async fn put(self) -> anyhow::Result<()> {
        let client = self.connection.client().await?;
        let mut summary = Summary::default();
        let outcome = self.put_all(&client, &mut summary).await;
        eprintln!(
            "{} records, {} bytes, {} requests, {} records sent again",
            summary.records, summary.bytes, summary.requests, summary.resent
        );
        outcome
    }

    async fn put_all(&self, client: &Client, summary: &mut Summary) -> anyhow::Result<()> {
        let mut input = self.open_input()?;
        let mut next = input.recv().await;
        let mut number = 0u64;
        while let Some(data) = next.take() {
            let mut batch = Vec::new();
            let mut batch_bytes = 0;
            let mut candidate = Some(data);
            // What has arrived goes out together; nothing waits for more to arrive.
            while let Some(data) = candidate.take() {
                number += 1;
                let entry = self
                    .entry(data?)
                    .with_context(|| format!("record {number} of the input cannot be sent"))?;
                let key_bytes = entry.partition_key().map_or(0, str::len);
                let entry_bytes = entry.data().as_ref().len() + key_bytes;
                if !batch.is_empty() && batch_bytes + entry_bytes > REQUEST_BYTES_MAX {
                    self.send(client, std::mem::take(&mut batch), summary).await?;
                    batch_bytes = 0;
                }
                batch_bytes += entry_bytes;
                batch.push(entry);
                if batch.len() < usize::from(self.batch) {
                    candidate = input.try_recv().ok();
                }
            }
            self.send(client, batch, summary).await?;
            next = input.recv().await;
        }
        Ok(())
    }

    /// The records of the input. Standard input and files are read by a thread, because reading
    /// them blocks; the channel's bound keeps it from running ahead.
    fn open_input(&self) -> anyhow::Result<mpsc::Receiver<anyhow::Result<Vec<u8>>>> {
        let from_stdin = self.file.is_empty()
            && (self.data.is_empty() || (self.data.len() == 1 && self.data[0] == "-"));
        if !from_stdin && self.file.is_empty() {
            let (sender, receiver) = mpsc::channel(self.data.len());
            for text in &self.data {
                sender.try_send(Ok(text.clone().into_bytes())).context("input channel")?;
            }
            return Ok(receiver);
        }
        let (sender, receiver) = mpsc::channel(usize::from(REQUEST_RECORDS_MAX));
        let mut readers: Vec<Box<dyn BufRead + Send>> = Vec::new();
        for path in &self.file {
            let file = File::open(path)
                .with_context(|| format!("cannot open the input path={}", path.display()))?;
            readers.push(Box::new(BufReader::new(file)));
        }
        if from_stdin {
            readers.push(Box::new(BufReader::new(io::stdin())));
        }
        let form = Form {
            whole: self.whole,
            keep_newline: self.keep_newline,
            keep_empty: self.keep_empty,
        };
        std::thread::spawn(move || {
            for mut reader in readers {
                while let Some(record) = form.next_record(&mut reader).transpose() {
                    let failed = record.is_err();
                    if sender.blocking_send(record).is_err() || failed {
                        return;
                    }
                }
            }
        });
        Ok(receiver)
    }

    fn entry(&self, raw: Vec<u8>) -> anyhow::Result<PutRecordsRequestEntry> {
        let data = if self.base64 {
            base64_simd::STANDARD
                .decode_to_vec(raw.trim_ascii())
                .map_err(|_| anyhow::anyhow!("not standard base64"))?
        } else {
            raw
        };
        let key = partition_key(self.key.as_deref(), self.key_field.as_deref(), &data)?;
        let entry = PutRecordsRequestEntry::builder()
            .partition_key(key)
            .set_explicit_hash_key(self.explicit_hash_key.map(|hash_key| hash_key.to_string()))
            .data(Blob::new(data));
        Ok(entry.build()?)
    }

    /// Sends one batch until every record of it is in the stream or the attempts are used up.
    async fn send(
        &self,
        client: &Client,
        entries: Vec<PutRecordsRequestEntry>,
        summary: &mut Summary,
    ) -> anyhow::Result<()> {
        let bytes: Vec<usize> = entries.iter().map(|entry| entry.data.as_ref().len()).collect();
        let mut receipts = vec![None; entries.len()];
        let mut pending: Vec<Pending> =
            entries.into_iter().enumerate().map(|(at, entry)| Pending { at, entry }).collect();
        let mut failure = None;
        for attempt in 1..=self.attempts {
            let sent: Vec<_> = pending.iter().map(|record| record.entry.clone()).collect();
            let (by_name, by_arn) = super::stream_reference(&self.stream);
            let call = client
                .put_records()
                .set_stream_name(by_name)
                .set_stream_arn(by_arn)
                .set_records(Some(sent));
            let reply = call.send().await.map_err(|error| client.explain(&error))?;
            summary.requests += 1;
            let settled = settle(pending, reply.records(), &mut receipts)?;
            pending = settled.failed;
            failure = settled.reason;
            if pending.is_empty() || attempt == self.attempts {
                break;
            }
            summary.resent += pending.len() as u64;
            tokio::time::sleep(backoff(attempt, rand::random())).await;
        }
        for (receipt, bytes) in receipts.iter().zip(bytes) {
            if receipt.is_some() {
                summary.records += 1;
                summary.bytes += bytes as u64;
            }
        }
        self.print(&receipts)?;
        if !pending.is_empty() {
            bail!(
                "gave up after {} attempts records={} reason={}",
                self.attempts,
                pending.len(),
                failure.unwrap_or_default()
            );
        }
        Ok(())
    }

    fn print(&self, receipts: &[Option<Receipt>]) -> anyhow::Result<()> {
        if self.quiet {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        for receipt in receipts.iter().flatten() {
            if self.json {
                serde_json::to_writer(&mut out, receipt)?;
                out.write_all(b"\n")?;
            } else {
                writeln!(out, "{} {}", receipt.shard, receipt.sequence_number)?;
            }
        }
        out.flush()?;
        Ok(())
    }
}

/// How an input becomes records.
#[derive(Debug, Clone, Copy)]
struct Form {
    whole: bool,
    keep_newline: bool,
    keep_empty: bool,
}

impl Form {
    /// The next record of an input, or `None` at its end. Never holds more than the largest
    /// record in memory, however long a line is.
    fn next_record(self, reader: &mut dyn BufRead) -> anyhow::Result<Option<Vec<u8>>> {
        loop {
            let mut record = Vec::new();
            // Room for the line end and for one byte that shows that there is more.
            let mut bounded = reader.take(RECORD_BYTES_MAX as u64 + 3);
            let read = if self.whole {
                bounded.read_to_end(&mut record)?
            } else {
                bounded.read_until(b'\n', &mut record)?
            };
            if read == 0 {
                return Ok(None);
            }
            if !self.whole && !self.keep_newline && record.ends_with(b"\n") {
                record.pop();
                if record.ends_with(b"\r") {
                    record.pop();
                }
            }
            ensure!(record.len() <= RECORD_BYTES_MAX, "a record of the input is over 10 MiB");
            let blank = record.is_empty() || (self.keep_newline && record == b"\n");
            if !blank || self.keep_empty || self.whole {
                return Ok(Some(record));
            }
        }
    }
}

fn parse_pointer(text: &str) -> Result<String, String> {
    if text.starts_with('/') {
        Ok(text.to_owned())
    } else {
        Err(format!("a JSON pointer starts with / pointer={text:?}"))
    }
}

/// The given key, the key named by a JSON pointer, or a random one.
fn partition_key(
    fixed: Option<&str>,
    pointer: Option<&str>,
    data: &[u8],
) -> anyhow::Result<String> {
    let key = match (fixed, pointer) {
        (Some(key), _) => key.to_owned(),
        (None, None) => format!("{:016x}", rand::random::<u64>()),
        (None, Some(pointer)) => {
            let value: serde_json::Value =
                serde_json::from_slice(data).context("not JSON, but --key-field needs it")?;
            match value.pointer(pointer) {
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(scalar @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => {
                    scalar.to_string()
                }
                Some(_) => bail!("the key field is not a string, number or boolean at={pointer}"),
                None => bail!("the key field is missing at={pointer}"),
            }
        }
    };
    let characters = key.chars().count();
    ensure!(
        (1..=256).contains(&characters),
        "a partition key has 1 to 256 characters characters={characters}"
    );
    Ok(key)
}

/// What a reply leaves to be done.
#[derive(Debug)]
struct Settled {
    /// The records to send again, in their order.
    failed: Vec<Pending>,
    /// The service's reason for the last of them.
    reason: Option<String>,
}

/// Files the receipts of the records that succeeded and keeps the ones that failed.
fn settle(
    pending: Vec<Pending>,
    results: &[PutRecordsResultEntry],
    receipts: &mut [Option<Receipt>],
) -> anyhow::Result<Settled> {
    ensure!(
        pending.len() == results.len(),
        "the reply does not fit the request sent={} results={}",
        pending.len(),
        results.len()
    );
    let mut settled = Settled { failed: Vec::new(), reason: None };
    for (record, result) in pending.into_iter().zip(results) {
        match (result.shard_id(), result.sequence_number()) {
            (Some(shard), Some(number)) => {
                receipts[record.at] =
                    Some(Receipt { shard: shard.to_owned(), sequence_number: number.to_owned() });
            }
            _ => {
                let code = result.error_code().unwrap_or("unknown error");
                let message = result.error_message().unwrap_or_default();
                settled.reason = Some(format!("{code}: {message}"));
                settled.failed.push(record);
            }
        }
    }
    Ok(settled)
}

/// The pause after a failed attempt: doubling from 100 ms to 5 s, between half and all of it by
/// `jitter` in 0..1, so that throttled clients do not return together.
pub(crate) fn backoff(attempt: u32, jitter: f64) -> Duration {
    let full_ms = 100u64.saturating_mul(1 << attempt.saturating_sub(1).min(10)).min(5_000);
    Duration::from_millis(full_ms).mul_f64(0.5 + jitter / 2.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pending(at: usize) -> Pending {
        let entry = PutRecordsRequestEntry::builder()
            .partition_key(format!("k{at}"))
            .data(Blob::new(vec![at as u8]))
            .build()
            .unwrap();
        Pending { at, entry }
    }

    fn success(number: &str) -> PutRecordsResultEntry {
        PutRecordsResultEntry::builder().shard_id("s").sequence_number(number).build()
    }

    fn throttled() -> PutRecordsResultEntry {
        PutRecordsResultEntry::builder()
            .error_code("ProvisionedThroughputExceededException")
            .error_message("slow down")
            .build()
    }

    #[test]
    fn sends_only_the_failed_records_again_and_in_order() {
        let mut receipts = vec![None; 4];
        let all = (0..4).map(pending).collect();
        let results = [throttled(), success("1"), throttled(), success("3")];
        let settled = settle(all, &results, &mut receipts).unwrap();
        assert_eq!(settled.failed, vec![pending(0), pending(2)]);
        assert_eq!(
            settled.reason.unwrap(),
            "ProvisionedThroughputExceededException: slow down".to_owned()
        );

        let settled = settle(settled.failed, &[success("0"), throttled()], &mut receipts).unwrap();
        assert_eq!(settled.failed, vec![pending(2)]);
        let settled = settle(settled.failed, &[success("2")], &mut receipts).unwrap();
        assert!(settled.failed.is_empty() && settled.reason.is_none());
        let numbers: Vec<_> =
            receipts.into_iter().map(|receipt| receipt.unwrap().sequence_number).collect();
        assert_eq!(numbers, ["0", "1", "2", "3"]);
    }

    #[test]
    fn refuses_a_reply_of_another_length() {
        let mut receipts = vec![None; 2];
        assert!(settle(vec![pending(0), pending(1)], &[success("0")], &mut receipts).is_err());
    }

    #[test]
    fn reads_lines_of_every_kind() {
        let records = |text: &[u8], keep_newline, keep_empty| {
            let form = Form { whole: false, keep_newline, keep_empty };
            let mut reader = text;
            let mut records = Vec::new();
            while let Some(record) = form.next_record(&mut reader).unwrap() {
                records.push(String::from_utf8(record).unwrap());
            }
            records
        };
        assert_eq!(records(b"a\r\n\nb\nlast", false, false), ["a", "b", "last"]);
        assert_eq!(records(b"a\n\nb\n", false, true), ["a", "", "b"]);
        assert_eq!(records(b"a\n\nb\n", true, false), ["a\n", "b\n"]);
        assert!(records(b"", false, true).is_empty());
    }

    #[test]
    fn bounds_a_line_without_end() {
        let form = Form { whole: false, keep_newline: false, keep_empty: false };
        let mut reader = BufReader::new(io::repeat(b'x'));
        assert!(form.next_record(&mut reader).is_err());
    }

    #[test]
    fn takes_keys_from_fields() {
        let key = |pointer, data: &str| partition_key(None, Some(pointer), data.as_bytes());
        assert_eq!(key("/a/b", r#"{"a":{"b":"x"}}"#).unwrap(), "x");
        assert_eq!(key("/id", r#"{"id":42}"#).unwrap(), "42");
        for (pointer, data) in [
            ("/id", "{}"),
            ("/id", r#"{"id":[]}"#),
            ("/id", r#"{"id":null}"#),
            ("/id", r#"{"id":""}"#),
            ("/id", "plain"),
        ] {
            assert!(key(pointer, data).is_err(), "{data}");
        }
        assert_eq!(partition_key(Some("k"), None, b"plain").unwrap(), "k");
        let random = || partition_key(None, None, b"").unwrap();
        assert_ne!(random(), random());
    }

    #[test]
    fn backs_off_within_bounds() {
        assert_eq!(backoff(1, 0.0), Duration::from_millis(50));
        assert_eq!(backoff(1, 1.0), Duration::from_millis(100));
        assert_eq!(backoff(3, 1.0), Duration::from_millis(400));
        assert_eq!(backoff(60, 1.0), Duration::from_secs(5));
    }
}
