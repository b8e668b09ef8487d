//! What all writes of one item share.

use super::capacity::{ConsumedCapacity, Meter, ReturnConsumedCapacity};
use super::found;
use crate::command::Change;
use crate::error::{Error, Limit, Validation};
use crate::expression::{Condition, ExpressionKind, Path, Placeholders, Projection, Update};
use crate::invalid::Invalid;
use crate::key::{self, PrimaryKey};
use crate::legacy::{self, ConditionalOperator, Expected};
use crate::schema::{IndexKind, KeyRole, KeySchema, TableSchema};
use crate::scope::Scope;
use crate::stored::Stored;
use crate::table::Table;
use crate::tables::Tables;
use crate::value::{AttributeValue, ITEM_BYTES_MAX, Item, check_nesting};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an item must be like for a write.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ConditionInput {
    pub condition_expression: Option<String>,
    pub expression_attribute_names: Option<BTreeMap<String, String>>,
    pub expression_attribute_values: Option<BTreeMap<String, AttributeValue>>,
    /// As before there were expressions.
    pub expected: Option<BTreeMap<String, Expected>>,
    pub conditional_operator: Option<ConditionalOperator>,
    /// ReturnValuesOnConditionCheckFailure is ALL_OLD.
    pub returns_item_on_failure: bool,
}

impl ConditionInput {
    /// The condition, and the placeholders that it has not used yet.
    pub(crate) fn parse(self) -> Result<(Option<Condition>, Placeholders), Error> {
        let mut placeholders =
            Placeholders::new(self.expression_attribute_names, self.expression_attribute_values)?;
        let condition = match &self.condition_expression {
            Some(text) => Some(Condition::parse(text, &mut placeholders)?),
            None => legacy::expected(self.expected, self.conditional_operator)?,
        };
        Ok((condition, placeholders))
    }

    /// # Errors
    /// Parameters of both kinds. `others` and `expressions` are those of the request beside these.
    pub(crate) fn check_mixed(
        &self,
        others: &[(&'static str, bool)],
        expressions: &[(&'static str, bool)],
    ) -> Result<(), Error> {
        let legacy = [
            ("Expected", self.expected.is_some()),
            ("ConditionalOperator", self.conditional_operator.is_some()),
        ];
        let condition = [("ConditionExpression", self.condition_expression.is_some())];
        check_mixed(
            others.iter().chain(&legacy).copied(),
            expressions.iter().chain(&condition).copied(),
        )
    }
}

/// # Errors
/// Some of each are there.
pub(super) fn check_mixed(
    others: impl IntoIterator<Item = (&'static str, bool)>,
    expressions: impl IntoIterator<Item = (&'static str, bool)>,
) -> Result<(), Error> {
    fn there(all: impl IntoIterator<Item = (&'static str, bool)>) -> Vec<&'static str> {
        all.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
    }
    Ok(legacy::refuse_mixture(&there(others), &there(expressions))?)
}

/// Which attributes a write answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ReturnValues {
    #[default]
    None,
    AllOld,
    UpdatedOld,
    AllNew,
    UpdatedNew,
}

impl ReturnValues {
    /// # Errors
    /// What only an update can answer.
    pub(crate) fn check_no_update(self) -> Result<(), Validation> {
        match self {
            Self::None | Self::AllOld => Ok(()),
            _ => Err(Validation::ReturnValues),
        }
    }
}

/// What a write is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct WriteOptions {
    pub return_values: ReturnValues,
    pub return_consumed_capacity: ReturnConsumedCapacity,
    /// ReturnItemCollectionMetrics is SIZE.
    pub returns_collection_size: bool,
}

/// What is told of all items of one hash key, of tables with local indexes.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemCollectionMetrics {
    /// The hash key.
    pub item_collection_key: Item,
    /// Bounds of its size, in GB.
    pub size_estimate_range_gb: [f64; 2],
}

/// What a write answers.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct WriteOutput {
    pub attributes: Option<Arc<Item>>,
    pub consumed_capacity: Option<ConsumedCapacity>,
    pub item_collection_metrics: Option<ItemCollectionMetrics>,
}

/// A write of one item, parsed.
#[derive(Clone, Debug)]
pub(crate) struct ItemWrite {
    pub(crate) table_name: String,
    pub(crate) action: Action,
    pub(crate) condition: Option<Condition>,
    pub(crate) returns_item_on_failure: bool,
}

/// What is done to an item.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    Put(Arc<Stored>),
    /// Without an update, an item that is not there is made of its key.
    Update(Arc<Item>, Option<Update>),
    Delete(Arc<Item>),
    /// Nothing: only its condition is asked for.
    Check(Arc<Item>),
}

/// A write that was decided.
#[derive(Debug)]
pub(crate) struct Decided<'a> {
    pub(crate) table: &'a Table,
    pub(crate) key: PrimaryKey,
    pub(crate) old: Option<Arc<Stored>>,
    pub(crate) new: Option<Arc<Stored>>,
    /// The places that an update names.
    touched: Option<Projection>,
}

/// # Errors
/// An item that is too large, or nests too deep.
pub(crate) fn new_item(item: Item) -> Result<Arc<Stored>, Error> {
    check_nesting(&item).map_err(Invalid::from)?;
    let stored = Stored::new(Arc::new(item));
    if stored.size > ITEM_BYTES_MAX {
        return Err(Validation::ItemTooLarge.into());
    }
    Ok(stored)
}

impl ItemWrite {
    /// The table and the key of the item.
    pub(crate) fn find<'a>(
        &self,
        tables: &'a Tables,
        scope: &Scope,
        now_ms: u64,
    ) -> Result<(&'a Table, PrimaryKey), Error> {
        let table = found::ready(tables, scope, &self.table_name, now_ms)?;
        let keys = &table.schema().keys;
        let key = match &self.action {
            Action::Put(new) => PrimaryKey::of(keys, &new.item).map_err(|one| one.in_item())?,
            Action::Update(key, _) | Action::Delete(key) | Action::Check(key) => {
                PrimaryKey::exactly(keys, key).map_err(|one| one.in_key())?
            }
        };
        Ok((table, key))
    }

    /// What the write does to the item of this key, if its condition holds.
    pub(crate) fn decide<'a>(
        &self,
        table: &'a Table,
        key: PrimaryKey,
    ) -> Result<Decided<'a>, Error> {
        let old = table.get(&key).cloned();
        let (schema, mut touched) = (table.schema(), None);
        match &self.action {
            Action::Put(new) => check_index_keys(schema, &new.item)?,
            Action::Update(_, Some(update)) => {
                let mut heads = update.targets().map(Path::head);
                if let Some(name) = heads.find(|name| schema.keys.has(name)) {
                    return Err(Validation::KeyUpdated { name: name.to_owned() }.into());
                }
            }
            _ => (),
        }
        self.check(old.as_ref())?;
        let new = match &self.action {
            Action::Put(new) => Some(new.clone()),
            Action::Delete(_) => None,
            Action::Check(_) => old.clone(),
            Action::Update(key, None) => {
                Some(old.clone().unwrap_or_else(|| Stored::new(key.clone())))
            }
            Action::Update(key, Some(update)) => {
                let before = old.as_ref().map_or(key, |old| &old.item);
                let updated = update.apply(Item::clone(before))?;
                touched = Some(updated.touched);
                // What only takes away makes no item.
                (old.is_some() || updated.item.len() > key.len())
                    .then(|| changed(schema, updated.item))
                    .transpose()?
            }
        };
        Ok(Decided { table, key, old, new, touched })
    }

    fn check(&self, old: Option<&Arc<Stored>>) -> Result<(), Error> {
        let Some(condition) = &self.condition else { return Ok(()) };
        let nothing = Item::new();
        if condition.holds(old.map_or(&nothing, |old| &old.item))? {
            return Ok(());
        }
        let item = old.filter(|_| self.returns_item_on_failure).map(|old| old.item.clone());
        Err(Error::ConditionalCheckFailed { item })
    }
}

fn changed(schema: &TableSchema, item: Item) -> Result<Arc<Stored>, Error> {
    check_index_keys(schema, &item)?;
    let stored = Stored::new(Arc::new(item));
    if stored.size > ITEM_BYTES_MAX {
        return Err(Validation::UpdatedItemTooLarge.into());
    }
    Ok(stored)
}

/// # Errors
/// An attribute that is in the key of an index, and cannot be.
fn check_index_keys(schema: &TableSchema, item: &Item) -> Result<(), Validation> {
    for index in &schema.indexes {
        let roles = [KeyRole::Hash, KeyRole::Range];
        for (attribute, role) in index.keys.attributes().zip(roles) {
            if let Some(value) = item.get(&*attribute.name) {
                key::check(attribute, role, value)
                    .map_err(|fault| fault.in_index(index.name.as_str()))?;
            }
        }
    }
    Ok(())
}

impl Decided<'_> {
    /// What is journaled of it, if anything changes.
    pub(crate) fn change(&self) -> Option<Change> {
        let table = self.table.schema().number;
        match (&self.old, &self.new) {
            (Some(old), Some(new)) if Arc::ptr_eq(old, new) => None,
            (_, Some(new)) => Some(Change::Put { table, item: new.item.clone() }),
            (Some(old), None) => {
                let keys = &self.table.schema().keys;
                Some(Change::Delete { table, key: Arc::new(key_of(keys, &old.item)) })
            }
            (None, None) => None,
        }
    }

    /// What it takes of memory before and after, in bytes.
    pub(crate) fn memory(&self) -> (u64, u64) {
        let memory = |stored: &Option<Arc<Stored>>| {
            stored.as_ref().map_or(0, |stored| self.table.memory_of(&self.key, stored))
        };
        (memory(&self.old), memory(&self.new))
    }

    pub(crate) fn meter(&self) -> Meter {
        Meter::write(self.table.schema(), self.old.as_deref(), self.new.as_deref())
    }

    pub(crate) fn output(&self, options: WriteOptions) -> WriteOutput {
        let schema = self.table.schema();
        let item = |stored: &Option<Arc<Stored>>| stored.as_ref().map(|one| one.item.clone());
        let part = |stored: &Option<Arc<Stored>>| {
            let part = self.touched.as_ref()?.of(&stored.as_ref()?.item);
            (!part.is_empty()).then(|| Arc::new(part))
        };
        WriteOutput {
            attributes: match options.return_values {
                ReturnValues::None => None,
                ReturnValues::AllOld => item(&self.old),
                ReturnValues::AllNew => item(&self.new),
                ReturnValues::UpdatedOld => part(&self.old),
                ReturnValues::UpdatedNew => part(&self.new),
            },
            consumed_capacity: self.meter().report(options.return_consumed_capacity, schema),
            item_collection_metrics: self.collection().filter(|_| options.returns_collection_size),
        }
    }

    /// What is told of the item's collection, if the table has any.
    pub(crate) fn collection(&self) -> Option<ItemCollectionMetrics> {
        let schema = self.table.schema();
        schema.indexes.iter().find(|index| index.kind == IndexKind::Local)?;
        let name = &*schema.keys.hash.name;
        let item = &self.new.as_ref().or(self.old.as_ref())?.item;
        let hash = item.get(name)?.clone();
        let gigabytes = (self.table.item_bytes() >> 30) as f64;
        Some(ItemCollectionMetrics {
            item_collection_key: Item::from([(name.to_owned(), hash)]),
            size_estimate_range_gb: [0.0, gigabytes + 1.0],
        })
    }
}

/// The attributes of an item that are its key.
pub(crate) fn key_of(keys: &KeySchema, item: &Item) -> Item {
    let parts = keys.attributes().filter_map(|attribute| item.get_key_value(&*attribute.name));
    parts.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Refuses writes that make all tables take more than they may. What makes them take less is never.
pub(crate) fn check_memory<'a, 'b: 'a>(
    tables: &Tables,
    decided: impl IntoIterator<Item = &'a Decided<'b>>,
    beside: u64,
) -> Result<(), Error> {
    let (mut before, mut after) = (0, beside);
    for one in decided {
        let (old, new) = one.memory();
        before += old;
        after += new;
    }
    let (bytes, max) = (tables.memory() - before + after, tables.settings().memory_max);
    if after > before && bytes > max {
        return Err(Limit::Memory { bytes, max }.into());
    }
    Ok(())
}

/// The expressions of a write that may have values, for an error about values without any.
pub(crate) const CONDITION_ALONE: &[ExpressionKind] = &[ExpressionKind::Condition];
