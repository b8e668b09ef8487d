//! The texts and types of the wire: the only place where an engine's error becomes an AWS error.

use anabranch_engine::{AppendError, EngineError, KeyProblem, KeyRefusal, KeyUse};
use anabranch_protocol::shape::{Constraint, Violation};
use anabranch_protocol::{ErrorKind, WireError};

/// Text of a put that the disk is too slow for.
pub(crate) const OVERLOADED_TEXT: &str =
    "The disk does not keep up with the writes. Try again later.";

/// The AWS error for what the engine refused.
pub(crate) fn to_wire(error: EngineError) -> WireError {
    use EngineError as E;
    match error {
        E::StreamNotFound(stream) => WireError::not_found(format!("Stream {stream} not found.")),
        E::StreamExists(stream) => WireError::in_use(format!("Stream {stream} already exists.")),
        E::StreamNotActive { stream, status } => {
            WireError::in_use(format!("Stream {stream} not ACTIVE, instead in state {status}"))
        }
        E::StreamHasConsumers(stream) => {
            let (account, name) = (&stream.scope.account, &stream.name);
            WireError::in_use(format!(
                "DeleteStream can't delete {account}:{name} because there are consumers \
                 associated with this data stream. To delete {name} anyway, set the \
                 EnforceConsumerDeletion parameter to true to force the deletion of all the \
                 consumers that are associated with it."
            ))
        }
        E::ConsumerNotFound { named, account } => {
            WireError::not_found(format!("Consumer {named}, account {account} not found."))
        }
        E::ConsumerExists(consumer) => WireError::in_use(format!(
            "Consumer {} under stream {} already exists.",
            consumer.name, consumer.stream
        )),
        E::ConsumerNotActive(consumer) => WireError::in_use(format!(
            // The space before the comma is the service's.
            "Consumer {} with creation timestamp {} under stream: {} , account {} is not in \
             ACTIVE status.",
            consumer.name,
            consumer.created_secs,
            consumer.stream.name,
            consumer.stream.scope.account
        )),
        E::AlreadySubscribed { consumer, shard } => WireError::in_use(format!(
            "Another active subscription exists for this consumer: {}:{}:{shard}:{}",
            consumer.stream.scope.account, consumer.stream.name, consumer.name
        )),
        E::SubscribeRateExceeded { consumer, shard } => limit_exceeded(format!(
            "Rate exceeded for consumer {} and shard {shard} in stream {}.",
            consumer.name, consumer.stream
        )),
        E::ConsumerLimit { stream, limit } => limit_exceeded(format!(
            "This request would exceed the limit on the number of consumers of stream {stream}. \
             Limit: {limit}."
        )),
        E::ConsumersCreatingLimit { stream, limit } => limit_exceeded(format!(
            "This request would exceed the limit on the number of consumers of stream {stream} \
             that can simultaneously be in CREATING. Limit: {limit}."
        )),
        E::ShardNotFound { stream, shard } => {
            WireError::not_found(format!("Shard {shard} in stream {stream} does not exist"))
        }
        E::ShardIdInvalid { stream, shard } => {
            WireError::not_found(format!("Could not find shard {shard} in stream {stream}."))
        }
        E::OnDemandStream(stream) => WireError::validation(format!(
            "Request is invalid. Stream {stream} is in On-Demand mode."
        )),
        E::ShardClosed { stream, shard } => WireError::invalid_argument(format!(
            "Shard {shard} in stream {stream} has already been merged or split, and thus is not \
             eligible for merging or splitting."
        )),
        E::SplitKeyInvalid { stream, shard, key, range } => WireError::invalid_argument(format!(
            "NewStartingHashKey {key} used in SplitShard() on shard {shard} in stream {stream} is \
             not both greater than one plus the shard's StartingHashKey {} and less than the \
             shard's EndingHashKey {}.",
            range.start, range.end_inclusive
        )),
        E::NotAdjacent { stream, lower, upper } => WireError::invalid_argument(format!(
            "Shards {lower} and {upper} in stream {stream} are not an adjacent pair of shards \
             eligible for merging"
        )),
        E::RescaleTooHigh { current, target } => limit_exceeded(format!(
            "UpdateShardCount cannot scale up over double your current open shard count. Current \
             open shard count: {current}, Target shard count: {target}"
        )),
        E::RescaleTooLow { current, target } => limit_exceeded(format!(
            "UpdateShardCount cannot scale down below half your current open shard count. Current \
             open shard count: {current}, Target shard count: {target}"
        )),
        E::RescaleOverLimit { limit, current, target } => limit_exceeded(format!(
            "Target shard count or number of open shards cannot be greater than {limit}. Current \
             open shard count: {current}, Target shard count: {target}"
        )),
        E::RescaleCallLimit { stream, limit } => limit_exceeded(format!(
            "UpdateShardCount cannot be called more than {limit} times in a rolling 24-hour period \
             for stream {stream}."
        )),
        E::ShardLimit { stream, current, limit, additional } => {
            let (account, region) = (&stream.scope.account, &stream.scope.region);
            limit_exceeded(format!(
                "This request would exceed the shard limit for the account {account} in {region}. \
                 Current shard count for the account: {current}. Limit: {limit}. Number of \
                 additional shards that would have resulted from this request: {additional}. \
                 Refer to the AWS Service Limits page \
                 (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for \
                 current limits and how to request higher limits."
            ))
        }
        E::CreatingLimit { stream, limit } => limit_exceeded(format!(
            // Two spaces and the grammar are the service's.
            "This request would have exceed the limit on the number  of streams that can \
             simultaneously be in CREATING or DELETING for the account {}. Limit: {limit}.",
            stream.scope.account
        )),
        E::OnDemandLimit { stream, current, limit } => limit_exceeded(format!(
            "This request would exceed the limit on the number of On-Demand streams for the \
             account `{}` in `{}`. Current On-Demand streams count: {current}. Limit: {limit}.",
            stream.scope.account, stream.scope.region
        )),
        E::RecordTooLarge { position, bytes_max } => {
            let path = format!("records.{}.member.data", position + 1);
            data_too_long(&path, bytes_max)
        }
        E::RecordsTooLarge { bytes_max } => WireError::invalid_argument(format!(
            "Records size exceeds {} MB limit",
            bytes_max / (1024 * 1024)
        )),
        E::PartitionKeyMissing { position } => {
            let path = format!("records.{}.member.partitionKey", position + 1);
            partition_key_missing(&path)
        }
        E::OrderingInvalid { stream, number } => WireError::invalid_argument(format!(
            "ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {stream} is \
             invalid."
        )),
        E::WriteRateExceeded { stream, shard } => {
            throughput_exceeded(write_rate_text(&shard.to_string(), &stream.to_string()))
        }
        E::ReadRateExceeded { stream, shard } => throughput_exceeded(format!(
            "Rate exceeded for Shard - {}/{}/{shard}",
            stream.scope.account, stream.name
        )),
        E::Append(AppendError::Overloaded) => throughput_exceeded(OVERLOADED_TEXT.to_owned()),
        E::Append(AppendError::ShuttingDown) => {
            WireError::new(ErrorKind::ServiceUnavailable, "The server is shutting down.")
        }
        // What the caller can do is the same for all of these: try again later.
        E::Append(AppendError::StorageFull | AppendError::Failed | AppendError::Closed(_))
        | E::Interrupted => WireError::bare(ErrorKind::InternalFailure),
        E::Read(error) => {
            tracing::error!(%error, "a segment cannot be read");
            WireError::bare(ErrorKind::InternalFailure)
        }
        E::IteratorInvalid => WireError::invalid_argument("Invalid ShardIterator."),
        E::IteratorExpired { issued_ms, now_ms } => WireError::new(
            ErrorKind::ExpiredIterator,
            format!(
                "Iterator expired. The iterator was created at time {} while right now it is {} \
                 which is further in the future than the tolerated delay of 300000 milliseconds.",
                java_date(issued_ms),
                java_date(now_ms)
            ),
        ),
        E::TimestampInFuture { at_ms, now_ms } => WireError::invalid_argument(format!(
            "The timestampInMillis parameter cannot be greater than the \
             currentTimestampInMillis. timestampInMillis: {at_ms}, currentTimestampInMillis: \
             {now_ms}"
        )),
        E::StartingNumberInvalid { stream, shard, number } => WireError::invalid_argument(format!(
            "StartingSequenceNumber {number} used in GetShardIterator on shard {shard} in stream \
             {stream} is invalid."
        )),
        E::StartingNumberOfShard { encoded, shard } => WireError::invalid_argument(format!(
            "Invalid StartingSequenceNumber. It encodes {encoded}, while it was used in a call to \
             a shard with {shard}"
        )),
        E::StartingNumberOfStream { stream, shard, number } => {
            WireError::invalid_argument(format!(
                "StartingSequenceNumber {number} used in GetShardIterator on shard {shard} in \
                 stream {stream} is invalid because it did not come from this stream."
            ))
        }
        // The service answers so; no client that took the number from this server meets it.
        E::StartingNumberOfOldStream { .. } => WireError::bare(ErrorKind::InternalFailure),
        E::TokenOfAnotherStream => token_and("StreamName"),
        E::TokenInvalid => WireError::invalid_argument("Invalid NextToken."),
        E::TokenExpired => WireError::new(ErrorKind::ExpiredNextToken, "NextToken has expired."),
        E::RetentionTooShort { hours } => WireError::invalid_argument(format!(
            "Minimum allowed retention period is 24 hours. Requested retention period ({hours} \
             hours) is too short."
        )),
        E::RetentionTooLong { hours } => WireError::invalid_argument(format!(
            "Maximum allowed retention period is 8760 hours. Requested retention period ({hours} \
             hours) is too long."
        )),
        E::RetentionShrinks { stream, hours, current } => WireError::invalid_argument(format!(
            "Requested retention period ({hours} hours) for stream {} can not be shorter than \
             existing retention period ({current} hours). Use DecreaseRetentionPeriod API.",
            stream.name
        )),
        E::RetentionGrows { stream, hours, current } => WireError::invalid_argument(format!(
            "Requested retention period ({hours} hours) for stream {} can not be longer than \
             existing retention period ({current} hours). Use IncreaseRetentionPeriod API.",
            stream.name
        )),
        E::Key(refusal) => key_refused(&refusal),
        E::KeyNotInUse { stream, key_id } => WireError::invalid_argument(format!(
            "KeyId {key_id} is not the key that stream {stream} is encrypted with."
        )),
        E::EncryptionLimit { stream, stops, limit } => {
            let what = if stops { "StopStreamEncryption" } else { "StartStreamEncryption" };
            limit_exceeded(format!(
                "Stream {stream} has had {what} {limit} times in the last 24 hours, which is the \
                 limit."
            ))
        }
        E::DataKeyLimit { stream, limit } => limit_exceeded(format!(
            "Stream {stream} has records under {limit} encryption keys, which is the limit."
        )),
        E::RecordNotAuthentic { .. } => {
            tracing::error!(%error, "a record cannot be decrypted: the data are damaged");
            WireError::bare(ErrorKind::InternalFailure)
        }
        // The service says it otherwise here than to a subscription.
        E::ConsumerNotChangeable(consumer) => {
            let (stream, account) = (&consumer.stream.name, &consumer.stream.scope.account);
            WireError::in_use(format!(
                "Consumer {} with creation timestamp {} under stream {stream} and account \
                 {account} is not in ACTIVE status.",
                consumer.name, consumer.created_secs
            ))
        }
        E::PolicyNotFound { arn } => {
            WireError::not_found(format!("No resource policy found for resource ARN {arn}."))
        }
        E::TagLimit { stream, limit } => WireError::invalid_argument(format!(
            "Failed to add tags to stream {stream} because a given stream cannot have more than \
             {limit} tags associated with it."
        )),
        E::ModeSwitchLimit { stream, limit } => limit_exceeded(format!(
            "Stream {stream} has switched its capacity mode {limit} times within the last 24 \
             hours. Switch it again later."
        )),
        E::ProvisionedStream(stream) => WireError::validation(format!(
            "Request is invalid. Stream {stream} is in Provisioned mode."
        )),
        E::AutoNeedsOnDemand => WireError::invalid_argument(
            "RecordDistributionStrategy AUTO is only supported for streams in On-Demand mode.",
        ),
        E::WarmNeedsSwitch => WireError::invalid_argument(
            "WarmThroughputMiBps is only supported for streams that are created in, or switched \
             to, On-Demand mode.",
        ),
        E::WarmNeedsCommitment(stream) => WireError::invalid_argument(format!(
            "WarmThroughputMiBps requires the minimum throughput billing commitment of account \
             {} in {}.",
            stream.scope.account, stream.scope.region
        )),
        E::WarmLimit { stream, limit } => limit_exceeded(format!(
            "The warm throughput of stream {stream} cannot be more than {limit} MiB per second."
        )),
    }
}

/// As [`to_wire`], for PutRecord: there is one record, and it has no place.
pub(crate) fn single_put_to_wire(error: EngineError) -> WireError {
    match error {
        EngineError::RecordTooLarge { bytes_max, .. } => data_too_long("data", bytes_max),
        EngineError::PartitionKeyMissing { .. } => partition_key_missing("partitionKey"),
        other => to_wire(other),
    }
}

/// The text of a put over the shard's rate; `stream` as in [`anabranch_engine::StreamRef`].
pub(crate) fn write_rate_text(shard: &str, stream: &str) -> String {
    format!("Rate exceeded for shard {shard} in stream {stream}.")
}

/// The refusal of a member beside a token.
pub(crate) fn token_and(member: &str) -> WireError {
    WireError::invalid_argument(format!("NextToken and {member} cannot be provided together."))
}

fn data_too_long(path: &str, bytes_max: usize) -> WireError {
    let bytes_max = i64::try_from(bytes_max).unwrap_or(i64::MAX);
    Violation::new(path, Constraint::MaxLength(bytes_max)).into()
}

fn partition_key_missing(path: &str) -> WireError {
    WireError::validation(format!(
        "1 validation error detected: Value null at '{path}' failed to satisfy constraint: \
         Member must not be null"
    ))
}

/// The texts are those of KMS where they are known.
fn key_refused(refusal: &KeyRefusal) -> WireError {
    let KeyRefusal { problem, key, usage, principal, stream } = refusal;
    let (kind, message) = match problem {
        KeyProblem::NotFound if key.starts_with("arn:") => {
            (ErrorKind::KmsNotFound, format!("Key '{key}' does not exist"))
        }
        KeyProblem::NotFound if key.starts_with("alias/") => {
            (ErrorKind::KmsNotFound, format!("Alias {key} is not found."))
        }
        KeyProblem::NotFound => (ErrorKind::KmsNotFound, format!("Invalid keyId {key}")),
        KeyProblem::Disabled => (ErrorKind::KmsDisabled, format!("{key} is disabled.")),
        KeyProblem::PendingDeletion => {
            (ErrorKind::KmsInvalidState, format!("{key} is pending deletion."))
        }
        KeyProblem::AccessDenied => match usage {
            KeyUse::Encrypt => (
                ErrorKind::KmsAccessDenied,
                format!(
                    "User: {principal} is not authorized to perform: kms:GenerateDataKey on \
                     resource: {key}"
                ),
            ),
            KeyUse::Decrypt => (
                ErrorKind::KmsAccessDenied,
                format!(
                    "User {principal} is not authorized to decrypt records in stream {}",
                    stream.name
                ),
            ),
        },
        KeyProblem::OptInRequired => (
            ErrorKind::KmsOptInRequired,
            "The AWS Access Key Id needs a subscription for the service".to_owned(),
        ),
        KeyProblem::Throttled => (
            ErrorKind::KmsThrottling,
            "You have exceeded the rate at which you may call KMS. Reduce the frequency of your \
             calls."
                .to_owned(),
        ),
        KeyProblem::WrongMaterial => {
            tracing::error!(%refusal, "the keyring has another key of the same name");
            (ErrorKind::KmsInvalidState, format!("{key} did not encrypt the stream's data key."))
        }
        KeyProblem::Unavailable => return WireError::bare(ErrorKind::InternalFailure),
    };
    WireError::new(kind, message)
}

fn limit_exceeded(message: String) -> WireError {
    WireError::new(ErrorKind::LimitExceeded, message)
}

fn throughput_exceeded(message: String) -> WireError {
    WireError::new(ErrorKind::ProvisionedThroughputExceeded, message)
}

/// A time as Java prints it: `Thu Jan 22 01:22:02 UTC 2015`.
fn java_date(epoch_ms: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let secs = epoch_ms / 1000;
    let days = secs / 86_400;
    // Days since 0000-03-01, in eras of 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = (shifted_month + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    format!(
        "{} {} {day:02} {:02}:{:02}:{:02} UTC {year}",
        DAYS[(days % 7) as usize],
        MONTHS[month as usize],
        secs / 3600 % 24,
        secs / 60 % 60,
        secs % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_dates_as_java_does() {
        assert_eq!(java_date(1_421_889_722_123), "Thu Jan 22 01:22:02 UTC 2015");
        assert_eq!(java_date(0), "Thu Jan 01 00:00:00 UTC 1970");
        assert_eq!(java_date(1_709_164_800_000), "Thu Feb 29 00:00:00 UTC 2024");
        assert_eq!(java_date(1_767_225_599_000), "Wed Dec 31 23:59:59 UTC 2025");
    }
}
