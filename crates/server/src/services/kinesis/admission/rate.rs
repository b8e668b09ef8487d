//! How often an operation may be called.

use crate::call_rates::RateExceeded;
use crate::context::Context;
use crate::operation::Operation;
use crate::services::kinesis::errors::KinesisError;
use crate::services::kinesis::state::Kinesis;
use anabranch_engine::Scope;
use anabranch_protocol::WireError;
use std::sync::Arc;

/// Takes one call of the operation's rate.
///
/// # Errors
/// `LimitExceededException` when the rate is used up.
pub(super) fn take_call<O: Operation>(
    context: &Context<'_, Kinesis>,
    scope: &Scope,
    stream: Option<&Arc<str>>,
) -> Result<(), WireError> {
    let now_us = context.cells().monotonic_us();
    let taken = context.service.calls.take(O::NAME, O::RATE, scope, stream, now_us);
    taken.map_err(|RateExceeded| {
        let account = &scope.account;
        KinesisError::LimitExceeded.because(match stream {
            Some(name) => format!("Rate exceeded for stream {name} under account {account}."),
            None => format!("Rate exceeded for account {account}."),
        })
    })
}
