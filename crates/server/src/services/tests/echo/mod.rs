//! A second service, with all that one can have of its own.

mod operations;
mod ops;

pub(super) use operations::DESCRIBED;

use crate::operation::ErrorTable;
use crate::refusal::Refusal;
use crate::reply::{self, Reply};
use crate::service::{BoxedAnswer, Call, Found, Service, Wire};
use anabranch_protocol::{Codec, CommonError, error_table};
use http::request::Parts;

error_table! {
    pub(crate) enum EchoError in "com.example.echo#" {
        Loud = "TooLoudException", 400, Change;
    }
}

/// Its operations are told by their target or by their path.
#[derive(Debug)]
pub(crate) struct Echo;

impl ErrorTable for Echo {
    type Error = EchoError;
}

impl Service for Echo {
    fn wire(&self) -> &'static Wire {
        &Wire {
            signing_name: "echo",
            target_prefix: "Echo_20200101.",
            action_prefix: "echoes",
            codecs: &[Codec::Json10],
            common_errors: "com.example.coral#",
        }
    }

    fn operation<'a>(&self, parts: &'a Parts) -> Option<&'a str> {
        let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
        target
            .and_then(|target| target.strip_prefix(self.wire().target_prefix))
            .or_else(|| parts.uri.path().strip_prefix("/service/Echo/operation/"))
    }

    fn find(&self, operation: &str) -> Found {
        operations::find(operation)
    }

    fn answer<'a>(&'a self, place: usize, call: Call<'a>) -> BoxedAnswer<'a> {
        operations::answer(self, place, call)
    }

    fn refuse(&self, _: Refusal<'_>) -> Reply {
        let error = CommonError::UnknownOperation.bare();
        reply::error(Codec::Json10, &error, self.wire().common_errors)
    }
}
