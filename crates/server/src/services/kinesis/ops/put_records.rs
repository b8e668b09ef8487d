//! PutRecords.

use super::shapes::EncryptionType;
use super::{Context, Operation, after_existence, dry_run_succeeded};
use crate::audit::CallKind;
use crate::call_rates::CallRate;
use crate::services::kinesis::admission;
use crate::services::kinesis::error::{OVERLOADED_TEXT, to_wire, write_rate_text};
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::{AppendError, Payload, PutEntry, PutOutcome, PutReply, PutRequest};
use anabranch_model::{HashKey, hash_key};
use anabranch_protocol::shape::{Kind, Shape, rules::*};
use anabranch_protocol::{Blob, Encode, WireError, Writer, input, output};
use std::borrow::Cow;

pub(crate) struct PutRecords;

input! {
    /// What is asked.
    pub(crate) struct PutRecordsInput<'a> {
        records: Vec<PutRecordsRequestEntry<'a>> = "Records" [RECORDS],
        stream_name: Option<Cow<'a, str>> = "StreamName" [STREAM_NAME],
        stream_arn: Option<Cow<'a, str>> = "StreamARN" [STREAM_ARN],
        stream_id: Option<Cow<'a, str>> = "StreamId" [STREAM_ID],
        dry_run: Option<bool> = "DryRun" [ANY],
    }

    /// A record.
    pub(crate) struct PutRecordsRequestEntry<'a> {
        data: Blob<'a> = "Data" [DATA],
        explicit_hash_key: Option<Cow<'a, str>> = "ExplicitHashKey" [HASH_KEY],
        partition_key: Option<Cow<'a, str>> = "PartitionKey" [PARTITION_KEY],
    }
}

/// What is answered. Written without a struct for each record.
pub(crate) struct PutRecordsOutput {
    /// Name and account, for the texts of throttled records.
    stream: String,
    outcomes: Vec<EntryOutcome>,
    is_encrypted: bool,
}

/// What became of one record.
enum EntryOutcome {
    Put(PutOutcome),
    /// The disk does not keep up.
    Overloaded,
    /// The memory of durability `memory` is taken.
    MemoryFull,
    Failed,
}

output! {
    /// The shape of [`PutRecordsOutput`], for the schema.
    pub(crate) struct PutRecordsOutputShape {
        failed_record_count: Option<i32> = "FailedRecordCount",
        records: Vec<PutRecordsResultEntryShape> = "Records",
        encryption_type: Option<EncryptionType> = "EncryptionType",
    }

    /// The shape of one result, for the schema.
    pub(crate) struct PutRecordsResultEntryShape {
        sequence_number: Option<String> = "SequenceNumber",
        shard_id: Option<String> = "ShardId",
        error_code: Option<String> = "ErrorCode",
        error_message: Option<String> = "ErrorMessage",
    }
}

impl Shape for PutRecordsOutput {
    const KIND: Kind = PutRecordsOutputShape::KIND;
}

impl Encode for PutRecordsOutput {
    fn encode<W: Writer>(&self, writer: &mut W) {
        let is_failed = |outcome: &&EntryOutcome| {
            !matches!(outcome, EntryOutcome::Put(PutOutcome::Stored { .. }))
        };
        let failed = self.outcomes.iter().filter(is_failed).count();
        writer.reserve(64 + self.outcomes.len() * 136);
        writer.begin_map();
        writer.key("FailedRecordCount");
        writer.integer(failed as i64);
        writer.key("Records");
        writer.begin_list();
        for outcome in &self.outcomes {
            writer.begin_map();
            self.encode_entry(outcome, writer);
            writer.end_map();
        }
        writer.end_list();
        if self.is_encrypted {
            writer.key("EncryptionType");
            writer.string(EncryptionType::Kms.as_str());
        }
        writer.end_map();
    }
}

impl PutRecordsOutput {
    fn encode_entry<W: Writer>(&self, outcome: &EntryOutcome, writer: &mut W) {
        let (code, message) = match outcome {
            EntryOutcome::Put(PutOutcome::Stored { shard, sequence_number }) => {
                writer.key("SequenceNumber");
                writer.raw_ascii_string(&sequence_number.digits());
                writer.key("ShardId");
                writer.raw_ascii_string(&shard.name());
                return;
            }
            EntryOutcome::Put(PutOutcome::Throttled { shard }) => (
                KinesisError::ProvisionedThroughputExceeded,
                write_rate_text(&shard.to_string(), &self.stream),
            ),
            EntryOutcome::Overloaded => {
                (KinesisError::ProvisionedThroughputExceeded, OVERLOADED_TEXT.to_owned())
            }
            EntryOutcome::MemoryFull => {
                (KinesisError::InternalFailure, AppendError::MemoryFull.to_string())
            }
            EntryOutcome::Failed => {
                (KinesisError::InternalFailure, "Internal Service Failure".to_owned())
            }
        };
        writer.key("ErrorCode");
        writer.string(code.name());
        writer.key("ErrorMessage");
        writer.string(&message);
    }
}

impl Operation for PutRecords {
    type Service = Kinesis;
    const NAME: &'static str = "PutRecords";
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
    type Input<'a> = PutRecordsInput<'a>;
    type Output = PutRecordsOutput;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<PutRecordsOutput, WireError> {
        let (name, arn) = (input.stream_name.as_deref(), input.stream_arn.as_deref());
        let admitted = admission::stream::<Self>(context, name, arn)?;
        let request = PutRequest {
            stream: &admitted,
            principal: &context.caller.principal_arn,
            dry_run: input.dry_run == Some(true),
        };
        let entries = input.records.into_iter().map(entry).collect::<Result<Vec<_>, _>>();
        let entries = after_existence(entries, || admitted.require_for_data())?;
        let put = admitted.cell.data.put_records(&request, &entries).await;
        let reply = put.map_err(to_wire)?.ok_or_else(dry_run_succeeded)?;
        let PutReply { stored, is_encrypted } = reply;
        let outcomes = match stored {
            Ok(outcomes) => outcomes.into_iter().map(EntryOutcome::Put).collect(),
            // Nothing is wrong with the request: every record may be sent again.
            Err(AppendError::Overloaded) => {
                entries.iter().map(|_| EntryOutcome::Overloaded).collect()
            }
            Err(AppendError::MemoryFull) => {
                entries.iter().map(|_| EntryOutcome::MemoryFull).collect()
            }
            Err(AppendError::StorageFull | AppendError::Failed) => {
                entries.iter().map(|_| EntryOutcome::Failed).collect()
            }
            Err(error @ (AppendError::Closed(_) | AppendError::ShuttingDown)) => {
                return Err(to_wire(error));
            }
        };
        Ok(PutRecordsOutput { stream: admitted.reference.to_string(), outcomes, is_encrypted })
    }
}

fn entry(record: PutRecordsRequestEntry<'_>) -> Result<PutEntry<'_, BlobPayload<'_>>, WireError> {
    Ok(PutEntry {
        partition_key: record.partition_key,
        explicit_hash_key: explicit_hash_key(record.explicit_hash_key.as_deref())?,
        data: BlobPayload::new(record.data),
    })
}

/// Parses an ExplicitHashKey, which the pattern lets be larger than the ring.
pub(super) fn explicit_hash_key(text: Option<&str>) -> Result<Option<HashKey>, WireError> {
    let Some(text) = text else { return Ok(None) };
    hash_key::parse(text).map(Some).ok_or_else(|| {
        KinesisError::InvalidArgument.because(format!(
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. \
             Specified value was {text}"
        ))
    })
}

/// Data that is decoded straight into the run that is journaled.
pub(super) struct BlobPayload<'a> {
    blob: Blob<'a>,
    len: usize,
}

impl<'a> BlobPayload<'a> {
    pub(super) fn new(blob: Blob<'a>) -> Self {
        Self { len: blob.decoded_len(), blob }
    }
}

impl Payload for BlobPayload<'_> {
    fn data_len(&self) -> usize {
        self.len
    }

    fn append_to(&self, out: &mut Vec<u8>) {
        self.blob.decode_into(out).expect("blobs are checked when the request is decoded");
    }
}
