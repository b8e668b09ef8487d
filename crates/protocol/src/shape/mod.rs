//! Typed requests and replies from one declarative table each.
//!
//! ```text
//! input! {
//!     /// What the operation is asked.
//!     pub struct CreateStreamInput {
//!         /// The new stream's name.
//!         stream_name: String = "StreamName" [STREAM_NAME],
//!         /// Shards to begin with.
//!         shard_count: Option<i32> = "ShardCount" [POSITIVE],
//!     }
//! }
//! ```
//!
//! A member is required unless its type is `Option`. The [`Rule`] in brackets is checked while the
//! body is decoded. One pass yields the struct, or the first type error, or every violation.
//!
//! Invariants:
//! - Unknown members are read over, null means absent, and of duplicates the last one counts, for
//!   the value and for its violations.
//! - A decoded struct has passed all of its rules.
//! - What is kept while a body is decoded takes no more memory than the body and 256 KiB: of a list or
//!   map no more than may be in it or messages show, and of values no more than messages show.
//! - Violations stand in the order in which members are declared, whatever the order in the body.

mod constraint;
mod decode;
mod encode;
mod macros;
mod pattern;
mod rule;
mod schema;
#[cfg(test)]
mod tests;
mod violation;

pub use crate::shown::{SHOWN_BYTES_MAX, ShownText};
pub use constraint::Constraint;
pub use decode::{Context, Decode, Decoded, Field, Path, RequestError, Slot, decode_request};
pub use encode::{Encode, EncodeField};
pub use pattern::Pattern;
pub use rule::{Rule, rules};
pub use schema::{Kind, Member, Shape, Structure, bounded};
pub use violation::{Violation, Violations};
