//! What is known of a table, beside its items.

use super::{Billing, IndexName, IndexSchema, KeySchema, KeyType, TableName, Tags};
use crate::scope::Scope;
use std::sync::Arc;

/// Which attribute says when an item ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeToLive {
    /// Its value: a number, epoch seconds.
    pub attribute: Arc<str>,
}

/// A table without its items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSchema {
    /// Never given to another table.
    pub number: u32,
    pub scope: Scope,
    pub name: TableName,
    pub keys: KeySchema,
    /// Secondary indexes, local ones first, in the order in which they were made.
    pub indexes: Vec<Arc<IndexSchema>>,
    pub billing: Billing,
    pub tags: Tags,
    pub time_to_live: Option<TimeToLive>,
    /// When that was last set, epoch milliseconds; 0 if never.
    pub time_to_live_set_ms: u64,
    /// Whether DeleteTable is refused.
    pub is_protected: bool,
    /// Whether encryption under a key of the account was asked for.
    pub is_encrypted: bool,
    /// Days that point-in-time recovery was asked to reach back, if it was.
    pub recovery_days: Option<u32>,
    pub created_ms: u64,
    /// When it is ACTIVE, epoch milliseconds.
    pub active_at_ms: u64,
    /// When its last change is done, epoch milliseconds: until then it is UPDATING.
    pub updating_until_ms: u64,
}

impl TableSchema {
    #[must_use]
    pub fn arn(&self) -> String {
        self.scope.table_arn(self.name.as_str())
    }

    /// A name for ever of this very table, of the form of a UUID.
    #[must_use]
    pub fn id(&self) -> String {
        let digest = crate::digest::of([
            self.arn().as_bytes(),
            &self.number.to_be_bytes(),
            &self.created_ms.to_be_bytes(),
        ]);
        let hex = format!("{:032x}", u128::from_be_bytes(digest));
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }

    #[must_use]
    pub fn index(&self, name: &IndexName) -> Option<(usize, &Arc<IndexSchema>)> {
        self.indexes.iter().enumerate().find(|(_, index)| index.name == *name)
    }

    /// Every attribute that is in a key, the table's first, each once.
    #[must_use]
    pub fn definitions(&self) -> Vec<(&str, KeyType)> {
        let mut definitions: Vec<(&str, KeyType)> = Vec::new();
        let indexes = self.indexes.iter().map(|index| &index.keys);
        for attribute in [&self.keys].into_iter().chain(indexes).flat_map(KeySchema::attributes) {
            if definitions.iter().all(|(name, _)| *name != &*attribute.name) {
                definitions.push((&attribute.name, attribute.of));
            }
        }
        definitions
    }
}
