//! PutItem.

use super::write::{
    Action, CONDITION_ALONE, ConditionInput, ItemWrite, WriteOptions, WriteOutput, check_memory,
    new_item,
};
use crate::command::{Command, Write};
use crate::error::Error;
use crate::scope::Scope;
use crate::tables::Tables;
use crate::value::Item;

/// What PutItem is asked.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct PutItemInput {
    pub table_name: String,
    pub item: Item,
    pub condition: ConditionInput,
    pub options: WriteOptions,
}

/// A PutItem, parsed.
#[derive(Clone, Debug)]
pub struct PutItem {
    write: ItemWrite,
    options: WriteOptions,
}

impl PutItem {
    /// # Errors
    /// Members that are wrong, or do not go together.
    pub fn parse(input: PutItemInput) -> Result<Self, Error> {
        let PutItemInput { table_name, item, condition, options } = input;
        options.return_values.check_no_update()?;
        condition.check_mixed(&[], &[])?;
        let write = put(table_name, item, condition)?;
        Ok(Self { write, options })
    }

    /// # Errors
    /// There is no such table, the item does not fit it, the condition does not hold, or it is full.
    pub fn decide(
        &self,
        tables: &Tables,
        scope: &Scope,
        now_ms: u64,
    ) -> Result<(Command, WriteOutput), Error> {
        decide_one(&self.write, self.options, tables, scope, now_ms)
    }
}

pub(super) fn put(
    table_name: String,
    item: Item,
    condition: ConditionInput,
) -> Result<ItemWrite, Error> {
    let returns_item_on_failure = condition.returns_item_on_failure;
    let (condition, placeholders) = condition.parse()?;
    placeholders.finish(CONDITION_ALONE)?;
    let action = Action::Put(new_item(item)?);
    Ok(ItemWrite { table_name, action, condition, returns_item_on_failure })
}

pub(super) fn decide_one(
    write: &ItemWrite,
    options: WriteOptions,
    tables: &Tables,
    scope: &Scope,
    now_ms: u64,
) -> Result<(Command, WriteOutput), Error> {
    let (table, key) = write.find(tables, scope, now_ms)?;
    let decided = write.decide(table, key)?;
    check_memory(tables, [&decided], 0)?;
    let changes = decided.change().into_iter().collect();
    Ok((Command::Write(Write { changes, token: None }), decided.output(options)))
}
