//! Texts about tokens of pages.

use super::wire::ToWire;
use anabranch_engine::error::{TokenExpired, TokenInvalid, TokenOfAnotherStream};
use anabranch_protocol::{ErrorKind, WireError};

impl ToWire for TokenOfAnotherStream {
    fn to_wire(self) -> WireError {
        token_and("StreamName")
    }
}

impl ToWire for TokenInvalid {
    fn to_wire(self) -> WireError {
        WireError::invalid_argument("Invalid NextToken.")
    }
}

impl ToWire for TokenExpired {
    fn to_wire(self) -> WireError {
        WireError::new(ErrorKind::ExpiredNextToken, "NextToken has expired.")
    }
}

/// The refusal of a member beside a token.
pub(crate) fn token_and(member: &str) -> WireError {
    WireError::invalid_argument(format!("NextToken and {member} cannot be provided together."))
}
