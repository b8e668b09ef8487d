//! UpdateItem: decided into the whole new item.

use super::put_item::decide_one;
use super::write::{Action, ConditionInput, ItemWrite, WriteOptions, WriteOutput};
use crate::command::Command;
use crate::error::Error;
use crate::expression::{ExpressionKind, Update};
use crate::legacy::{self, AttributeUpdate};
use crate::scope::Scope;
use crate::tables::Tables;
use crate::value::Item;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What UpdateItem is asked.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct UpdateItemInput {
    pub table_name: String,
    pub key: Item,
    pub update_expression: Option<String>,
    /// As before there were expressions.
    pub attribute_updates: Option<BTreeMap<String, AttributeUpdate>>,
    pub condition: ConditionInput,
    pub options: WriteOptions,
}

/// An UpdateItem, parsed.
#[derive(Clone, Debug)]
pub struct UpdateItem {
    write: ItemWrite,
    options: WriteOptions,
}

impl UpdateItem {
    /// # Errors
    /// Members that are wrong, or do not go together.
    pub fn parse(input: UpdateItemInput) -> Result<Self, Error> {
        let options = input.options;
        Ok(Self { write: update(input)?, options })
    }

    /// # Errors
    /// There is no such table, the key is not one of it, the condition does not hold, the update cannot
    /// be done to the item, or it is full.
    pub fn decide(
        &self,
        tables: &Tables,
        scope: &Scope,
        now_ms: u64,
    ) -> Result<(Command, WriteOutput), Error> {
        decide_one(&self.write, self.options, tables, scope, now_ms)
    }
}

pub(super) fn update(input: UpdateItemInput) -> Result<ItemWrite, Error> {
    let UpdateItemInput { table_name, key, update_expression, attribute_updates, .. } = input;
    input.condition.check_mixed(
        &[("AttributeUpdates", attribute_updates.is_some())],
        &[("UpdateExpression", update_expression.is_some())],
    )?;
    let returns_item_on_failure = input.condition.returns_item_on_failure;
    let (condition, mut placeholders) = input.condition.parse()?;
    let update = match (update_expression, attribute_updates) {
        (Some(text), _) => Some(Update::parse(&text, &mut placeholders)?),
        (None, Some(updates)) => Some(legacy::attribute_updates(updates)?),
        (None, None) => None,
    };
    placeholders.finish(&[ExpressionKind::Update, ExpressionKind::Condition])?;
    let action = Action::Update(Arc::new(key), update);
    Ok(ItemWrite { table_name, action, condition, returns_item_on_failure })
}
