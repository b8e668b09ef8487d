//! GetRecords.

use super::shapes::{ChildShard, EncryptionType, long};
use super::{Context, Operation, dry_run_succeeded};
use crate::answer::Counted;
use crate::audit::CallKind;
use crate::call_rates::CallRate;
use crate::reply_body::{ReadShare, ReplyRoom};
use crate::services::kinesis::admission;
use crate::services::kinesis::error::to_wire;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::{self as engine, GetReply, GetRequest, OpenRun, ReadCount, Records};
use anabranch_model::{Shard as ModelShard, limits};
use anabranch_protocol::shape::{Kind, Rule, Shape, rules::*};
use anabranch_protocol::{Encode, Timestamp, WireError, Writer, input, output};
use bytes::Bytes;

pub(crate) struct GetRecords;

input! {
    /// What is asked.
    pub(crate) struct GetRecordsInput {
        shard_iterator: String = "ShardIterator" [SHARD_ITERATOR],
        limit: Option<i32> = "Limit" [Rule::between(1, 10_000)],
        stream_arn: Option<String> = "StreamARN" [STREAM_ARN],
        stream_id: Option<String> = "StreamId" [STREAM_ID],
        dry_run: Option<bool> = "DryRun" [ANY],
    }
}

output! {
    /// The shape of [`GetRecordsOutput`], for the schema.
    pub(crate) struct GetRecordsOutputShape {
        records: Vec<RecordShape> = "Records",
        next_shard_iterator: Option<String> = "NextShardIterator",
        millis_behind_latest: Option<i64> = "MillisBehindLatest",
        child_shards: Option<Vec<ChildShard>> = "ChildShards",
    }

    /// The shape of a record, for the schema.
    pub(crate) struct RecordShape {
        sequence_number: String = "SequenceNumber",
        approximate_arrival_timestamp: Option<Timestamp> = "ApproximateArrivalTimestamp",
        data: Bytes = "Data",
        partition_key: Option<String> = "PartitionKey",
        encryption_type: Option<EncryptionType> = "EncryptionType",
    }
}

/// Bytes of a reply beside its records.
const HEAD_BYTES: usize = 512;

/// Bytes of the reply that is made of so much.
fn reply_bytes(read: ReadCount) -> usize {
    HEAD_BYTES + wire_bytes(read.records as usize, read.bytes as usize)
}

impl engine::ReplyRoom for ReplyRoom<'_> {
    type Share = ReadShare;

    fn try_take(&self, read: ReadCount) -> Option<ReadShare> {
        self.try_take(reply_bytes(read))
    }

    async fn take(&self, most: ReadCount) -> Option<ReadShare> {
        // What is read is in memory twice until the reply is written: as it is stored, and as it is sent.
        self.take(most.bytes as usize + reply_bytes(most)).await
    }

    fn shrink(&self, share: &mut ReadShare, read: ReadCount) {
        if let Some(share) = share {
            share.shrink_to(reply_bytes(read));
        }
    }
}

/// What is answered. Written straight from the runs.
pub(crate) struct GetRecordsOutput(GetReply);

impl Shape for GetRecordsOutput {
    const KIND: Kind = GetRecordsOutputShape::KIND;
}

/// Bytes of a record in JSON beside its data and key.
const RECORD_BYTES: usize = 192;

impl Encode for GetRecordsOutput {
    fn encode<W: Writer>(&self, writer: &mut W) {
        let reply = &self.0;
        writer.reserve(HEAD_BYTES + wire_bytes_of(&reply.runs));
        writer.begin_map();
        writer.key("Records");
        writer.begin_list();
        for run in &reply.runs {
            encode_run(&reply.slot.shard, run, writer);
        }
        writer.end_list();
        if let Some(iterator) = &reply.next_iterator {
            writer.key("NextShardIterator");
            writer.raw_ascii_string(iterator.as_bytes());
        }
        writer.key("MillisBehindLatest");
        writer.integer(long(reply.millis_behind_latest));
        if !reply.child_shards.is_empty() {
            writer.key("ChildShards");
            let children: Vec<ChildShard> =
                reply.child_shards.iter().map(ChildShard::from).collect();
            children.encode(writer);
        }
        writer.end_map();
    }
}

/// About how many bytes so many records, which have so many bytes in the engine, take on the wire:
/// as JSON, where data is base64.
pub(super) fn wire_bytes(records: usize, bytes: usize) -> usize {
    bytes * 4 / 3 + records * RECORD_BYTES
}

/// The same of these.
pub(super) fn wire_bytes_of(runs: &[OpenRun]) -> usize {
    runs.iter().map(|run| wire_bytes(run.count as usize, run.body.len())).sum()
}

/// Writes a run's records as items of the list that is begun.
pub(super) fn encode_run<W: Writer>(shard: &ModelShard, run: &OpenRun, writer: &mut W) {
    let mut number = shard.sequence_number(run.first_index, run.arrival_ms).decimal();
    let arrival = Timestamp(long(run.arrival_ms));
    for record in Records::new(&run.body) {
        writer.begin_map();
        writer.key("SequenceNumber");
        writer.raw_ascii_string(&number.digits());
        writer.key("ApproximateArrivalTimestamp");
        writer.timestamp(arrival);
        writer.key("Data");
        writer.blob(record.data);
        if let Some(key) = record.partition_key {
            writer.key("PartitionKey");
            writer.string(key);
        }
        if run.is_encrypted {
            writer.key("EncryptionType");
            writer.string(EncryptionType::Kms.as_str());
        }
        writer.end_map();
        number = number.next_index();
    }
}

impl Operation for GetRecords {
    type Service = Kinesis;
    const NAME: &'static str = "GetRecords";
    const RATE: CallRate = CallRate::Unlimited;
    const KIND: CallKind = CallKind::Data;
    const ERRORS: &'static [KinesisError] = &[
        KinesisError::AccessDenied,
        KinesisError::DryRunOperation,
        KinesisError::ExpiredIterator,
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
    type Input<'a> = GetRecordsInput;
    type Output = Counted<GetRecordsOutput>;

    async fn answer<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> Result<Counted<GetRecordsOutput>, WireError> {
        let (stream, iterator) = admission::of_iterator::<Self>(
            context,
            &input.shard_iterator,
            input.stream_arn.as_deref(),
        )?;
        let dry_run = input.dry_run == Some(true);
        let request = GetRequest {
            scope: &stream.reference.scope,
            principal: &context.caller.principal_arn,
            iterator: &iterator,
            records_max: input.limit.map_or(limits::GET_RECORDS_COUNT_MAX, |limit| limit as usize),
            dry_run,
        };
        let read = stream.cell.data.get_records(request, &context.room).await;
        let (reply, share) = read.map_err(to_wire)?;
        if dry_run {
            return Err(dry_run_succeeded());
        }
        Ok(Counted(GetRecordsOutput(reply), share.flatten()))
    }
}
