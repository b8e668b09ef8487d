//! What a secondary index is.

use super::{IndexName, KeySchema, Projection, Throughput};

/// Whether an index has hash keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexKind {
    Global,
    /// It has the table's hash key, and another range key.
    Local,
}

/// A secondary index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexSchema {
    pub name: IndexName,
    pub kind: IndexKind,
    pub keys: KeySchema,
    pub projection: Projection,
    /// What was bought for it, if the table is PROVISIONED and the index global.
    pub throughput: Option<Throughput>,
    /// When it is ACTIVE, epoch milliseconds.
    pub active_at_ms: u64,
}
