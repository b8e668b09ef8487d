//! What can go wrong, as facts.
//!
//! A small struct for each fact, and an enum of them for each kind of operation: the signature says
//! what can go wrong. The texts and statuses of the wire are the server's business.

mod change;
mod consumer;
mod limit_scope;
mod position;
mod put;
mod read;
mod record;
mod shard;
mod start;
mod stream;
mod token;

pub use change::*;
pub use consumer::*;
pub use limit_scope::*;
pub use position::*;
pub use put::*;
pub use read::*;
pub use record::*;
pub use shard::*;
pub use start::*;
pub use stream::*;
pub use token::*;
