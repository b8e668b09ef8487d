//! What an index has of an item.

use crate::value::Item;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How a projection is named in requests and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProjectionType {
    All,
    KeysOnly,
    Include,
}

impl ProjectionType {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::KeysOnly => "KEYS_ONLY",
            Self::Include => "INCLUDE",
        }
    }
}

/// Which attributes an index has, beside the keys of the table and of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Projection {
    All,
    KeysOnly,
    /// These too.
    Include(Arc<BTreeSet<String>>),
}

impl Projection {
    #[must_use]
    pub fn kind(&self) -> ProjectionType {
        match self {
            Self::All => ProjectionType::All,
            Self::KeysOnly => ProjectionType::KeysOnly,
            Self::Include(_) => ProjectionType::Include,
        }
    }

    /// Whether it takes an attribute that is in no key.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::KeysOnly => false,
            Self::Include(names) => names.contains(name),
        }
    }

    /// What it takes of an item. `is_key` tells which attributes are in a key.
    #[must_use]
    pub fn of(&self, item: &Item, is_key: impl Fn(&str) -> bool) -> Item {
        if *self == Self::All {
            return item.clone();
        }
        let taken = item.iter().filter(|(name, _)| is_key(name) || self.takes(name));
        taken.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}
