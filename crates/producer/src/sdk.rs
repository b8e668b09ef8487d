//! The service as the AWS SDK speaks to it.

use crate::pipeline::{Answer, Failure, Fault, OpenShard, OutgoingRecord, Reason, RecordAnswer};
use crate::service::{Answering, Service};
use anabranch_model::hash_key::{self, HashKeyRange};
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    PutRecordsRequestEntry, PutRecordsResultEntry, Shard, ShardFilter, ShardFilterType,
};

/// The code of a record that its shard throttled.
const THROTTLED: &str = "ProvisionedThroughputExceededException";
/// Codes of requests that are wrong as they are, whenever they are sent.
const INVALID: [&str; 4] = [
    "InvalidArgumentException",
    "SerializationException",
    "ValidationException",
    "RequestEntityTooLarge",
];
/// Codes of servers that stop: they may have stored what they do not tell of.
const UNSURE: [&str; 3] = ["InternalFailure", "InternalServerError", "ServiceUnavailable"];
/// Shards of a page.
const PAGE: i32 = 1_000;

/// The SDK's client, with its retries off: a producer tries again record by record.
#[derive(Debug)]
pub(crate) struct Sdk(aws_sdk_kinesis::Client);

impl Sdk {
    pub(crate) fn new(client: &aws_sdk_kinesis::Client, timeout: std::time::Duration) -> Self {
        use aws_sdk_kinesis::config::retry::RetryConfig;
        use aws_sdk_kinesis::config::timeout::TimeoutConfig;

        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(timeout).build();
        let config = client.config().to_builder();
        let config = config.retry_config(RetryConfig::disabled()).timeout_config(timeouts);
        Self(aws_sdk_kinesis::Client::from_conf(config.build()))
    }
}

/// A stream by its name or ARN, as the members of a request.
fn reference(stream: &str) -> (Option<String>, Option<String>) {
    match stream.starts_with("arn:") {
        true => (None, Some(stream.to_owned())),
        false => (Some(stream.to_owned()), None),
    }
}

impl Service for Sdk {
    fn put_records<'a>(
        &'a self,
        stream: &'a str,
        records: Vec<OutgoingRecord>,
    ) -> Answering<'a, Answer> {
        Box::pin(async move {
            let (name, arn) = reference(stream);
            let entries = records.into_iter().map(entry).collect();
            let put = self.0.put_records().set_stream_name(name).set_stream_arn(arn);
            match put.set_records(Some(entries)).send().await {
                Ok(answer) => {
                    Answer::Records(answer.records.into_iter().map(record_answer).collect())
                }
                Err(error) => Answer::Failed(failure(&error)),
            }
        })
    }

    fn open_shards<'a>(&'a self, stream: &'a str) -> Answering<'a, Result<Vec<OpenShard>, String>> {
        Box::pin(async move {
            let (name, arn) = reference(stream);
            let filter = ShardFilter::builder().r#type(ShardFilterType::AtLatest).build();
            let filter = filter.map_err(|error| error.to_string())?;
            let first = self.0.list_shards().set_stream_name(name).set_stream_arn(arn);
            let first = first.shard_filter(filter).max_results(PAGE);
            let mut page =
                first.send().await.map_err(|error| failure(&error).reason.to_string())?;
            let mut shards = Vec::new();
            loop {
                for shard in page.shards() {
                    shards.push(open_shard(shard).ok_or("a shard without a range of hash keys")?);
                }
                let Some(token) = page.next_token else { break };
                let next = self.0.list_shards().next_token(token).max_results(PAGE);
                page = next.send().await.map_err(|error| failure(&error).reason.to_string())?;
            }
            Ok(shards)
        })
    }
}

fn entry(record: OutgoingRecord) -> PutRecordsRequestEntry {
    let entry = PutRecordsRequestEntry::builder()
        .partition_key(record.partition_key)
        .set_explicit_hash_key(record.explicit_hash_key.map(|key| key.to_string()))
        .data(Blob::new(record.data));
    entry.build().expect("it has data")
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

fn open_shard(shard: &Shard) -> Option<OpenShard> {
    let range = shard.hash_key_range()?;
    let range = HashKeyRange {
        start: hash_key::parse(range.starting_hash_key())?,
        end_inclusive: hash_key::parse(range.ending_hash_key())?,
    };
    Some(OpenShard { id: shard.shard_id().into(), range })
}

/// Why there is no answer, and what is known all the same.
fn failure<E, R>(error: &SdkError<E, R>) -> Failure
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    match error {
        SdkError::ServiceError(service) => {
            let meta = service.err().meta();
            let code = meta.code().unwrap_or("error without a code");
            let fault = if INVALID.contains(&code) {
                Fault::Invalid
            } else if UNSURE.iter().any(|unsure| code.starts_with(unsure)) {
                Fault::Unknown
            } else {
                Fault::NothingStored
            };
            let message = meta.message().unwrap_or_default();
            Failure { reason: Reason { code: code.into(), message: message.into() }, fault }
        }
        error => {
            let code = match error {
                SdkError::TimeoutError(_) => "RequestTimeout",
                SdkError::DispatchFailure(_) => "Unreachable",
                SdkError::ConstructionFailure(_) => "NotSent",
                _ => "BrokenAnswer",
            };
            let fault = match error {
                SdkError::ConstructionFailure(_) => Fault::NothingStored,
                _ => Fault::Unknown,
            };
            let reason = Reason { code: code.into(), message: causes(error).into() };
            Failure { reason, fault }
        }
    }
}

/// The messages of an error and its causes, without the repetitions that wrappers make.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        source = cause.source();
    }
    text
}
