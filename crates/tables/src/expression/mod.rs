//! The expression language of DynamoDB.
//!
//! A text becomes tokens (`lexer.rs`), these a syntax tree that borrows from it (`syntax.rs`), and the tree,
//! with what its placeholders stand for, one of the types that work on items.

mod condition;
mod key_condition;
mod kind;
mod lexer;
mod parse;
mod path;
mod placeholders;
mod projection;
mod resolve;
mod syntax;
mod update;

pub use condition::Condition;
pub use key_condition::{KeyAttribute, KeyCondition, KeyRange, RangeCondition};
pub use kind::ExpressionKind;
pub use path::{Path, PathElement};
pub use placeholders::Placeholders;
pub use projection::Projection;
pub use update::{Update, Updated};

#[cfg(test)]
pub(crate) use condition::SizeOf;
pub(crate) use condition::{Comparator, Operand, Step, Test};
pub(crate) use update::{Action, Change, SetOperand, SetValue};
