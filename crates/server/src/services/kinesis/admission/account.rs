//! Operations that are about no stream but the caller's account.

use super::rate::take_call;
use crate::access::Resource;
use crate::context::Context;
use crate::operation::Operation;
use crate::services::kinesis::state::Kinesis;
use anabranch_protocol::WireError;

/// Lets an operation go on that is about no stream but the caller's account.
///
/// # Errors
/// When the caller is not allowed, or calls too often.
pub(crate) fn account<O: Operation>(context: &Context<'_, Kinesis>) -> Result<(), WireError> {
    context.authorize(O::NAME, &Resource::none(&context.scope.account))?;
    take_call::<O>(context, &context.scope, None)
}
