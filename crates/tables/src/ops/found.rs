//! Finding the table that a request is about.

use crate::error::{Error, InUse};
use crate::schema::{TableName, TableSchema};
use crate::scope::Scope;
use crate::table::Table;
use crate::tables::Tables;

/// A table as such, whatever its state.
///
/// # Errors
/// There is none of this name.
pub(crate) fn any<'a>(tables: &'a Tables, scope: &Scope, name: &str) -> Result<&'a Table, Error> {
    let name = TableName::parse(name, scope)?;
    tables
        .of_name(scope, &name)
        .ok_or_else(|| Error::TableNotFound { name: name.as_str().to_owned() })
}

/// A table whose items can be read and written.
///
/// # Errors
/// There is none of this name, or it is still being created.
pub(crate) fn ready<'a>(
    tables: &'a Tables,
    scope: &Scope,
    name: &str,
    now_ms: u64,
) -> Result<&'a Table, Error> {
    let name = TableName::parse(name, scope)?;
    let table = tables.of_name(scope, &name).ok_or(Error::ResourceNotFound)?;
    if now_ms < table.schema().active_at_ms {
        return Err(Error::ResourceNotFound);
    }
    Ok(table)
}

/// A table that can be changed.
///
/// # Errors
/// There is none of this name, or it is being created or changed.
pub(crate) fn changeable<'a>(
    tables: &'a Tables,
    scope: &Scope,
    name: &str,
    now_ms: u64,
) -> Result<&'a Table, Error> {
    let table = any(tables, scope, name)?;
    let TableSchema { active_at_ms, updating_until_ms, name, .. } = &**table.schema();
    let name = || name.as_str().to_owned();
    if now_ms < *active_at_ms {
        return Err(InUse::Creating { name: name() }.into());
    }
    if now_ms < *updating_until_ms {
        return Err(InUse::Updating { name: name() }.into());
    }
    Ok(table)
}

/// The table of an ARN.
///
/// # Errors
/// What is no ARN of a table here, or there is no such table.
pub(crate) fn of_arn<'a>(tables: &'a Tables, scope: &Scope, arn: &str) -> Result<&'a Table, Error> {
    use crate::error::Validation;
    if !arn.starts_with("arn:") {
        return Err(Validation::NoArn { arn: arn.to_owned() }.into());
    }
    let not_found = || Error::ArnNotFound { arn: arn.to_owned() };
    let name = scope.table_of_arn(arn).ok_or_else(not_found)?;
    let name = TableName::new(name, "resourceArn")?;
    tables.of_name(scope, &name).ok_or_else(not_found)
}
