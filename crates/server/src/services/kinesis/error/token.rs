//! Texts about tokens of pages.

use super::wire::ToWire;
use crate::services::kinesis::errors::KinesisError;
use anabranch_engine::error::{TokenExpired, TokenInvalid, TokenOfAnotherStream};
use anabranch_protocol::WireError;

impl ToWire for TokenOfAnotherStream {
    fn to_wire(self) -> WireError {
        token_and("StreamName")
    }
}

impl ToWire for TokenInvalid {
    fn to_wire(self) -> WireError {
        KinesisError::InvalidArgument.because("Invalid NextToken.")
    }
}

impl ToWire for TokenExpired {
    fn to_wire(self) -> WireError {
        KinesisError::ExpiredNextToken.because("NextToken has expired.")
    }
}

/// The refusal of a member beside a token.
pub(crate) fn token_and(member: &str) -> WireError {
    KinesisError::InvalidArgument
        .because(format!("NextToken and {member} cannot be provided together."))
}
