//! A producer: its keys are its own, and it sends a key's records one after another.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::index;

use crate::harness::{Failure, Harness, Phase, Running, Stream, failure};
use crate::library::Library;
use crate::payload::{self, HEADER_BYTES, KeyId, Name};
use crate::place::{Place, place};

/// Keys of a producer: so large batches have no key twice.
const KEYS: u16 = 600;
/// Records of a batch.
const BATCH_MAX: usize = 500;
/// Bytes of a batch, well below the service's 10 MiB.
const BATCH_BYTES_MAX: usize = 4 << 20;
const THROTTLED: &str = "ProvisionedThroughputExceededException";
/// Records of a stream that are not settled; beyond it, producers wait for the readers.
const UNSETTLED_MAX: usize = 100_000;

pub(crate) struct Producer {
    harness: Arc<Harness>,
    stream: usize,
    number: u16,
    counters: Vec<u64>,
    rng: StdRng,
    /// Bytes a second.
    pace: f64,
}

/// How its records are sent: by calls of its own, each of which the truth knows, or by the library.
enum Sending {
    Calls,
    Library(Library),
}

/// A record on its way.
#[derive(Clone, Copy, Debug)]
struct Item {
    name: Name,
    bytes: usize,
}

/// What was answered about one record.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Stored(Place),
    Throttled,
}

impl Sending {
    /// Whether it can go on.
    fn is_well(&self) -> bool {
        match self {
            Self::Calls => true,
            Self::Library(library) => library.is_well(),
        }
    }
}

impl Producer {
    pub(crate) fn new(harness: Arc<Harness>, stream: usize, number: u16, pace: f64) -> Self {
        let rng = harness.rng("producer", (stream as u64) << 32 | u64::from(number));
        Self { harness, stream, number, counters: vec![0; KEYS.into()], rng, pace }
    }

    fn stream(&self) -> &Stream {
        &self.harness.streams[self.stream]
    }

    pub(crate) async fn run(mut self) -> Result<()> {
        let sending = match self.number % 2 {
            1 => Sending::Library(Library::start(self.harness.clone(), self.stream).await?),
            _ => Sending::Calls,
        };
        let mut due = Instant::now();
        while self.harness.phase() == Phase::Torture && sending.is_well() {
            let batch = self.draw();
            let bytes: usize = batch.iter().map(|item| item.bytes).sum();
            match &sending {
                Sending::Calls => self.deliver(batch).await?,
                Sending::Library(library) => {
                    for item in batch {
                        library.put(item.name, item.bytes).await?;
                    }
                }
            }
            // Nothing is caught up after a kill: the pace is a bound.
            due = due.max(Instant::now()) + Duration::from_secs_f64(bytes as f64 / self.pace);
            let pause = due.saturating_duration_since(Instant::now());
            self.harness.pause(pause, Phase::Draining).await;
            while sending.is_well() && self.stream().truth().unsettled() > UNSETTLED_MAX {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        match sending {
            Sending::Calls => Ok(()),
            Sending::Library(library) => library.close().await,
        }
    }

    fn draw(&mut self) -> Vec<Item> {
        let rng = &mut self.rng;
        let records = match rng.random_range(0..10) {
            0..4 => 1,
            4..9 => (BATCH_MAX as f64).powf(rng.random::<f64>()).round() as usize,
            _ => BATCH_MAX,
        };
        let mut left = BATCH_BYTES_MAX;
        let mut batch = Vec::with_capacity(records);
        for key in index::sample(rng, KEYS.into(), records) {
            let bytes = match rng.random_range(0..1000) {
                0..985 => rng.random_range(HEADER_BYTES..1500),
                985..999 => rng.random_range(HEADER_BYTES..64 << 10),
                _ => rng.random_range(HEADER_BYTES..(1 << 20) - 64),
            };
            let Some(rest) = left.checked_sub(bytes) else { break };
            left = rest;
            let key_id = KeyId { producer: self.number, key: key as u16 };
            let counter = self.counters[key];
            self.counters[key] += 1;
            batch.push(Item { name: Name { key: key_id, counter, attempt: 0 }, bytes });
        }
        batch
    }

    /// Sends records until each is acknowledged or, if nobody knows, given up.
    async fn deliver(&mut self, mut batch: Vec<Item>) -> Result<()> {
        while !batch.is_empty() {
            {
                let mut truth = self.stream().truth();
                batch.iter().for_each(|item| truth.sent(item.name));
            }
            let server = self.harness.server().await?;
            match self.send(&server, &batch).await {
                Ok(answers) => batch = self.answered(batch, answers)?,
                Err(Failure::Broken(why)) => {
                    self.harness.restarted(&server, &why).await?;
                    if self.rng.random_bool(0.4) {
                        return Ok(());
                    }
                }
                Err(failure) => return Err(failure.into_error().context("PutRecord(s)")),
            }
            batch.iter_mut().for_each(|item| item.name.attempt += 1);
        }
        Ok(())
    }

    /// Takes the answers and tells what is to be sent again.
    fn answered(&mut self, batch: Vec<Item>, answers: Vec<Answer>) -> Result<Vec<Item>> {
        ensure!(answers.len() == batch.len(), "{} answers for {}", answers.len(), batch.len());
        let mut left = Vec::new();
        for (item, answer) in batch.into_iter().zip(answers) {
            match answer {
                Answer::Stored(place) => {
                    self.stream().truth().acknowledged(item.name, place)?;
                    self.stream().sample().offer(item.name, place);
                }
                Answer::Throttled => {
                    self.stream().truth().refused(item.name)?;
                    left.push(item);
                }
            }
        }
        Ok(left)
    }

    async fn send(&mut self, server: &Running, batch: &[Item]) -> Result<Vec<Answer>, Failure> {
        match batch {
            [item] if self.rng.random_bool(0.9) => self.put_record(server, item).await,
            batch => self.put_records(server, batch).await,
        }
    }

    async fn put_record(&self, server: &Running, item: &Item) -> Result<Vec<Answer>, Failure> {
        let data = payload::encode(self.harness.seed, item.name, item.bytes);
        let put = server.client.put_record().stream_name(&self.stream().name);
        let put = put.partition_key(item.name.key.to_string()).data(Blob::new(data));
        match put.send().await.map_err(failure) {
            Ok(put) => {
                let place = place(put.shard_id(), put.sequence_number()).map_err(invalid)?;
                Ok(vec![Answer::Stored(place)])
            }
            Err(failure) if failure.has_code(THROTTLED) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Ok(vec![Answer::Throttled])
            }
            Err(failure) => Err(failure),
        }
    }

    async fn put_records(&self, server: &Running, batch: &[Item]) -> Result<Vec<Answer>, Failure> {
        let entry = |item: &Item| {
            let data = payload::encode(self.harness.seed, item.name, item.bytes);
            let entry = PutRecordsRequestEntry::builder().data(Blob::new(data));
            entry.partition_key(item.name.key.to_string()).build()
        };
        let entries: Result<Vec<_>, _> = batch.iter().map(entry).collect();
        let entries = entries.map_err(|error| invalid(error.into()))?;
        let put = server.client.put_records().stream_name(&self.stream().name);
        let put = put.set_records(Some(entries)).send().await.map_err(failure)?;
        let answers: Result<Vec<_>> = put
            .records()
            .iter()
            .map(|one| match (one.shard_id(), one.sequence_number(), one.error_code()) {
                (Some(shard), Some(number), None) => Ok(Answer::Stored(place(shard, number)?)),
                (None, None, Some(THROTTLED)) => Ok(Answer::Throttled),
                _ => bail!("a record of PutRecords was answered with {one:?}"),
            })
            .collect();
        let answers = answers.map_err(invalid)?;
        let throttled = answers.iter().filter(|one| matches!(one, Answer::Throttled)).count();
        if usize::try_from(put.failed_record_count().unwrap_or(-1)) != Ok(throttled) {
            let counted = put.failed_record_count();
            return Err(invalid(anyhow::anyhow!("{throttled} records failed, not {counted:?}")));
        }
        if throttled > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(answers)
    }
}

/// An answer that makes no sense.
fn invalid(error: anyhow::Error) -> Failure {
    Failure::invalid(&error)
}
