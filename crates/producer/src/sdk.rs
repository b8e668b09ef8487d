//! The service as the AWS SDK speaks to it.

use crate::pipeline::{Answer, Failure, Fault, OpenShard, OutgoingRecord, Reason, RecordAnswer};
use crate::service::{Answering, Service};
use anabranch_client::{self as client, Client, Sent, stream_reference};
use anabranch_model::hash_key::{self, HashKeyRange};
use aws_sdk_kinesis::types::{PutRecordsResultEntry, Shard, ShardFilter, ShardFilterType};
use own_body::OwnBody;
use std::time::Duration;

mod own_body;

/// The code of a record that its shard throttled.
const THROTTLED: &str = "ProvisionedThroughputExceededException";
/// Codes of requests that are wrong as they are, whenever they are sent.
const INVALID: [&str; 3] =
    ["InvalidArgumentException", "SerializationException", "ValidationException"];
/// The code of a stream that is not there.
const NO_STREAM: &str = "ResourceNotFoundException";
/// The status of a request that is too large.
const TOO_LARGE: u16 = 413;
/// The code, ours, of what came and is no answer.
const BROKEN_ANSWER: &str = "BrokenAnswer";
/// Shards of a page.
const PAGE: i32 = 1_000;

/// A client whose calls are tried once: a producer tries again record by record.
#[derive(Debug)]
pub(crate) struct Sdk(Client);

impl Sdk {
    pub(crate) fn new(client: &Client, timeout: Duration) -> Self {
        Self(client.trying_once(timeout))
    }
}

impl Service for Sdk {
    fn put_records<'a>(
        &'a self,
        stream: &'a str,
        records: Vec<OutgoingRecord>,
    ) -> Answering<'a, Answer> {
        Box::pin(async move {
            let (name, arn) = stream_reference(stream);
            let body = OwnBody::new(name.as_deref(), arn.as_deref(), &records);
            drop(records);
            let put = self.0.put_records().set_stream_name(name).set_stream_arn(arn);
            let put = put.set_records(Some(Vec::new())).customize().interceptor(body);
            match put.send().await {
                Ok(answer) => {
                    Answer::Records(answer.records.into_iter().map(record_answer).collect())
                }
                Err(error) => Answer::Failed(failure(&self.0.failure(&error))),
            }
        })
    }

    fn open_shards<'a>(&'a self, stream: &'a str) -> Answering<'a, Result<Vec<OpenShard>, Reason>> {
        Box::pin(async move {
            let (name, arn) = stream_reference(stream);
            let filter = ShardFilter::builder().r#type(ShardFilterType::AtLatest).build();
            let filter = filter.expect("it has a type");
            let first = self.0.list_shards().set_stream_name(name).set_stream_arn(arn);
            let first = first.shard_filter(filter).max_results(PAGE);
            let reason = |error: client::Failure| failure(&error).reason;
            let mut page = first.send().await.map_err(|error| reason(self.0.failure(&error)))?;
            let mut shards = Vec::new();
            loop {
                // Not every server knows the filter.
                for shard in page.shards().iter().filter(|shard| is_open(shard)) {
                    shards.push(open_shard(shard).ok_or_else(without_range)?);
                }
                let Some(token) = page.next_token else { break };
                let next = self.0.list_shards().next_token(token).max_results(PAGE);
                page = next.send().await.map_err(|error| reason(self.0.failure(&error)))?;
            }
            Ok(shards)
        })
    }
}

fn record_answer(record: PutRecordsResultEntry) -> RecordAnswer {
    match (record.shard_id, record.sequence_number) {
        (Some(shard), Some(number)) => {
            RecordAnswer::Stored { shard: shard.into(), sequence_number: number.into() }
        }
        _ => {
            let code = record.error_code.unwrap_or_else(|| "error without a code".to_owned());
            RecordAnswer::Failed {
                is_throttled: code == THROTTLED,
                reason: Reason {
                    code: code.into(),
                    message: record.error_message.unwrap_or_default().into(),
                },
            }
        }
    }
}

fn is_open(shard: &Shard) -> bool {
    let numbers = shard.sequence_number_range();
    numbers.is_none_or(|numbers| numbers.ending_sequence_number().is_none())
}

fn open_shard(shard: &Shard) -> Option<OpenShard> {
    let range = shard.hash_key_range()?;
    let range = HashKeyRange {
        start: hash_key::parse(range.starting_hash_key())?,
        end_inclusive: hash_key::parse(range.ending_hash_key())?,
    };
    Some(OpenShard { id: shard.shard_id().into(), range })
}

fn without_range() -> Reason {
    let message = "a shard without a range of hash keys";
    Reason { code: BROKEN_ANSWER.into(), message: message.into() }
}

/// What a request's failure means for its records.
fn failure(failure: &client::Failure) -> Failure {
    use client::Failure as Why;

    let (code, message) = match failure {
        Why::Throttled { code, message } | Why::Service { code, message, .. } => {
            (&**code, &**message)
        }
        Why::NotReached { cause, .. } => ("Unreachable", &**cause),
        Why::TimedOut { cause, .. } => ("RequestTimeout", &**cause),
        Why::Broken { cause } => (BROKEN_ANSWER, &**cause),
        Why::NoCredentials { cause, .. } => ("NoCredentials", &**cause),
        Why::NotMade { cause } => ("NotMade", &**cause),
    };
    let fault = match failure {
        Why::Service { code, status, .. }
            if INVALID.contains(&code.as_str()) || *status == TOO_LARGE =>
        {
            Fault::Invalid
        }
        Why::NotMade { .. } => Fault::Invalid,
        Why::Service { code, .. } if code == NO_STREAM => Fault::NoStream,
        // A server that fails may have stored what it does not tell of.
        Why::Service { is_retryable: true, .. } => Fault::Unknown,
        _ if failure.sent() == Sent::MaybeSent => Fault::Unknown,
        _ => Fault::NothingStored,
    };
    Failure { reason: Reason { code: code.into(), message: message.into() }, fault }
}
