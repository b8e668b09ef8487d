//! A table: its items in the order of their keys, its indexes, and when items end.

use crate::index::{self, Index};
use crate::key::PrimaryKey;
use crate::memory;
use crate::schema::{IndexSchema, TableSchema};
use crate::stored::Stored;
use crate::value::{AttributeValue, Item};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;
use std::sync::Arc;

/// Items whose time was longer ago are left alone, in seconds: five years.
const EXPIRED_SECS_MAX: u64 = 5 * 365 * 24 * 3600;

/// A table.
///
/// Invariant: `indexes` are those of the schema, in its order; `expiring` has each item that ends, and
/// `memory` is the sum of [`Table::memory_of`] over all items, and of what the table takes by itself.
#[derive(Clone, Debug)]
pub struct Table {
    schema: Arc<TableSchema>,
    items: BTreeMap<PrimaryKey, Arc<Stored>>,
    indexes: Vec<Index>,
    /// When items end, epoch seconds.
    expiring: BTreeSet<(u64, PrimaryKey)>,
    item_bytes: u64,
    memory: u64,
}

impl Table {
    pub(crate) fn new(schema: Arc<TableSchema>) -> Self {
        let indexes = schema.indexes.iter().cloned().map(Index::new).collect();
        let memory = memory_of_none(&schema);
        let (items, expiring) = (BTreeMap::new(), BTreeSet::new());
        Self { schema, items, indexes, expiring, item_bytes: 0, memory }
    }

    /// What it is, without its items.
    #[must_use]
    pub fn schema(&self) -> &Arc<TableSchema> {
        &self.schema
    }

    /// How many items it has.
    #[must_use]
    pub fn item_count(&self) -> usize {
        self.items.len()
    }

    /// Size of its items as the service counts it, in bytes.
    #[must_use]
    pub fn item_bytes(&self) -> u64 {
        self.item_bytes
    }

    /// What it takes of memory, by estimate, in bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// The item of this key.
    #[must_use]
    pub fn get(&self, key: &PrimaryKey) -> Option<&Arc<Stored>> {
        self.items.get(key)
    }

    /// Items in the order of their keys.
    pub fn range(
        &self,
        range: impl RangeBounds<PrimaryKey>,
    ) -> impl DoubleEndedIterator<Item = (&PrimaryKey, &Arc<Stored>)> {
        self.items.range(range)
    }

    pub(crate) fn index(&self, position: usize) -> &Index {
        &self.indexes[position]
    }

    /// Puts an item into the place of what was there.
    pub(crate) fn put(&mut self, key: &PrimaryKey, stored: &Arc<Stored>) {
        let old = self.items.insert(key.clone(), stored.clone());
        self.memory += self.memory_of(key, stored);
        self.item_bytes += stored.size as u64;
        let keys = &self.schema.keys;
        if let Some(old) = &old {
            self.memory -= self.memory_of(key, old);
            self.item_bytes -= old.size as u64;
            self.indexes.iter_mut().for_each(|index| index.replace(keys, key, old, stored));
        } else {
            self.indexes.iter_mut().for_each(|index| index.insert(keys, key, stored));
        }
        let (before, after) =
            (old.and_then(|old| self.end_of(&old.item)), self.end_of(&stored.item));
        if before != after {
            before.map(|ends| self.expiring.remove(&(ends, key.clone())));
            after.map(|ends| self.expiring.insert((ends, key.clone())));
        }
    }

    pub(crate) fn remove(&mut self, key: &PrimaryKey) {
        let Some(stored) = self.items.remove(key) else { return };
        self.memory -= self.memory_of(key, &stored);
        self.item_bytes -= stored.size as u64;
        for index in &mut self.indexes {
            index.remove(&self.schema.keys, key, &stored);
        }
        if let Some(ends) = self.end_of(&stored.item) {
            self.expiring.remove(&(ends, key.clone()));
        }
    }

    /// What an item takes of memory here, or would take, in bytes.
    pub(crate) fn memory_of(&self, key: &PrimaryKey, stored: &Stored) -> u64 {
        let item = &stored.item;
        let in_indexes = self.schema.indexes.iter().map(|one| index::memory_in(one, item));
        let ending = self.end_of(item).map_or(0, |_| memory::EXPIRING);
        let all = memory::ITEM + key.len() + stored.memory + ending + in_indexes.sum::<usize>();
        all as u64
    }

    /// What it would take of memory under another schema of itself, in bytes.
    pub(crate) fn memory_under(&self, schema: &Arc<TableSchema>) -> u64 {
        let bare = Self::new(schema.clone());
        let items = self.items.iter().map(|(key, stored)| bare.memory_of(key, stored));
        bare.memory + items.sum::<u64>()
    }

    /// Takes over what has changed of its schema. What an index has, or when items end, is made anew if
    /// that is what changed, from all items.
    pub(crate) fn change(&mut self, schema: &Arc<TableSchema>) {
        let former = std::mem::replace(&mut self.schema, schema.clone());
        let mut indexes = std::mem::take(&mut self.indexes);
        for wanted in &schema.indexes {
            let is_it = |index: &Index| {
                let IndexSchema { name, keys, projection, .. } = &*index.schema;
                *name == wanted.name && *keys == wanted.keys && *projection == wanted.projection
            };
            let index = match indexes.iter().position(is_it) {
                Some(position) => {
                    let mut index = indexes.swap_remove(position);
                    index.schema = wanted.clone();
                    index
                }
                None => self.filled(Index::new(wanted.clone())),
            };
            self.indexes.push(index);
        }
        if former.time_to_live != schema.time_to_live {
            let ends = self
                .items
                .iter()
                .filter_map(|(key, stored)| Some((self.end_of(&stored.item)?, key.clone())));
            self.expiring = ends.collect();
        }
        if former.time_to_live == schema.time_to_live && former.indexes == schema.indexes {
            self.memory = self.memory - memory_of_none(&former) + memory_of_none(schema);
        } else {
            self.memory = self.memory_under(schema);
        }
    }

    fn filled(&self, mut index: Index) -> Index {
        for (key, stored) in &self.items {
            index.insert(&self.schema.keys, key, stored);
        }
        index
    }

    /// Keys of items whose end has passed and that are still there, the first to end first.
    pub(crate) fn ended(&self, now_ms: u64) -> impl Iterator<Item = &PrimaryKey> {
        let now = now_ms / 1000;
        let first = (now.saturating_sub(EXPIRED_SECS_MAX), PrimaryKey::least());
        self.expiring.range(first..(now, PrimaryKey::least())).map(|(_, key)| key)
    }

    /// When the next item's end has passed, epoch milliseconds.
    pub(crate) fn next_end_ms(&self, now_ms: u64) -> Option<u64> {
        let oldest = (now_ms / 1000).saturating_sub(EXPIRED_SECS_MAX);
        let (ends, _) = self.expiring.range((oldest, PrimaryKey::least())..).next()?;
        Some(ends.saturating_add(1).saturating_mul(1000))
    }

    /// When an item ends, epoch seconds.
    fn end_of(&self, item: &Item) -> Option<u64> {
        let time_to_live = self.schema.time_to_live.as_ref()?;
        match item.get(&*time_to_live.attribute)? {
            AttributeValue::N(number) => number.to_i64()?.try_into().ok(),
            _ => None,
        }
    }
}

fn memory_of_none(schema: &TableSchema) -> u64 {
    let tags = schema.tags.iter().map(|(key, value)| key.len() + value.len());
    (memory::TABLE * (1 + schema.indexes.len()) + 2 * tags.sum::<usize>()) as u64
}
