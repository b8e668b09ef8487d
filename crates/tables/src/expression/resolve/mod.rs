//! What an expression means, once its placeholders are known. Checks are made in the order in which DynamoDB makes
//! them, as far as it can be seen: an error that it would tell first is told first.

mod condition;
mod functions;
mod key_condition;
mod names;
mod projection;
mod reserved;
mod update;

pub(super) use condition::condition;
pub(super) use key_condition::key_condition;
pub(super) use projection::projection;
pub(super) use update::update;
