//! GetShardIterator.

use super::shapes::{ShardIteratorType, epoch_ms};
use super::{Context, Operation, dry_run_succeeded, naming};
use crate::call_rates::CallRate;
use crate::error::to_wire;
use anabranch_engine::StartingPosition;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{ErrorKind, Timestamp, WireError, input, output};

pub(crate) struct GetShardIterator;

input! {
    /// What is asked.
    pub(crate) struct GetShardIteratorInput {
        stream_name: Option<String> = "StreamName" [STREAM_NAME],
        shard_id: String = "ShardId" [SHARD_ID],
        shard_iterator_type: ShardIteratorType = "ShardIteratorType" [ANY],
        starting_sequence_number: Option<String> = "StartingSequenceNumber" [SEQUENCE_NUMBER],
        timestamp: Option<Timestamp> = "Timestamp" [ANY],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        dry_run: Option<bool> = "DryRun" [ANY],
    }
}

output! {
    /// What is answered.
    pub(crate) struct GetShardIteratorOutput {
        shard_iterator: Option<String> = "ShardIterator",
    }
}

impl Operation for GetShardIterator {
    const NAME: &'static str = "GetShardIterator";
    const RATE: CallRate = CallRate::Unlimited;
    const ERRORS: &'static [ErrorKind] = &[
        ErrorKind::AccessDenied,
        ErrorKind::DryRunOperation,
        ErrorKind::InternalFailure,
        ErrorKind::InvalidArgument,
        ErrorKind::ProvisionedThroughputExceeded,
        ErrorKind::ResourceNotFound,
    ];
    type Input<'a> = GetShardIteratorInput;
    type Output = GetShardIteratorOutput;

    async fn run<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<GetShardIteratorOutput, WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let named = naming::stream::<Self>(context, name, arn)?;
        let (number, timestamp) = (input.starting_sequence_number, input.timestamp);
        let position = starting_position(input.shard_iterator_type, number, timestamp)?;
        let iterator = context
            .cell(&named)
            .data
            .shard_iterator(&named.scope, &named.name, &input.shard_id, &position)
            .map_err(to_wire)?;
        if input.dry_run == Some(true) {
            return Err(dry_run_succeeded());
        }
        Ok(GetShardIteratorOutput { shard_iterator: Some(iterator) })
    }
}

/// Where to start reading; each type has members that it needs and members that it refuses.
pub(super) fn starting_position(
    kind: ShardIteratorType,
    number: Option<String>,
    timestamp: Option<Timestamp>,
) -> Result<StartingPosition, WireError> {
    let mismatch = |what: &str| {
        WireError::invalid_argument(format!(
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and \
             StartingSequenceNumber or (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. \
             Request specified {} and {what}.",
            kind.as_str()
        ))
    };
    let has_number = number.is_some();
    let number = || number.ok_or_else(|| mismatch("no StartingSequenceNumber"));
    let without_number = |position| match has_number {
        true => Err(mismatch("also a StartingSequenceNumber")),
        false => Ok(position),
    };
    match kind {
        ShardIteratorType::AtSequenceNumber => Ok(StartingPosition::AtSequenceNumber(number()?)),
        ShardIteratorType::AfterSequenceNumber => {
            Ok(StartingPosition::AfterSequenceNumber(number()?))
        }
        ShardIteratorType::TrimHorizon => without_number(StartingPosition::TrimHorizon),
        ShardIteratorType::Latest => without_number(StartingPosition::Latest),
        ShardIteratorType::AtTimestamp => {
            let time = timestamp.ok_or_else(|| {
                WireError::invalid_argument(
                    "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. \
                     Current request has no timestamp parameter.",
                )
            })?;
            without_number(StartingPosition::AtTimestamp(epoch_ms(time)))
        }
    }
}
