//! Tables of DynamoDB: values, expressions, and what they do to items.
//!
//! Guarantees:
//!
//! - No text makes a parser panic, recurse without bound, or take more memory than a small multiple of its
//!   length. Values and names that an expression uses many times are shared.
//! - Arithmetic is exact: what does not fit into 38 digits is refused, never rounded.
//! - Every refusal says what DynamoDB says.
//!
//! Pure: no I/O, no async, no clock.

#![warn(missing_docs)]

mod expression;
mod invalid;
pub mod legacy;
mod number;
mod set;
#[cfg(test)]
mod tests;
mod value;

pub use expression::{
    Condition, ExpressionKind, KeyAttribute, KeyCondition, KeyRange, Path, PathElement,
    Placeholders, Projection, RangeCondition, Update, Updated,
};
pub use invalid::{
    Invalid, KeyConditionProblem, LegacyProblem, PlaceholderProblem, Problem, UpdateProblem,
};
pub use number::{
    DIGITS_MAX, MAGNITUDE_MAX, MAGNITUDE_MIN, Number, NumberError, SORTABLE_BYTES_MAX,
};
pub use set::{Set, SetError};
pub use value::{
    AttributeType, AttributeValue, ITEM_BYTES_MAX, Item, NESTING_MAX, ValueError, check_nesting,
    item_size,
};
