//! What an operation is.

use super::Context;
use crate::answer::Answer;
use crate::call_rates::CallRate;
use anabranch_engine::Scope;
use anabranch_protocol::shape::Structure;
use anabranch_protocol::{Decode, ErrorKind, WireError};
use std::sync::Arc;

/// An operation of the service.
pub(crate) trait Operation {
    /// Its name in `X-Amz-Target`.
    const NAME: &'static str;
    /// How often it may be called. That of operations on records is limited by shard instead.
    const RATE: CallRate;
    /// The errors that the service model gives it.
    const ERRORS: &'static [ErrorKind];
    /// What it is asked.
    type Input<'a>: Decode<'a> + Structure + Send;
    /// What it answers; `()` for an empty body, [`crate::answer::Events`] for a stream.
    type Output: Answer;

    /// Does it.
    fn run<'a>(
        context: &'a Context<'a>,
        input: Self::Input<'a>,
    ) -> impl Future<Output = Result<Self::Output, WireError>> + Send;
}

impl Context<'_> {
    /// Takes one call of the operation's rate.
    ///
    /// # Errors
    /// `LimitExceededException` when the rate is used up.
    pub(crate) fn take_call<O: Operation>(
        &self,
        scope: &Scope,
        stream: Option<&Arc<str>>,
    ) -> Result<(), WireError> {
        let now_us = self.cells.monotonic_us();
        self.calls.take(O::NAME, O::RATE, scope, stream, now_us)
    }
}
