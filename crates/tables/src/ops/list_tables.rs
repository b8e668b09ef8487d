//! ListTables.

use crate::error::{Constraint, Error, Validation};
use crate::schema::TableName;
use crate::scope::Scope;
use crate::tables::Tables;

const LIMIT_MAX: usize = 100;

/// What ListTables is asked.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ListTablesInput {
    pub exclusive_start_table_name: Option<String>,
    /// 1 to 100; 100 if it is not said.
    pub limit: Option<i64>,
}

/// What ListTables answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListTablesOutput {
    pub table_names: Vec<String>,
    /// The last of these names, if there are more.
    pub last_evaluated_table_name: Option<String>,
}

/// # Errors
/// A limit or a name that is none.
pub fn list_tables(
    tables: &Tables,
    scope: &Scope,
    input: &ListTablesInput,
) -> Result<ListTablesOutput, Error> {
    let limit = match input.limit {
        Some(limit) => {
            Constraint::check_range(limit, "limit", 1, LIMIT_MAX as i64)
                .map_err(Validation::from)?;
            usize::try_from(limit).expect("it is between 1 and 100")
        }
        None => LIMIT_MAX,
    };
    let after = input.exclusive_start_table_name.as_deref();
    let after = after.map(|name| TableName::new(name, "exclusiveStartTableName")).transpose()?;
    let mut names =
        tables.after(scope, after.as_ref()).map(|table| table.schema().name.as_str().to_owned());
    let table_names: Vec<String> = names.by_ref().take(limit).collect();
    let has_more = names.next().is_some();
    let last_evaluated_table_name = table_names.last().filter(|_| has_more).cloned();
    Ok(ListTablesOutput { table_names, last_evaluated_table_name })
}
