//! All tables: a machine that commands change.

use crate::command::{
    AddTags, Change, Command, CreateTable, NewBilling, RemoveTags, SetRecovery, SetTimeToLive,
    UpdateTable, Write,
};
use crate::key::PrimaryKey;
use crate::schema::{Billing, TableName, TableSchema, TimeToLive};
use crate::scope::Scope;
use crate::stored::Stored;
use crate::table::Table;
use crate::tokens::{Remembered, Tokens};
use crate::value::Item;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

/// Where a command stands in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The command's number.
    pub number: u64,
    /// When it was journaled, epoch milliseconds.
    pub arrival_ms: u64,
}

/// What is not in commands: how much there may be, and how long changes take. It may be another after
/// each start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Most that all tables together take of memory, in bytes by estimate. A write that would take more
    /// is refused; deletes are not.
    pub memory_max: u64,
    /// Most tables of an account in a Region.
    pub tables_max: usize,
    /// How long a table stays CREATING or UPDATING, in milliseconds.
    pub transition_ms: u64,
}

impl Default for Settings {
    /// 256 MiB, 2,500 tables, and changes that are done at once.
    fn default() -> Self {
        Self { memory_max: 256 << 20, tables_max: 2500, transition_ms: 0 }
    }
}

/// What a command has changed. Applied to the same state, it gives the same state: also where it is not
/// known what the command was.
#[derive(Clone, Debug)]
pub enum Effect {
    /// A table is there, or is another one now. Its items are as they were.
    Table(Arc<TableSchema>),
    /// The table of this number is gone, with its items.
    Gone(u32),
    /// An item is there, or is another one now.
    #[expect(missing_docs, reason = "the table's number, and the item and its key")]
    Put { table: u32, key: PrimaryKey, stored: Arc<Stored> },
    /// An item is gone.
    #[expect(missing_docs, reason = "the table's number, and the item's key")]
    Removed { table: u32, key: PrimaryKey },
    /// A transaction's token is taken.
    Taken(Arc<Remembered>),
}

/// All tables.
///
/// What it does depends on nothing but commands and their places, so that the same commands make the same
/// tables. Its [`Settings`] are asked when a command is decided, and not when it is applied.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    by_number: BTreeMap<u32, Table>,
    by_name: HashMap<Scope, BTreeMap<TableName, u32>>,
    next_table: u32,
    tokens: Tokens,
    /// Of all tables.
    memory: u64,
    applied: u64,
    settings: Settings,
}

impl Tables {
    /// None yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, ..Self::default() }
    }

    /// The same tables under other settings.
    #[must_use]
    pub fn with(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    pub(crate) fn of(next_table: u32, applied: u64, tokens: Tokens) -> Self {
        Self { next_table, applied, tokens, ..Self::default() }
    }

    /// Limits and times that are not in commands.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Number of the last command in it, 0 before the first.
    #[must_use]
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// Number that the next table gets.
    #[must_use]
    pub fn next_table(&self) -> u32 {
        self.next_table
    }

    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// What all of it takes of memory, by estimate, in bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.memory + self.tokens.memory()
    }

    /// All tables, in the order in which they were made.
    pub fn all(&self) -> impl Iterator<Item = &Table> {
        self.by_number.values()
    }

    /// The table of this name, whatever its state.
    #[must_use]
    pub fn of_name(&self, scope: &Scope, name: &TableName) -> Option<&Table> {
        self.by_number.get(self.by_name.get(scope)?.get(name)?)
    }

    /// The table of this number, whatever its state.
    #[must_use]
    pub fn of_number(&self, number: u32) -> Option<&Table> {
        self.by_number.get(&number)
    }

    /// A scope's tables in name order, from the first name after `after`.
    pub fn after<'a>(
        &'a self,
        scope: &Scope,
        after: Option<&TableName>,
    ) -> impl Iterator<Item = &'a Table> + use<'a> {
        let lower = after.map_or(Unbounded, |name| Excluded(name.clone()));
        let names = self.by_name.get(scope).into_iter();
        let numbers = names.flat_map(move |names| names.range((lower.clone(), Unbounded)));
        numbers.filter_map(move |(_, number)| self.by_number.get(number))
    }

    /// Applies a command, and tells what it has changed.
    pub fn apply(&mut self, command: &Command, place: Place) -> Vec<Effect> {
        let effects = self.effects(command, place);
        self.show(place.number, &effects);
        effects
    }

    /// Takes over what the command of this number has changed of the same tables elsewhere. Items are then
    /// shared by both.
    pub fn show(&mut self, number: u64, effects: &[Effect]) {
        self.applied = number;
        for effect in effects {
            match effect {
                Effect::Table(schema) => self.show_table(schema),
                Effect::Gone(table) => self.forget(*table),
                Effect::Put { table, key, stored } => {
                    self.with_table(*table, |table| table.put(key, stored));
                }
                Effect::Removed { table, key } => {
                    self.with_table(*table, |table| table.remove(key));
                }
                Effect::Taken(remembered) => self.tokens.remember(remembered),
            }
        }
    }

    fn show_table(&mut self, schema: &Arc<TableSchema>) {
        if self.with_table(schema.number, |table| table.change(schema)) {
            return;
        }
        self.next_table = self.next_table.max(schema.number.saturating_add(1));
        let names = self.by_name.entry(schema.scope.clone()).or_default();
        names.insert(schema.name.clone(), schema.number);
        let table = Table::new(schema.clone());
        self.memory += table.memory();
        self.by_number.insert(schema.number, table);
    }

    /// Whether there is such a table.
    fn with_table(&mut self, number: u32, change: impl FnOnce(&mut Table)) -> bool {
        let Some(table) = self.by_number.get_mut(&number) else { return false };
        self.memory -= table.memory();
        change(table);
        self.memory += table.memory();
        true
    }

    fn forget(&mut self, number: u32) {
        let Some(table) = self.by_number.remove(&number) else { return };
        self.memory -= table.memory();
        let schema = table.schema();
        if let Some(names) = self.by_name.get_mut(&schema.scope) {
            if names.get(&schema.name) == Some(&number) {
                names.remove(&schema.name);
            }
            if names.is_empty() {
                self.by_name.remove(&schema.scope);
            }
        }
    }

    /// What a command would change.
    pub(crate) fn effects(&self, command: &Command, place: Place) -> Vec<Effect> {
        let effect = match command {
            // A number is never given twice.
            Command::CreateTable(create) if self.by_number.contains_key(&create.number) => None,
            Command::CreateTable(create) => Some(Effect::Table(Arc::new(created(create, place)))),
            Command::UpdateTable(update) => {
                self.change(update.table, |schema| updated(schema, update, place))
            }
            Command::DeleteTable(delete) => Some(Effect::Gone(delete.table)),
            Command::SetTimeToLive(SetTimeToLive { table, attribute }) => {
                self.change(*table, |schema| {
                    let attribute = attribute.as_deref().map(Arc::from);
                    schema.time_to_live = attribute.map(|attribute| TimeToLive { attribute });
                    schema.time_to_live_set_ms = place.arrival_ms;
                })
            }
            Command::AddTags(AddTags { table, tags }) => self.change(*table, |schema| {
                schema.tags.extend(tags.iter().map(|(key, value)| (key.clone(), value.clone())));
            }),
            Command::RemoveTags(RemoveTags { table, keys }) => self.change(*table, |schema| {
                keys.iter().for_each(|key| drop(schema.tags.remove(key)));
            }),
            Command::SetRecovery(SetRecovery { table, days }) => {
                self.change(*table, |schema| schema.recovery_days = *days)
            }
            Command::Write(write) => return self.written(write, place),
            Command::ExpireItems(expire) => {
                let removed = |key: &Arc<Item>| self.removed(expire.table, key);
                return expire.keys.iter().filter_map(|key| removed(&key.0)).collect();
            }
        };
        effect.into_iter().collect()
    }

    fn change(&self, number: u32, change: impl FnOnce(&mut TableSchema)) -> Option<Effect> {
        let mut schema = TableSchema::clone(self.by_number.get(&number)?.schema());
        change(&mut schema);
        Some(Effect::Table(Arc::new(schema)))
    }

    fn written(&self, write: &Write, place: Place) -> Vec<Effect> {
        let changes = write.changes.iter().filter_map(|change| match change {
            Change::Put { table, item } => {
                let keys = &self.by_number.get(table)?.schema().keys;
                let key = PrimaryKey::of(keys, item).ok()?;
                Some(Effect::Put { table: *table, key, stored: Stored::new(item.clone()) })
            }
            Change::Delete { table, key } => self.removed(*table, key),
        });
        let token = write.token.as_ref().map(|token| {
            Effect::Taken(Arc::new(Remembered { token: token.clone(), at_ms: place.arrival_ms }))
        });
        changes.chain(token).collect()
    }

    fn removed(&self, number: u32, key: &Item) -> Option<Effect> {
        let table = self.by_number.get(&number)?;
        let key = PrimaryKey::of(&table.schema().keys, key).ok()?;
        table.get(&key).is_some().then_some(Effect::Removed { table: number, key })
    }
}

fn created(create: &CreateTable, place: Place) -> TableSchema {
    let scope = Scope { account: Arc::from(&*create.account), region: Arc::from(&*create.region) };
    let active_at_ms = place.arrival_ms.saturating_add(create.transition_ms);
    TableSchema {
        number: create.number,
        scope,
        name: TableName::decided(&create.name),
        keys: (&create.keys).into(),
        indexes: create.indexes.iter().map(|index| Arc::new(index.schema(active_at_ms))).collect(),
        billing: match create.units {
            Some(units) => Billing::Provisioned(units.into()),
            None => Billing::PayPerRequest { since_ms: place.arrival_ms },
        },
        tags: create.tags.clone(),
        time_to_live: None,
        time_to_live_set_ms: 0,
        is_protected: create.is_protected,
        is_encrypted: create.is_encrypted,
        recovery_days: None,
        created_ms: place.arrival_ms,
        active_at_ms,
        updating_until_ms: 0,
    }
}

fn updated(schema: &mut TableSchema, update: &UpdateTable, place: Place) {
    schema.updating_until_ms = place.arrival_ms.saturating_add(update.transition_ms);
    match update.billing {
        Some(NewBilling::Provisioned(units)) => schema.billing = Billing::Provisioned(units.into()),
        Some(NewBilling::PayPerRequest) => {
            schema.billing = Billing::PayPerRequest { since_ms: place.arrival_ms };
            for index in &mut schema.indexes {
                Arc::make_mut(index).throughput = None;
            }
        }
        None => (),
    }
    schema.is_protected = update.is_protected.unwrap_or(schema.is_protected);
    schema.is_encrypted = update.is_encrypted.unwrap_or(schema.is_encrypted);
    if let Some(name) = &update.remove_index {
        schema.indexes.retain(|index| index.name.as_str() != name);
    }
    for index in &mut schema.indexes {
        if let Some(units) = update.index_units.get(index.name.as_str()) {
            Arc::make_mut(index).throughput = Some((*units).into());
        }
    }
    if let Some(index) = &update.add_index {
        schema.indexes.push(Arc::new(index.schema(schema.updating_until_ms)));
    }
}
