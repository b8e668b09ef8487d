//! A secondary index of a table: the items that have its keys, in the order of these.

use crate::key::{IndexKey, PrimaryKey};
use crate::memory;
use crate::schema::{IndexSchema, KeySchema, Projection};
use crate::stored::Stored;
use crate::value::Item;
use std::collections::BTreeMap;
use std::ops::RangeBounds;
use std::sync::Arc;

/// An index.
///
/// Invariant: an item of the table is in it exactly if it has the index's keys.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) schema: Arc<IndexSchema>,
    entries: BTreeMap<IndexKey, Arc<Stored>>,
    /// Size of all that is projected.
    pub(crate) bytes: u64,
}

impl Index {
    pub(crate) fn new(schema: Arc<IndexSchema>) -> Self {
        Self { schema, entries: BTreeMap::new(), bytes: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn insert(&mut self, table: &KeySchema, primary: &PrimaryKey, stored: &Arc<Stored>) {
        if let Some(key) = IndexKey::of(&self.schema.keys, &stored.item, primary) {
            self.bytes += projected_size(table, &self.schema, stored) as u64;
            self.entries.insert(key, stored.clone());
        }
    }

    /// Takes `new` into the place of `old`, which has the same key in the table.
    pub(crate) fn replace(
        &mut self,
        table: &KeySchema,
        primary: &PrimaryKey,
        old: &Stored,
        new: &Arc<Stored>,
    ) {
        let moves = self.schema.keys.attributes().any(|attribute| {
            let name = &*attribute.name;
            old.item.get(name) != new.item.get(name)
        });
        if moves {
            self.remove(table, primary, old);
            self.insert(table, primary, new);
            return;
        }
        if let Some(key) = IndexKey::of(&self.schema.keys, &new.item, primary)
            && let Some(entry) = self.entries.get_mut(&key)
        {
            self.bytes -= projected_size(table, &self.schema, old) as u64;
            self.bytes += projected_size(table, &self.schema, new) as u64;
            *entry = new.clone();
        }
    }

    pub(crate) fn remove(&mut self, table: &KeySchema, primary: &PrimaryKey, stored: &Stored) {
        if let Some(key) = IndexKey::of(&self.schema.keys, &stored.item, primary)
            && self.entries.remove(&key).is_some()
        {
            self.bytes -= projected_size(table, &self.schema, stored) as u64;
        }
    }

    pub(crate) fn range(
        &self,
        range: impl RangeBounds<IndexKey>,
    ) -> impl DoubleEndedIterator<Item = (&IndexKey, &Arc<Stored>)> {
        self.entries.range(range)
    }
}

/// What an item takes of memory in an index, if it is in it.
pub(crate) fn memory_in(index: &IndexSchema, item: &Item) -> usize {
    let len = IndexKey::sorted_len(&index.keys, item);
    len.map_or(0, |len| memory::INDEX_ENTRY + 2 * len)
}

/// Whether an attribute of an item is in an index that has it.
pub(crate) fn is_projected(table: &KeySchema, index: &IndexSchema, name: &str) -> bool {
    table.has(name) || index.keys.has(name) || index.projection.takes(name)
}

/// Size of what an index has of an item.
pub(crate) fn projected_size(table: &KeySchema, index: &IndexSchema, stored: &Stored) -> usize {
    if index.projection == Projection::All {
        return stored.size;
    }
    let projected = stored.item.iter().filter(|(name, _)| is_projected(table, index, name));
    projected.map(|(name, value)| name.len() + value.size()).sum()
}

/// What an index has of an item.
pub(crate) fn projected(table: &KeySchema, index: &IndexSchema, item: &Item) -> Item {
    index.projection.of(item, |name| table.has(name) || index.keys.has(name))
}
