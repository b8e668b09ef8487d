//! DescribeTable, and how other operations describe one.

use super::found;
use crate::error::Error;
use crate::schema::{IndexSchema, TableSchema};
use crate::scope::Scope;
use crate::table::Table;
use crate::tables::Tables;
use std::sync::Arc;

/// State of a table or an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Creating,
    Updating,
    Active,
    Deleting,
}

impl Status {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Updating => "UPDATING",
            Self::Active => "ACTIVE",
            Self::Deleting => "DELETING",
        }
    }
}

/// What is told of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableDescription {
    pub schema: Arc<TableSchema>,
    pub status: Status,
    pub item_count: u64,
    /// As the service counts them, in bytes.
    pub size_bytes: u64,
    /// Of its indexes, in the schema's order.
    pub indexes: Vec<IndexDescription>,
}

/// What is told of an index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexDescription {
    pub schema: Arc<IndexSchema>,
    pub status: Status,
    /// Whether it is being filled.
    pub is_backfilling: bool,
    pub item_count: u64,
    /// Of what it has of items, in bytes.
    pub size_bytes: u64,
}

/// # Errors
/// There is no such table.
pub fn describe_table(
    tables: &Tables,
    scope: &Scope,
    table_name: &str,
    now_ms: u64,
) -> Result<TableDescription, Error> {
    Ok(description_of(found::any(tables, scope, table_name)?, now_ms))
}

pub(super) fn description_of(table: &Table, now_ms: u64) -> TableDescription {
    let schema = table.schema();
    let is_creating = now_ms < schema.active_at_ms;
    let indexes = schema.indexes.iter().enumerate().map(|(position, one)| IndexDescription {
        schema: one.clone(),
        status: if now_ms < one.active_at_ms { Status::Creating } else { Status::Active },
        is_backfilling: !is_creating && now_ms < one.active_at_ms,
        item_count: table.index(position).len() as u64,
        size_bytes: table.index(position).bytes,
    });
    TableDescription {
        schema: schema.clone(),
        status: if is_creating {
            Status::Creating
        } else if now_ms < schema.updating_until_ms {
            Status::Updating
        } else {
            Status::Active
        },
        item_count: table.item_count() as u64,
        size_bytes: table.item_bytes(),
        indexes: indexes.collect(),
    }
}
