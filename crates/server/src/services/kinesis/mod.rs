//! Kinesis Data Streams.
//!
//! [`operations`] is the table, [`ops`] has a file for each operation. Which stream or consumer a
//! request is about, and whether its caller may, is [`admission`]. What the engine refuses becomes
//! an AWS error in [`error`] and nowhere else.
//!
//! Invariant: handlers in [`ops`] know neither HTTP nor JSON nor CBOR.

mod admission;
mod error;
mod errors;
mod event_cache;
mod operations;
mod ops;
mod refusals;
mod state;

pub(crate) use operations::DESCRIBED;
pub(crate) use state::Kinesis;

use crate::operation::ErrorTable;
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::service::{BoxedAnswer, Call, Found, Service, Wire};
use anabranch_protocol::Codec;
use errors::KinesisError;

const WIRE: Wire = Wire {
    signing_name: "kinesis",
    target_prefix: "Kinesis_20131202.",
    action_prefix: "kinesis",
    codecs: &[Codec::Json11, Codec::Cbor],
    common_errors: "",
};

impl ErrorTable for Kinesis {
    type Error = KinesisError;
}

impl Service for Kinesis {
    fn wire(&self) -> &'static Wire {
        &WIRE
    }

    fn find(&self, operation: &str) -> Found {
        operations::find(operation)
    }

    fn answer<'a>(&'a self, place: usize, call: Call<'a>) -> BoxedAnswer<'a> {
        operations::answer(self, place, call)
    }

    fn refuse(&self, refusal: Refusal<'_>) -> Reply {
        refusals::reply(refusal)
    }
}
