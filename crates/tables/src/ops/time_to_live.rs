//! UpdateTimeToLive, DescribeTimeToLive.

use super::create_table::check_name;
use super::found;
use crate::command::{Command, SetTimeToLive};
use crate::error::{Error, Limit, Validation};
use crate::scope::Scope;
use crate::tables::Tables;
use std::sync::Arc;

const NAME_LEN_MAX: usize = 255;

/// What UpdateTimeToLive is asked, and answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeToLiveSpecification {
    pub enabled: bool,
    pub attribute_name: String,
}

/// Sets which attribute says when items end, or that they do not any more.
///
/// # Errors
/// There is no such table, its state is that already, or another attribute is.
pub fn update_time_to_live(
    tables: &Tables,
    scope: &Scope,
    table_name: &str,
    specification: TimeToLiveSpecification,
    now_ms: u64,
) -> Result<(Command, TimeToLiveSpecification), Error> {
    let name = &specification.attribute_name;
    check_name(name, "timeToLiveSpecification.attributeName", NAME_LEN_MAX)?;
    let table = found::changeable(tables, scope, table_name, now_ms)?;
    let current = table.schema().time_to_live.as_ref();
    match (current, specification.enabled) {
        (Some(current), true) if *current.attribute == **name => {
            return Err(Validation::SameTimeToLive { is_enabled: true }.into());
        }
        (Some(current), _) if *current.attribute != **name => {
            return Err(Validation::OtherTimeToLive { name: current.attribute.clone() }.into());
        }
        (None, false) => return Err(Validation::SameTimeToLive { is_enabled: false }.into()),
        _ => (),
    }
    let attribute = specification.enabled.then(|| name.clone());
    let command = SetTimeToLive { table: table.schema().number, attribute };
    let mut schema = (**table.schema()).clone();
    schema.time_to_live = command
        .attribute
        .as_deref()
        .map(|attribute| crate::schema::TimeToLive { attribute: Arc::from(attribute) });
    check_memory(tables, table.memory(), table.memory_under(&Arc::new(schema)))?;
    Ok((Command::SetTimeToLive(command), specification))
}

/// Refuses a change of a table that makes all tables take more than they may.
pub(super) fn check_memory(tables: &Tables, before: u64, after: u64) -> Result<(), Error> {
    let (bytes, max) = (tables.memory() - before + after, tables.settings().memory_max);
    if after > before && bytes > max {
        return Err(Limit::Memory { bytes, max }.into());
    }
    Ok(())
}

/// The attribute that says when items end, if they do.
///
/// # Errors
/// There is no such table.
pub fn describe_time_to_live(
    tables: &Tables,
    scope: &Scope,
    table_name: &str,
) -> Result<Option<Arc<str>>, Error> {
    let schema = found::any(tables, scope, table_name)?.schema();
    Ok(schema.time_to_live.as_ref().map(|one| one.attribute.clone()))
}
