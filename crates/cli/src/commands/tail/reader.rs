//! Reading one shard: pace, throttling, expired iterators, its end.

use anabranch_client::{Client, Failure, stream_reference};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::types::{ChildShard, Record, ShardIteratorType};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant as Tick;

use crate::backoff::backoff;
use crate::commands::tail::start::Start;
use crate::units::Instant;

/// A shard allows five reads a second, to all its readers together.
const READ_INTERVAL: Duration = Duration::from_millis(200);
/// Failures in a row after which a reader gives up; about half a minute.
const FAILURES_MAX: u32 = 12;

/// What a reader tells the printer.
#[derive(Debug)]
pub(crate) enum Event {
    /// Records in order. The permit is held until they are printed.
    Records { shard: String, records: Vec<Record>, permit: OwnedSemaphorePermit },
    /// The tip was reached and nobody asked to follow. The reader has stopped.
    CaughtUp { shard: String },
    /// A closed shard was read to its end. The reader has stopped.
    Ended { shard: String, children: Vec<ChildShard> },
    /// The reader has stopped.
    Failed { shard: String, error: anyhow::Error },
}

/// The reader of one shard.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) client: Client,
    pub(crate) stream: String,
    pub(crate) shard: String,
    pub(crate) start: Start,
    /// When the command started: where an iterator of LATEST that never returned a record is
    /// renewed from, so that nothing is lost in between.
    pub(crate) began: Instant,
    pub(crate) follow: bool,
    /// Number of the last record that was handed on.
    pub(crate) last_number: Option<String>,
    pub(crate) reads: Arc<Semaphore>,
    pub(crate) events: mpsc::Sender<Event>,
}

/// What a failed call asks for.
#[derive(Debug, PartialEq, Eq)]
enum Remedy {
    /// A new iterator.
    Renew,
    /// The same call later.
    Retry,
    /// The shard has expired: nothing of it is left.
    Gone,
    /// Nothing helps.
    Fail,
}

impl Reader {
    /// Reads until the end of the shard, the tip, or a failure, and reports which.
    pub(crate) async fn run(mut self) {
        let last = match self.read().await {
            Ok(event) => event,
            Err(error) => Event::Failed { shard: self.shard.clone(), error },
        };
        // The printer may have stopped first; then nobody needs the event.
        let _ = self.events.send(last).await;
    }

    async fn read(&mut self) -> anyhow::Result<Event> {
        let mut iterator = self.iterator().await?;
        let mut failures = 0;
        loop {
            let next_read = Tick::now() + READ_INTERVAL;
            let permit = Arc::clone(&self.reads).acquire_owned().await.context("reads closed")?;
            let call = self.client.get_records().shard_iterator(&iterator).send();
            let reply = match call.await {
                Ok(reply) => reply,
                Err(error) => {
                    drop(permit);
                    failures += 1;
                    match remedy(&self.client.failure(&error), failures) {
                        Remedy::Renew => iterator = self.iterator().await?,
                        Remedy::Gone => return Ok(self.ended(Vec::new())),
                        Remedy::Fail => return Err(self.client.explain(&error).into()),
                        Remedy::Retry => {
                            tokio::time::sleep(backoff(failures + 1, rand::random())).await;
                        }
                    }
                    continue;
                }
            };
            failures = 0;
            let at_tip = reply.records.is_empty() && reply.millis_behind_latest.unwrap_or(0) == 0;
            let GetRecordsOutput { records, next_shard_iterator, child_shards, .. } = reply;
            self.hand_on(records, permit).await?;
            match next_shard_iterator {
                None => return Ok(self.ended(child_shards.unwrap_or_default())),
                Some(_) if at_tip && !self.follow => {
                    return Ok(Event::CaughtUp { shard: self.shard.clone() });
                }
                Some(next) => iterator = next,
            }
            tokio::time::sleep_until(next_read).await;
        }
    }

    fn ended(&self, children: Vec<ChildShard>) -> Event {
        Event::Ended { shard: self.shard.clone(), children }
    }

    async fn hand_on(
        &mut self,
        records: Vec<Record>,
        permit: OwnedSemaphorePermit,
    ) -> anyhow::Result<()> {
        let Some(last) = records.last() else { return Ok(()) };
        let last_number = last.sequence_number().to_owned();
        let event = Event::Records { shard: self.shard.clone(), records, permit };
        self.events.send(event).await.context("the printer has stopped")?;
        self.last_number = Some(last_number);
        Ok(())
    }

    /// An iterator after the last record, or at the start if there was none yet.
    async fn iterator(&self) -> anyhow::Result<String> {
        let mut failures = 0;
        loop {
            let (name, arn) = stream_reference(&self.stream);
            let call = self
                .client
                .get_shard_iterator()
                .set_stream_name(name)
                .set_stream_arn(arn)
                .shard_id(&self.shard);
            let call = match (&self.last_number, &self.start) {
                (Some(number), _) => call
                    .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                    .starting_sequence_number(number),
                (None, Start::Sequence(number)) => call
                    .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
                    .starting_sequence_number(number),
                (None, Start::TrimHorizon) => {
                    call.shard_iterator_type(ShardIteratorType::TrimHorizon)
                }
                (None, Start::Time(time)) => call
                    .shard_iterator_type(ShardIteratorType::AtTimestamp)
                    .timestamp(time.to_date_time()),
                (None, Start::Latest) if Instant::now().unix_ms - self.began.unix_ms > 60_000 => {
                    call.shard_iterator_type(ShardIteratorType::AtTimestamp)
                        .timestamp(self.began.to_date_time())
                }
                (None, Start::Latest) => call.shard_iterator_type(ShardIteratorType::Latest),
            };
            match call.send().await {
                Ok(reply) => return reply.shard_iterator.context("the reply has no iterator"),
                Err(error)
                    if failures < FAILURES_MAX && self.client.failure(&error).is_retryable() =>
                {
                    failures += 1;
                }
                Err(error) => return Err(self.client.explain(&error).into()),
            }
            tokio::time::sleep(backoff(failures + 1, rand::random())).await;
        }
    }
}

fn remedy(failure: &Failure, failures: u32) -> Remedy {
    if failures > FAILURES_MAX {
        return Remedy::Fail;
    }
    match failure.code() {
        Some("ExpiredIteratorException") => Remedy::Renew,
        Some("ResourceNotFoundException") => Remedy::Gone,
        // The service may be restarting, too.
        _ if failure.is_retryable() => Remedy::Retry,
        _ => Remedy::Fail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_helps() {
        let service = |code: &str, is_retryable| {
            let (code, message) = (code.to_owned(), String::new());
            Failure::Service { code, message, status: 400, is_retryable }
        };
        let throttled = Failure::Throttled {
            code: "ProvisionedThroughputExceededException".to_owned(),
            message: String::new(),
        };
        let gone = Failure::Broken { cause: "reset".to_owned() };
        for (failure, expected) in [
            (service("ExpiredIteratorException", false), Remedy::Renew),
            (throttled.clone(), Remedy::Retry),
            (gone, Remedy::Retry),
            (service("InternalFailure", true), Remedy::Retry),
            (service("ResourceNotFoundException", false), Remedy::Gone),
            (service("AccessDeniedException", false), Remedy::Fail),
        ] {
            assert_eq!(remedy(&failure, 1), expected, "{failure:?}");
        }
        assert_eq!(remedy(&throttled, FAILURES_MAX + 1), Remedy::Fail);
    }
}
