//! A table's row as names and values, and reading one member after the other out of it.

use std::collections::{BTreeMap, BTreeSet};

/// A row. What a type does not know of it stays in it.
pub type Item = BTreeMap<String, Attribute>;

/// A value as tables have them. Numbers are text, since they have more digits than any of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// Text.
    S(String),
    /// A number.
    N(String),
    /// Bytes.
    B(Vec<u8>),
    /// A set of texts, never empty.
    Ss(BTreeSet<String>),
    /// A set of numbers, never empty.
    Ns(BTreeSet<String>),
    /// A set of bytes, never empty.
    Bs(BTreeSet<Vec<u8>>),
    /// Values by name.
    M(Item),
    /// Values in order.
    L(Vec<Attribute>),
    /// A truth value.
    Bool(bool),
    /// Nothing.
    Null,
}

impl Attribute {
    /// Text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::S(text.into())
    }

    /// A count.
    #[must_use]
    pub fn count(number: u64) -> Self {
        Self::N(number.to_string())
    }
}

/// A row that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attribute {problem} attribute={name}")]
pub struct BadItem {
    /// The attribute.
    pub name: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// It is of another type.
    #[error("is of another type")]
    Type,
    /// It is of the right type, and its value is none that may be there.
    #[error("has a value that means nothing")]
    Value,
}

/// Members that are taken out of a row; what is left belongs to somebody else.
pub(super) struct Members(pub(super) Item);

impl Members {
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<String>, BadItem> {
        match self.0.remove(name) {
            Some(Attribute::S(text)) => Ok(Some(text)),
            None | Some(Attribute::Null) => Ok(None),
            Some(_) => Err(BadItem { name, problem: Problem::Type }),
        }
    }

    /// Text where an empty one is as good as none, as the library takes it.
    pub(super) fn filled_text(&mut self, name: &'static str) -> Result<Option<String>, BadItem> {
        Ok(self.text(name)?.filter(|text| !text.is_empty()))
    }

    pub(super) fn number<T: std::str::FromStr>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, BadItem> {
        match self.0.remove(name) {
            Some(Attribute::N(digits)) => digits.parse().map(Some).map_err(|_| value(name)),
            None | Some(Attribute::Null) => Ok(None),
            Some(_) => Err(BadItem { name, problem: Problem::Type }),
        }
    }

    pub(super) fn texts(&mut self, name: &'static str) -> Result<BTreeSet<String>, BadItem> {
        match self.0.remove(name) {
            Some(Attribute::Ss(texts)) => Ok(texts),
            None | Some(Attribute::Null) => Ok(BTreeSet::new()),
            Some(_) => Err(BadItem { name, problem: Problem::Type }),
        }
    }

    pub(super) fn map(&mut self, name: &'static str) -> Result<Option<Item>, BadItem> {
        match self.0.remove(name) {
            Some(Attribute::M(map)) => Ok(Some(map)),
            None | Some(Attribute::Null) => Ok(None),
            Some(_) => Err(BadItem { name, problem: Problem::Type }),
        }
    }

    pub(super) fn list(&mut self, name: &'static str) -> Result<Vec<Attribute>, BadItem> {
        match self.0.remove(name) {
            Some(Attribute::L(list)) => Ok(list),
            None | Some(Attribute::Null) => Ok(Vec::new()),
            Some(_) => Err(BadItem { name, problem: Problem::Type }),
        }
    }
}

/// What must be there.
pub(super) fn required<T>(name: &'static str, value: Option<T>) -> Result<T, BadItem> {
    value.ok_or(BadItem { name, problem: Problem::Missing })
}

/// A value that means nothing.
pub(super) fn value(name: &'static str) -> BadItem {
    BadItem { name, problem: Problem::Value }
}
