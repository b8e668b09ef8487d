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
//! - Violations stand in the order in which members are declared, whatever the order in the body.

mod decode;
mod encode;
mod macros;
mod pattern;
mod rule;
#[cfg(test)]
mod tests;
mod violation;

pub use decode::{Context, Decode, Decoded, Field, Path, RequestError, Slot, decode_request};
pub use encode::{Encode, EncodeField};
pub use pattern::Pattern;
pub use rule::{Rule, rules};
pub use violation::{Constraint, Violation, Violations};

/// The type of a member, for tools that compare ours with the service model.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum Kind {
    String,
    Integer,
    Long,
    Boolean,
    Timestamp,
    Blob,
    /// A string out of this set.
    Enum(&'static [&'static str]),
    List(&'static Kind),
    /// A map from strings.
    Map(&'static Kind),
    Structure(&'static [Member]),
}

/// One member of a structure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Member {
    /// The name on the wire.
    pub name: &'static str,
    /// In an input: must be there. In an output: is always there.
    pub required: bool,
    /// The member's type.
    pub kind: Kind,
    /// What the value must satisfy; [`Rule::ANY`] in outputs.
    pub rule: Rule,
}

/// A type that has a place in the service model.
pub trait Shape {
    /// That place.
    const KIND: Kind;
}

/// A structure of [`input!`](crate::input) or [`output!`](crate::output).
pub trait Structure: Shape {
    /// The members in the order of their declaration.
    const MEMBERS: &'static [Member];
}
