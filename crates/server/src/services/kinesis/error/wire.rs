//! From a fact to an error of the wire.

use crate::services::kinesis::errors::KinesisError;
use anabranch_protocol::WireError;

/// What the engine refuses, as an AWS error.
pub(crate) trait ToWire {
    fn to_wire(self) -> WireError;
}

/// The AWS error for what the engine refused.
pub(crate) fn to_wire(error: impl ToWire) -> WireError {
    error.to_wire()
}

pub(super) fn limit_exceeded(message: String) -> WireError {
    KinesisError::LimitExceeded.because(message)
}

pub(super) fn throughput_exceeded(message: String) -> WireError {
    KinesisError::ProvisionedThroughputExceeded.because(message)
}
