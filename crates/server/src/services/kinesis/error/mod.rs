//! The texts and types of the wire: the only place where what the engine refuses becomes an AWS
//! error.

mod consumer;
mod key;
mod operations;
mod position;
mod record;
mod shard;
mod storage;
mod stream;
mod token;
mod wire;

pub(crate) use operations::single_put_to_wire;
pub(crate) use record::write_rate_text;
pub(crate) use storage::OVERLOADED_TEXT;
pub(crate) use token::token_and;
pub(crate) use wire::to_wire;
