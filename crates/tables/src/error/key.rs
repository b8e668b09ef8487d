//! What is wrong with a key. The same fault has other words in an item, in a key and in an index.

use super::Validation;
use crate::schema::KeyType;
use std::sync::Arc;

/// Why something is no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFault {
    Missing(Arc<str>),
    Type {
        name: Arc<str>,
        expected: KeyType,
        actual: &'static str,
    },
    Empty {
        name: Arc<str>,
        of: KeyType,
    },
    HashTooLong,
    RangeTooLong,
    /// It has other attributes.
    Other,
}

impl KeyFault {
    /// Where a whole item was given.
    #[must_use]
    pub fn in_item(self) -> Validation {
        match self {
            Self::Missing(name) => Validation::MissingKey { name },
            Self::Type { name, expected, actual } => Validation::KeyType { name, expected, actual },
            other => other.in_key(),
        }
    }

    /// Where a key was given.
    #[must_use]
    pub fn in_key(self) -> Validation {
        match self {
            Self::Missing(_) | Self::Type { .. } | Self::Other => Validation::KeyMismatch,
            Self::Empty { name, of } => Validation::EmptyKey { name, of },
            Self::HashTooLong => Validation::HashTooLong,
            Self::RangeTooLong => Validation::RangeTooLong,
        }
    }

    /// Where an item was given that belongs into an index.
    #[must_use]
    pub fn in_index(self, index: &str) -> Validation {
        let index = index.to_owned();
        match self {
            Self::Type { name, expected, actual } => {
                Validation::IndexKeyType { name, expected, actual, index }
            }
            Self::Empty { name, of } => Validation::EmptyIndexKey { name, of, index },
            other => other.in_key(),
        }
    }

    /// Where a key was given to start at.
    pub(crate) fn in_starting_key(self) -> Validation {
        match self {
            Self::Missing(_) | Self::Other => Validation::StartKey,
            fault => Validation::StartKeyFault(Box::new(fault.in_key())),
        }
    }
}
