//! What an operation of a service is, and how one is run.

use crate::answer::{Answer, Answered};
use crate::audit::CallKind;
use crate::call_rates::CallRate;
use crate::context::{Asked, Context, Origin};
use crate::service::{Call, Service};
use anabranch_engine::Scope;
use anabranch_protocol::shape::{RequestError, Structure};
use anabranch_protocol::{CommonError, Decode, ErrorKind, WireError};

/// A longer body is decoded once its caller is known, unless it carries records; before, it is only
/// looked through. Shorter ones, as good as all, are read but once.
const DECODED_EARLY_BYTES_MAX: usize = 64 << 10;

/// The service's table of errors.
pub(crate) trait ErrorTable {
    type Error: Copy + Into<ErrorKind> + 'static;
}

/// An operation of a service.
pub(crate) trait Operation {
    /// Whose it is.
    type Service: Service + ErrorTable;
    /// Its name on the wire.
    const NAME: &'static str;
    /// How often it may be called. That of operations on records is limited by shard instead.
    const RATE: CallRate;
    /// What it is about.
    const KIND: CallKind = CallKind::Control;
    /// Whether most of what it is asked is records: then the decoded request borrows them from the body,
    /// and takes little memory beside it.
    const CARRIES_RECORDS: bool = false;
    /// The errors that the service model gives it.
    const ERRORS: &'static [<Self::Service as ErrorTable>::Error];
    /// What it is asked.
    type Input<'a>: Decode<'a> + Structure + Send;
    /// What it answers; `()` for an empty body, [`crate::answer::Events`] for a stream.
    type Output: Answer;

    /// Does it.
    fn answer<'a>(
        context: &'a Context<'a, Self::Service>,
        input: Self::Input<'a>,
    ) -> impl Future<Output = Result<Self::Output, WireError>> + Send;
}

/// Decodes, authenticates and runs an operation.
///
/// The order of checks is AWS's: a body that does not parse, then the caller, then types and
/// constraints, then the operation. Whatever strangers send, little is kept of it.
pub(crate) async fn answer<O: Operation>(
    service: &O::Service,
    call: Call<'_>,
) -> Result<Answered, WireError> {
    let decode = || call.codec.decode_input::<O::Input<'_>>(call.body);
    let is_early = O::CARRIES_RECORDS || call.body.len() <= DECODED_EARLY_BYTES_MAX;
    let early = is_early.then(decode);
    let is_malformed = match &early {
        Some(decoded) => matches!(decoded, Err(RequestError::Malformed)),
        None => !call.codec.is_well_formed(call.body),
    };
    if is_malformed {
        return Err(RequestError::Malformed.into());
    }
    call.trail.operation(service.wire().action_prefix, O::NAME, O::KIND);
    let caller = call.authenticate(service.wire().signing_name)?;
    let input = early.unwrap_or_else(decode)?;
    let scope = Scope { account: caller.account_id.clone(), region: caller.region.clone() };
    let context = Context {
        service,
        caller: &caller,
        authenticator: call.authenticator,
        scope,
        origin: Origin::of(call.parts, call.peer),
        clock: call.clock,
        now_ms: call.now_ms,
        asked: Asked::default(),
        trail: call.trail,
        room: call.replies.room(call.connected),
    };
    let output = O::answer(&context, input).await?;
    if !context.asked.is_set() {
        tracing::error!(operation = O::NAME, "an operation did not ask whether its caller may");
        return Err(CommonError::InternalFailure.bare());
    }
    Ok(match output.into_answered(call.codec, call.stopping) {
        Answered::Body(body) if O::CARRIES_RECORDS => Answered::Body(body.of_put()),
        answered => answered,
    })
}
