//! Tables of DynamoDB: values, expressions, what they do to items, and the tables that these are in.
//!
//! A request is parsed into a type of [`ops`], and that is decided on [`Tables`]: it gives a [`command::Command`]
//! to journal and the answer, or reads the answer alone. [`Tables::apply`] does what commands say; the same
//! commands make the same tables. What it has changed comes back as [`Effect`]s, which another copy of the same
//! tables takes over, sharing the items.
//!
//! Guarantees:
//!
//! - No text makes a parser panic, recurse without bound, or take more memory than a small multiple of its
//!   length. Values and names that an expression uses many times are shared.
//! - Arithmetic is exact: what does not fit into 38 digits is refused, never rounded.
//! - Every refusal says what DynamoDB says.
//!
//! - All tables together take no more memory than [`Settings`] say, by an estimate that is rather too high. What
//!   takes more is refused; what takes less never is.
//! - An operation works on a page of items, a batch, or a transaction. Only a new index and a new time to live
//!   go over all items of a table, and a snapshot over all tables.
//!
//! Pure: no I/O, no async, no clock.

#![warn(missing_docs)]

pub mod command;
mod digest;
#[expect(missing_docs, reason = "members are called as in requests and answers")]
pub mod error;
mod expression;
mod index;
mod invalid;
mod key;
pub mod legacy;
mod memory;
mod number;
#[expect(missing_docs, reason = "members are called as in requests and answers")]
pub mod ops;
#[expect(missing_docs, reason = "members are called as in requests and answers")]
pub mod schema;
mod scope;
mod set;
mod snapshot;
mod stored;
mod table;
mod tables;
#[cfg(test)]
mod tests;
mod tokens;
mod value;

pub use expression::{
    Condition, ExpressionKind, KeyAttribute, KeyCondition, KeyRange, Path, PathElement,
    Placeholders, Projection, RangeCondition, Update, Updated,
};
pub use invalid::{
    Invalid, KeyConditionProblem, LegacyProblem, PlaceholderProblem, Problem, UpdateProblem,
};
pub use key::PrimaryKey;
pub use number::{
    DIGITS_MAX, MAGNITUDE_MAX, MAGNITUDE_MIN, Number, NumberError, SORTABLE_BYTES_MAX,
};
pub use scope::Scope;
pub use set::{Set, SetError};
pub use stored::Stored;
pub use table::Table;
pub use tables::{Effect, Place, Settings, Tables};
pub use tokens::{REMEMBERED_MS, Remembered};
pub use value::{
    AttributeType, AttributeValue, ITEM_BYTES_MAX, Item, NESTING_MAX, ValueError, check_nesting,
    item_size,
};
