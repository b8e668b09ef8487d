//! Its operations.

pub(super) mod forget;
pub(super) mod repeat;
