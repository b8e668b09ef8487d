//! Consumers: each reads all shards of a stream from their beginning, parents before children, and
//! shows the truth what it sees. One polls, one has records pushed to it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::types::{
    ChildShard, Record, ShardIteratorType, StartingPosition, SubscribeToShardEventStream,
};
use rand::Rng;
use rand::rngs::StdRng;
use shards::{Lineage, Shard};
use tokio::task::JoinSet;

use crate::harness::{Failure, Harness, Phase, Running, Stream, count, failure};
use crate::history::{Cursor, From, Read};
use crate::payload;
use crate::place::Sequence;

/// Records that a reader goes back after a restart, at most.
const REWIND_MAX: u64 = 600;

/// How a consumer gets its records.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    Poll,
    /// The consumer's ARN.
    FanOut(Arc<str>),
}

/// How the reading of a shard went on.
enum Outcome {
    /// Read to its end; these follow.
    Ended(Shard, Vec<ChildShard>),
    /// The phase is over.
    Stopped,
}

/// Reads a stream until the phase is over.
pub(crate) async fn consume(harness: Arc<Harness>, stream: usize, way: Way) -> Result<()> {
    let mut lineage = Lineage::default();
    loop {
        let server = harness.server().await?;
        match shards::list(&server.client, &harness.streams[stream].name).await {
            Ok(shards) => {
                for listed in shards {
                    lineage.add(listed.shard, listed.parents);
                }
                break;
            }
            Err(Failure::Broken(why)) => drop(harness.restarted(&server, &why).await?),
            Err(failure) => return Err(failure.into_error().context("ListShards")),
        }
    }
    let mut readers = JoinSet::new();
    loop {
        while let Some((shard, parents)) = lineage.next_ready() {
            harness.streams[stream].truth().begun(shard, &parents);
            let reader = Reader::new(harness.clone(), stream, shard, &way);
            match way.clone() {
                Way::Poll => readers.spawn(reader.poll()),
                Way::FanOut(consumer) => readers.spawn(reader.subscribe(consumer)),
            };
        }
        let Some(outcome) = readers.join_next().await else { return Ok(()) };
        if let Outcome::Ended(shard, children) = outcome.context("a reader panicked")?? {
            for child in children {
                let parents: Result<Vec<_>> =
                    child.parent_shards().iter().map(|parent| Shard::parse(parent)).collect();
                lineage.add(Shard::parse(child.shard_id())?, parents?);
            }
            lineage.ended(shard);
        }
    }
}

/// Reads one shard.
struct Reader {
    harness: Arc<Harness>,
    stream: usize,
    shard: Shard,
    cursor: Cursor,
    rng: StdRng,
}

impl Reader {
    fn new(harness: Arc<Harness>, stream: usize, shard: Shard, way: &Way) -> Self {
        let task = match way {
            Way::Poll => "poll",
            Way::FanOut(_) => "fan-out",
        };
        let rng = harness.rng(task, (stream as u64) << 32 | u64::from(shard.0));
        Self { harness, stream, shard, cursor: Cursor::default(), rng }
    }

    fn stream(&self) -> &Stream {
        &self.harness.streams[self.stream]
    }

    /// Goes back to what it has already read, to see that it is still there.
    fn rewind(&mut self) -> From {
        let back = self.rng.random_range(0..=REWIND_MAX);
        let count = self.cursor.count.saturating_sub(back);
        let (cursor, from) = self.stream().truth().rewound(self.shard, count);
        self.cursor = cursor;
        from
    }

    fn show(&mut self, records: &[Record]) -> Result<()> {
        let stream = &self.harness.streams[self.stream];
        show(stream, self.harness.seed, self.shard, &mut self.cursor, records)
    }

    async fn poll(mut self) -> Result<Outcome> {
        let mut position: Option<(u64, String)> = None;
        while self.harness.phase() < Phase::Over {
            let server = self.harness.server().await?;
            let iterator = match position.take() {
                // Iterators outlive the server that gave them out.
                Some((generation, iterator))
                    if generation == server.generation || self.rng.random_bool(0.25) =>
                {
                    if generation != server.generation {
                        count(&self.harness.counters.kept_iterators);
                    }
                    iterator
                }
                _ => {
                    let from = self.rewind();
                    let name = &self.stream().name;
                    match iterator_at(&server.client, name, self.shard, from).await {
                        Ok(iterator) => iterator,
                        Err(failure) => {
                            self.recover(&server, failure).await?;
                            continue;
                        }
                    }
                }
            };
            let known = self.stream().truth().end(self.shard);
            let limit = [1, 10, 100, 1_000, 10_000][self.rng.random_range(0..5)];
            let get = server.client.get_records().shard_iterator(iterator).limit(limit);
            let got = match get.send().await.map_err(failure) {
                Ok(got) => got,
                Err(failure) => {
                    self.recover(&server, failure).await?;
                    continue;
                }
            };
            self.show(got.records())?;
            if is_at_tip(&got) {
                self.stream().truth().at_tip(self.shard, self.cursor, known)?;
            }
            let Some(next) = got.next_shard_iterator else {
                self.stream().truth().ended(self.shard, self.cursor)?;
                let children = got.child_shards.unwrap_or_default();
                return Ok(Outcome::Ended(self.shard, children));
            };
            position = Some((server.generation, next));
            if got.records.is_empty() {
                let pause = Duration::from_millis(self.rng.random_range(50..250));
                self.harness.pause(pause, Phase::Over).await;
            }
        }
        Ok(Outcome::Stopped)
    }

    async fn subscribe(mut self, consumer: Arc<str>) -> Result<Outcome> {
        while self.harness.phase() < Phase::Over {
            let server = self.harness.server().await?;
            let from = self.rewind();
            let (kind, number) = position(from);
            let start = StartingPosition::builder().r#type(kind).set_sequence_number(number);
            let subscribe = server.client.subscribe_to_shard().consumer_arn(&*consumer);
            let subscribe = subscribe.shard_id(self.shard.to_string());
            let subscribe = subscribe.starting_position(start.build()?);
            let mut events = match subscribe.send().await.map_err(failure) {
                Ok(subscribed) => subscribed.event_stream,
                Err(failure) => {
                    self.recover(&server, failure).await?;
                    continue;
                }
            };
            count(&self.harness.counters.subscriptions);
            loop {
                let event = tokio::select! {
                    event = events.recv() => event,
                    () = self.harness.reached(Phase::Over) => return Ok(Outcome::Stopped),
                };
                // It ends after five minutes, and with the server.
                let Ok(Some(event)) = event else { break };
                let SubscribeToShardEventStream::SubscribeToShardEvent(event) = event else {
                    continue;
                };
                let pushed = event.records();
                self.show(pushed)?;
                let counter = &self.harness.counters.pushed;
                counter.fetch_add(pushed.len() as u64, std::sync::atomic::Ordering::Relaxed);
                if !event.child_shards().is_empty() {
                    self.stream().truth().ended(self.shard, self.cursor)?;
                    return Ok(Outcome::Ended(self.shard, event.child_shards().to_vec()));
                }
            }
        }
        Ok(Outcome::Stopped)
    }

    async fn recover(&self, server: &Running, failure: Failure) -> Result<()> {
        match failure {
            Failure::Broken(why) => drop(self.harness.restarted(server, &why).await?),
            failure if failure.has_code("ExpiredIteratorException") => {}
            failure => {
                let what = format!("reading {} of {}", self.shard, self.stream().name);
                return Err(failure.into_error().context(what));
            }
        }
        Ok(())
    }
}

/// Whether the reply says that there was nothing more when it was made.
pub(crate) fn is_at_tip(got: &GetRecordsOutput) -> bool {
    got.records.is_empty() && got.millis_behind_latest == Some(0)
}

/// Shows the truth what was read.
pub(crate) fn show(
    stream: &Stream,
    seed: u64,
    shard: Shard,
    cursor: &mut Cursor,
    records: &[Record],
) -> Result<()> {
    let read = records.iter().map(|record| {
        parse(seed, record)
            .with_context(|| format!("{} in {shard} of {}", record.sequence_number, stream.name))
    });
    let read = read.collect::<Result<Vec<Read>>>()?;
    let mut truth = stream.truth();
    for read in read {
        truth.read(shard, cursor, &read).with_context(|| format!("stream {}", stream.name))?;
    }
    Ok(())
}

pub(crate) fn parse(seed: u64, record: &Record) -> Result<Read> {
    let data = record.data().as_ref();
    let key = record.partition_key().context("no partition key")?;
    let name = payload::decode(seed, key, data).context("a damaged record")?;
    let arrival = record.approximate_arrival_timestamp().context("no arrival time")?;
    Ok(Read {
        name,
        sequence: Sequence::parse(record.sequence_number())?,
        arrival_ms: arrival.to_millis()?,
        bytes: data.len(),
    })
}

fn position(from: From) -> (ShardIteratorType, Option<String>) {
    match from {
        From::TrimHorizon => (ShardIteratorType::TrimHorizon, None),
        From::At(sequence) => (ShardIteratorType::AtSequenceNumber, Some(sequence.to_string())),
        From::After(sequence) => {
            (ShardIteratorType::AfterSequenceNumber, Some(sequence.to_string()))
        }
    }
}

pub(crate) async fn iterator_at(
    client: &Client,
    stream: &str,
    shard: Shard,
    from: From,
) -> Result<String, Failure> {
    let (kind, number) = position(from);
    let get = client.get_shard_iterator().stream_name(stream).shard_id(shard.to_string());
    let get = get.shard_iterator_type(kind).set_starting_sequence_number(number);
    let iterator = get.send().await.map_err(failure)?.shard_iterator;
    iterator.ok_or_else(|| Failure::Service {
        code: "answer".to_owned(),
        message: "GetShardIterator gave no iterator".to_owned(),
    })
}
