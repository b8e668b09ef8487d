//! GetShardIterator.

use super::shapes::{ShardIteratorType, epoch_ms};
use super::{Context, Operation, after_existence, dry_run_succeeded};
use crate::audit::CallKind;
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::StartingPosition;
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{Timestamp, WireError, input, output};

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
    type Service = Kinesis;
    const NAME: &'static str = "GetShardIterator";
    const RATE: CallRate = CallRate::Unlimited;
    const KIND: CallKind = CallKind::Data;
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::DryRunOperation,
        KinesisError::InternalFailure,
        KinesisError::InvalidArgument,
        KinesisError::ProvisionedThroughputExceeded,
        KinesisError::ResourceNotFound,
    ];
    type Input<'a> = GetShardIteratorInput;
    type Output = GetShardIteratorOutput;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<GetShardIteratorOutput, WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let admitted = admission::stream::<Self>(context, name, arn)?;
        let (number, timestamp) = (input.starting_sequence_number, input.timestamp);
        let position = starting_position(input.shard_iterator_type, number, timestamp);
        let data = &admitted.cell.data;
        let position = after_existence(position, || {
            data.require_shard(&admitted, &input.shard_id).map_err(to_wire)
        })?;
        let iterator =
            data.shard_iterator(&admitted, &input.shard_id, &position).map_err(to_wire)?;
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
        KinesisError::InvalidArgument.because(format!(
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
                KinesisError::InvalidArgument.because(
                    "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. \
                     Current request has no timestamp parameter.",
                )
            })?;
            without_number(StartingPosition::AtTimestamp(epoch_ms(time)))
        }
    }
}
