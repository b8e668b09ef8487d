//! DeleteTable.

use super::describe_table::{Status, TableDescription, description_of};
use super::found;
use crate::command::{Command, DeleteTable as DeleteTableCommand};
use crate::error::{Error, Validation};
use crate::scope::Scope;
use crate::tables::Tables;

/// Deletes a table and its items, at once. The answer says that it is being deleted.
///
/// # Errors
/// There is no such table, it is not ACTIVE, or it is protected.
pub fn delete_table(
    tables: &Tables,
    scope: &Scope,
    table_name: &str,
    now_ms: u64,
) -> Result<(Command, TableDescription), Error> {
    let table = found::changeable(tables, scope, table_name, now_ms)?;
    if table.schema().is_protected {
        return Err(Validation::Protected.into());
    }
    let command = Command::DeleteTable(DeleteTableCommand { table: table.schema().number });
    let description = description_of(table, now_ms);
    Ok((command, TableDescription { status: Status::Deleting, ..description }))
}
