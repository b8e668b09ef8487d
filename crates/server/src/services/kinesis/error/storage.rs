//! Texts about what disk and server cannot do at the moment.

use super::wire::{ToWire, throughput_exceeded};
use crate::services::kinesis::errors::KinesisError;
use anabranch_engine::error::{Interrupted, NoRoom};
use anabranch_engine::{AppendError, ReadError};
use anabranch_protocol::{CommonError, WireError};

/// Text of a put that the disk is too slow for.
pub(crate) const OVERLOADED_TEXT: &str =
    "The disk does not keep up with the writes. Try again later.";

impl ToWire for AppendError {
    fn to_wire(self) -> WireError {
        match self {
            Self::Overloaded => throughput_exceeded(OVERLOADED_TEXT.to_owned()),
            Self::ShuttingDown => {
                CommonError::ServiceUnavailable.because("The server is shutting down.")
            }
            // Who runs a mock is most often its caller, too, and can make room.
            Self::MemoryFull => KinesisError::InternalFailure.because(self.to_string()),
            // What the caller can do is the same for all of these: try again later.
            Self::StorageFull | Self::Failed | Self::Closed(_) => {
                KinesisError::InternalFailure.bare()
            }
        }
    }
}

impl ToWire for NoRoom {
    fn to_wire(self) -> WireError {
        CommonError::ServiceUnavailable.bare()
    }
}

impl ToWire for Interrupted {
    fn to_wire(self) -> WireError {
        KinesisError::InternalFailure.bare()
    }
}

impl ToWire for ReadError {
    fn to_wire(self) -> WireError {
        tracing::error!(error = %self, "a segment cannot be read");
        KinesisError::InternalFailure.bare()
    }
}
