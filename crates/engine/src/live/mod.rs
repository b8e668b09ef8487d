//! What calls see of the state, and what this process has beside it: gates, meters, wakers.
//!
//! It is made of the effects of commands, by one owner, so that the state itself is data.

pub(crate) mod host;
pub(crate) mod meter;
pub(crate) mod named;
pub(crate) mod owner;
pub(crate) mod slot;
pub(crate) mod stream;
pub(crate) mod view;
