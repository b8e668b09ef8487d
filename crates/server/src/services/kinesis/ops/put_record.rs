//! PutRecord.

use super::put_records::{BlobPayload, explicit_hash_key};
use super::shapes::EncryptionType;
use super::{Context, Operation, after_existence, dry_run_succeeded};
use crate::audit::CallKind;
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::{single_put_to_wire, to_wire};
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::{PutEntry, PutOutcome, PutRequest};
use anabranch_protocol::shape::rules::*;
use anabranch_protocol::{Blob, WireError, input, output};
use std::borrow::Cow;

pub(crate) struct PutRecord;

input! {
    /// What is asked.
    pub(crate) struct PutRecordInput<'a> {
        stream_name: Option<Cow<'a, str>> = "StreamName" [STREAM_NAME],
        data: Blob<'a> = "Data" [DATA],
        partition_key: Option<Cow<'a, str>> = "PartitionKey" [PARTITION_KEY],
        explicit_hash_key: Option<Cow<'a, str>> = "ExplicitHashKey" [HASH_KEY],
        sequence_number_for_ordering: Option<Cow<'a, str>> =
            "SequenceNumberForOrdering" [SEQUENCE_NUMBER],
        stream_arn: Option<Cow<'a, str>> = "StreamARN" [STREAM_ARN],
        stream_id: Option<Cow<'a, str>> = "StreamId" [STREAM_ID],
        dry_run: Option<bool> = "DryRun" [ANY],
    }
}

output! {
    /// What is answered.
    pub(crate) struct PutRecordOutput {
        shard_id: String = "ShardId",
        sequence_number: String = "SequenceNumber",
        encryption_type: Option<EncryptionType> = "EncryptionType",
    }
}

impl Operation for PutRecord {
    type Service = Kinesis;
    const NAME: &'static str = "PutRecord";
    const RATE: CallRate = CallRate::Unlimited;
    const KIND: CallKind = CallKind::Data;
    const CARRIES_RECORDS: bool = true;
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::DryRunOperation,
        KinesisError::InternalFailure,
        KinesisError::InvalidArgument,
        KinesisError::ProvisionedThroughputExceeded,
        KinesisError::ResourceNotFound,
        KinesisError::KmsAccessDenied,
        KinesisError::KmsDisabled,
        KinesisError::KmsInvalidState,
        KinesisError::KmsNotFound,
        KinesisError::KmsOptInRequired,
        KinesisError::KmsThrottling,
    ];
    type Input<'a> = PutRecordInput<'a>;
    type Output = PutRecordOutput;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<PutRecordOutput, WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let admitted = admission::stream::<Self>(context, name, arn)?;
        let hash_key = explicit_hash_key(input.explicit_hash_key.as_deref());
        let entry = PutEntry {
            partition_key: input.partition_key,
            explicit_hash_key: after_existence(hash_key, || admitted.require_for_data())?,
            data: BlobPayload::new(input.data),
        };
        let request = PutRequest {
            stream: &admitted,
            principal: &context.caller.principal_arn,
            dry_run: input.dry_run == Some(true),
        };
        let ordering = input.sequence_number_for_ordering.as_deref();
        let put = admitted.cell.data.put_record(&request, &entry, ordering).await;
        let reply = put.map_err(single_put_to_wire)?.ok_or_else(dry_run_succeeded)?;
        let (outcomes, is_encrypted) = (reply.stored.map_err(to_wire)?, reply.is_encrypted);
        match outcomes[0] {
            PutOutcome::Stored { shard, sequence_number } => Ok(PutRecordOutput {
                shard_id: shard.to_string(),
                sequence_number: sequence_number.to_string(),
                encryption_type: is_encrypted.then_some(EncryptionType::Kms),
            }),
            // The engine reports a throttled single put as an error.
            PutOutcome::Throttled { .. } => Err(KinesisError::InternalFailure.bare()),
        }
    }
}
