//! Expressions as they are written: what stands where, before anybody asks what names and values are.
//!
//! The trees borrow from the text. Parentheses of conditions are taken off with a stack (`condition.rs`);
//! only functions recurse, as deep as `NESTING_MAX` of `operand.rs`.

mod condition;
mod operand;
mod parser;
mod update;

pub(super) use condition::{RawStep, RawTest, condition};
pub(super) use operand::{Element, RawFunction, RawOperand, RawPath, paths};
pub(super) use update::{RawAction, RawChange, RawSetValue, RawUpdate, Section, update};
