//! DeleteItem.

use super::put_item::decide_one;
use super::write::{Action, CONDITION_ALONE, ConditionInput, ItemWrite, WriteOptions, WriteOutput};
use crate::command::Command;
use crate::error::Error;
use crate::scope::Scope;
use crate::tables::Tables;
use crate::value::Item;
use std::sync::Arc;

/// What DeleteItem is asked.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DeleteItemInput {
    pub table_name: String,
    pub key: Item,
    pub condition: ConditionInput,
    pub options: WriteOptions,
}

/// A DeleteItem, parsed.
#[derive(Clone, Debug)]
pub struct DeleteItem {
    write: ItemWrite,
    options: WriteOptions,
}

impl DeleteItem {
    /// # Errors
    /// Members that are wrong, or do not go together.
    pub fn parse(input: DeleteItemInput) -> Result<Self, Error> {
        let DeleteItemInput { table_name, key, condition, options } = input;
        options.return_values.check_no_update()?;
        condition.check_mixed(&[], &[])?;
        let write = on_key(table_name, Action::Delete(Arc::new(key)), condition)?;
        Ok(Self { write, options })
    }

    /// # Errors
    /// There is no such table, the key is not one of it, or the condition does not hold.
    pub fn decide(
        &self,
        tables: &Tables,
        scope: &Scope,
        now_ms: u64,
    ) -> Result<(Command, WriteOutput), Error> {
        decide_one(&self.write, self.options, tables, scope, now_ms)
    }
}

/// A delete, or a check.
pub(super) fn on_key(
    table_name: String,
    action: Action,
    condition: ConditionInput,
) -> Result<ItemWrite, Error> {
    let returns_item_on_failure = condition.returns_item_on_failure;
    let (condition, placeholders) = condition.parse()?;
    placeholders.finish(CONDITION_ALONE)?;
    Ok(ItemWrite { table_name, action, condition, returns_item_on_failure })
}
