//! UpdateTable: billing, protection, encryption, and one index that comes or goes.

use super::create_table::{
    AttributeDefinition, Definitions, IndexInput, billing, check_units, global_indexes_max, index,
};
use super::describe_table::{TableDescription, description_of};
use super::found;
use super::time_to_live::check_memory;
use crate::command::{Command, NewBilling, UpdateTable as UpdateTableCommand};
use crate::error::{Error, InUse, Limit, Validation};
use crate::schema::{
    Billing, BillingMode, IndexKind, IndexName, IndexSchema, TableSchema, Throughput,
};
use crate::scope::Scope;
use crate::table::Table;
use crate::tables::{Effect, Place, Tables};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What happens to a global index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexUpdate {
    Create(IndexInput),
    Update { index_name: String, provisioned_throughput: Throughput },
    Delete { index_name: String },
}

impl IndexUpdate {
    fn name(&self) -> &str {
        match self {
            Self::Create(IndexInput { index_name, .. })
            | Self::Update { index_name, .. }
            | Self::Delete { index_name } => index_name,
        }
    }
}

/// What UpdateTable is asked. What is not there does not change.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct UpdateTableInput {
    pub table_name: String,
    pub attribute_definitions: Vec<AttributeDefinition>,
    pub billing_mode: Option<BillingMode>,
    pub provisioned_throughput: Option<Throughput>,
    pub index_updates: Vec<IndexUpdate>,
    pub deletion_protection_enabled: Option<bool>,
    pub sse_enabled: Option<bool>,
}

impl UpdateTableInput {
    fn check(&self) -> Result<(), Error> {
        let is_nothing = self.billing_mode.is_none()
            && self.provisioned_throughput.is_none()
            && self.index_updates.is_empty()
            && self.deletion_protection_enabled.is_none()
            && self.sse_enabled.is_none();
        if is_nothing {
            return Err(Validation::NothingToUpdate.into());
        }
        let mut names = BTreeSet::new();
        for update in &self.index_updates {
            if !names.insert(update.name()) {
                let index = update.name().to_owned();
                return Err(Validation::IndexUpdatedTwice { index }.into());
            }
        }
        let comes_or_goes = |update: &&IndexUpdate| !matches!(update, IndexUpdate::Update { .. });
        if self.index_updates.iter().filter(comes_or_goes).count() > 1 {
            return Err(Limit::OneIndex.into());
        }
        Ok(())
    }
}

/// # Errors
/// There is no such table, it is being changed, or members that are wrong or do not go together.
pub fn update_table(
    tables: &Tables,
    scope: &Scope,
    input: &UpdateTableInput,
    now_ms: u64,
) -> Result<(Command, TableDescription), Error> {
    input.check()?;
    let table = found::changeable(tables, scope, &input.table_name, now_ms)?;
    let mut command = UpdateTableCommand {
        table: table.schema().number,
        billing: billing_of(input, table.schema())?,
        is_protected: input.deletion_protection_enabled,
        is_encrypted: input.sse_enabled,
        transition_ms: tables.settings().transition_ms,
        ..UpdateTableCommand::default()
    };
    let mode = input.billing_mode.unwrap_or(table.schema().billing.mode());
    for (position, update) in input.index_updates.iter().enumerate() {
        let at = format!("globalSecondaryIndexUpdates.{}.member", position + 1);
        match update {
            IndexUpdate::Create(index) => {
                command.add_index = Some((&added(index, input, table.schema(), mode, &at)?).into());
            }
            IndexUpdate::Update { index_name, provisioned_throughput } => {
                check_units(*provisioned_throughput, &format!("{at}.update"))?;
                if mode == BillingMode::PayPerRequest {
                    return Err(Validation::IndexUnits { index: index_name.clone() }.into());
                }
                let index = global(table.schema(), index_name, &at)?;
                let name = index.name.as_str().to_owned();
                command.index_units.insert(name, (*provisioned_throughput).into());
            }
            IndexUpdate::Delete { index_name } => {
                let index = global(table.schema(), index_name, &at)?;
                if now_ms < index.active_at_ms {
                    let index = index_name.clone();
                    return Err(InUse::IndexCreating { index }.into());
                }
                command.remove_index = Some(index_name.clone());
            }
        }
    }
    let command = Command::UpdateTable(command);
    let description = after(tables, table, &command, now_ms)?;
    Ok((command, description))
}

/// The table as the command leaves it, but for what a new index has in it.
fn after(
    tables: &Tables,
    table: &Table,
    command: &Command,
    now_ms: u64,
) -> Result<TableDescription, Error> {
    let place = Place { number: tables.applied() + 1, arrival_ms: now_ms };
    let effects = tables.effects(command, place);
    let Some(Effect::Table(schema)) = effects.into_iter().next() else {
        unreachable!("a table that is there has another schema then");
    };
    check_memory(tables, table.memory(), table.memory_under(&schema))?;
    let mut description = description_of(&Table::new(schema), now_ms);
    description.item_count = table.item_count() as u64;
    description.size_bytes = table.item_bytes();
    let before = description_of(table, now_ms);
    for index in &mut description.indexes {
        let same = before.indexes.iter().find(|one| one.schema.name == index.schema.name);
        if let Some(same) = same {
            (index.item_count, index.size_bytes) = (same.item_count, same.size_bytes);
        }
    }
    Ok(description)
}

fn billing_of(
    input: &UpdateTableInput,
    schema: &TableSchema,
) -> Result<Option<NewBilling>, Validation> {
    if input.billing_mode.is_none() && input.provisioned_throughput.is_none() {
        return Ok(None);
    }
    let mode = input.billing_mode.unwrap_or(schema.billing.mode());
    let bought = match (mode, schema.billing, input.provisioned_throughput) {
        // It may be said again.
        (BillingMode::Provisioned, Billing::Provisioned(_), None) => return Ok(None),
        (BillingMode::PayPerRequest, Billing::PayPerRequest { .. }, None) => return Ok(None),
        (_, _, units) => billing(mode, units)?,
    };
    let Some(units) = bought else { return Ok(Some(NewBilling::PayPerRequest)) };
    if schema.billing == Billing::Provisioned(units) {
        let Throughput { read_units: read, write_units: write } = units;
        return Err(Validation::SameUnits { read, write });
    }
    Ok(Some(NewBilling::Provisioned(units.into())))
}

fn added(
    input: &IndexInput,
    update: &UpdateTableInput,
    schema: &TableSchema,
    mode: BillingMode,
    at: &str,
) -> Result<IndexSchema, Error> {
    let mut definitions = update.attribute_definitions.clone();
    // What the table has need not be said again.
    for (name, of) in schema.definitions() {
        if definitions.iter().all(|one| one.attribute_name != name) {
            definitions
                .push(AttributeDefinition { attribute_name: name.to_owned(), attribute_type: of });
        }
    }
    let at = format!("{at}.create");
    let index = index(&Definitions::of(&definitions)?, input, IndexKind::Global, mode, &at)?;
    if schema.index(&index.name).is_some() {
        return Err(Validation::IndexExists.into());
    }
    let is_global = |index: &&Arc<IndexSchema>| index.kind == IndexKind::Global;
    if schema.indexes.iter().filter(is_global).count() >= global_indexes_max() {
        return Err(Validation::TooManyGlobalIndexes.into());
    }
    let known = schema.definitions();
    for attribute in index.keys.attributes() {
        let is_other = |(name, of): &(&str, _)| *name == &*attribute.name && *of != attribute.of;
        if known.iter().any(is_other) {
            return Err(Validation::DefinedTwice { name: attribute.name.to_string() }.into());
        }
    }
    Ok(index)
}

fn global<'a>(
    schema: &'a TableSchema,
    name: &str,
    at: &str,
) -> Result<&'a Arc<IndexSchema>, Error> {
    let name = IndexName::new(name, &format!("{at}.indexName"))?;
    match schema.index(&name) {
        Some((_, index)) if index.kind == IndexKind::Global => Ok(index),
        _ => Err(Error::ResourceNotFound),
    }
}
