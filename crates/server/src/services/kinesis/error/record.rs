//! Texts about records and their rates.

use super::wire::{ToWire, throughput_exceeded};
use crate::services::kinesis::errors::KinesisError;
use anabranch_engine::error::{
    OrderingInvalid, PartitionKeyMissing, ReadRateExceeded, RecordNotAuthentic, RecordTooLarge,
    RecordsTooLarge, WriteRateExceeded,
};
use anabranch_protocol::WireError;
use anabranch_protocol::shape::{Constraint, Violation};

impl ToWire for RecordTooLarge {
    fn to_wire(self) -> WireError {
        let Self { position, bytes_max } = self;
        let path = format!("records.{}.member.data", position + 1);
        data_too_long(&path, bytes_max)
    }
}

impl ToWire for RecordsTooLarge {
    fn to_wire(self) -> WireError {
        let Self { bytes_max } = self;
        KinesisError::InvalidArgument
            .because(format!("Records size exceeds {} MB limit", bytes_max / (1024 * 1024)))
    }
}

impl ToWire for PartitionKeyMissing {
    fn to_wire(self) -> WireError {
        let Self { position } = self;
        let path = format!("records.{}.member.partitionKey", position + 1);
        partition_key_missing(&path)
    }
}

impl ToWire for OrderingInvalid {
    fn to_wire(self) -> WireError {
        let Self { stream, number } = self;
        KinesisError::InvalidArgument.because(format!(
            "ExclusiveMinimumSequenceNumber {number} used in PutRecord on stream {stream} is \
             invalid."
        ))
    }
}

impl ToWire for WriteRateExceeded {
    fn to_wire(self) -> WireError {
        let Self { stream, shard } = self;
        throughput_exceeded(write_rate_text(&shard.to_string(), &stream.to_string()))
    }
}

impl ToWire for ReadRateExceeded {
    fn to_wire(self) -> WireError {
        let Self { stream, shard } = self;
        throughput_exceeded(format!(
            "Rate exceeded for Shard - {}/{}/{shard}",
            stream.scope.account, stream.name
        ))
    }
}

impl ToWire for RecordNotAuthentic {
    fn to_wire(self) -> WireError {
        tracing::error!(error = %self, "a record cannot be decrypted: the data are damaged");
        KinesisError::InternalFailure.bare()
    }
}

/// The text of a put over the shard's rate; `stream` as in [`anabranch_engine::StreamRef`].
pub(crate) fn write_rate_text(shard: &str, stream: &str) -> String {
    format!("Rate exceeded for shard {shard} in stream {stream}.")
}

pub(crate) fn data_too_long(path: &str, bytes_max: usize) -> WireError {
    let bytes_max = i64::try_from(bytes_max).unwrap_or(i64::MAX);
    Violation::new(path, Constraint::MaxLength(bytes_max)).into()
}

pub(crate) fn partition_key_missing(path: &str) -> WireError {
    KinesisError::Validation.because(format!(
        "1 validation error detected: Value null at '{path}' failed to satisfy constraint: \
         Member must not be null"
    ))
}
