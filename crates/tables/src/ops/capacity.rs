//! What requests cost: units as the service counts them.

use crate::index;
use crate::schema::{IndexKind, IndexName, TableSchema};
use crate::stored::Stored;
use std::collections::BTreeMap;

const READ_UNIT_BYTES: usize = 4 * 1024;
const WRITE_UNIT_BYTES: usize = 1024;

/// What a request wants to know of its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ReturnConsumedCapacity {
    #[default]
    None,
    Total,
    Indexes,
}

/// What one request took of one table.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ConsumedCapacity {
    pub table_name: String,
    pub capacity_units: f64,
    /// Told of transactions alone.
    pub read_capacity_units: Option<f64>,
    /// Told of transactions alone.
    pub write_capacity_units: Option<f64>,
    /// By table and index, if that was asked.
    pub parts: Option<CapacityParts>,
}

/// What of it is the table's, and what each index's.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct CapacityParts {
    pub table: f64,
    pub local_secondary_indexes: BTreeMap<String, f64>,
    pub global_secondary_indexes: BTreeMap<String, f64>,
}

/// Counts what is taken of one table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    table: f64,
    indexes: BTreeMap<IndexName, (IndexKind, f64)>,
}

impl Meter {
    /// Of reading `bytes` from the table, or from an index of it.
    pub(crate) fn read(
        schema: &TableSchema,
        index: Option<usize>,
        bytes: usize,
        is_consistent: bool,
    ) -> Self {
        let units = read_units(bytes, is_consistent);
        let mut meter = Self::default();
        match index {
            Some(position) => meter.add_index(schema, position, units),
            None => meter.table = units,
        }
        meter
    }

    /// Of putting `new` into the place of `old`. Nothing in the place of nothing takes a unit too.
    pub(crate) fn write(schema: &TableSchema, old: Option<&Stored>, new: Option<&Stored>) -> Self {
        let size = |stored: Option<&Stored>| stored.map_or(0, |stored| stored.size);
        let table = write_units(size(old).max(size(new)));
        let mut meter = Self { table, ..Self::default() };
        for position in 0..schema.indexes.len() {
            let units = index_units(schema, position, old, new);
            if units > 0.0 {
                meter.add_index(schema, position, units);
            }
        }
        meter
    }

    fn add_index(&mut self, schema: &TableSchema, position: usize, units: f64) {
        let index = &schema.indexes[position];
        self.indexes.entry(index.name.clone()).or_insert((index.kind, 0.0)).1 += units;
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.table += other.table;
        for (name, (kind, units)) in other.indexes {
            self.indexes.entry(name).or_insert((kind, 0.0)).1 += units;
        }
    }

    /// Transactions prepare and commit: everything is paid for twice.
    #[must_use]
    pub(crate) fn doubled(mut self) -> Self {
        self.add(self.clone());
        self
    }

    pub(crate) fn report(
        &self,
        wanted: ReturnConsumedCapacity,
        schema: &TableSchema,
    ) -> Option<ConsumedCapacity> {
        if wanted == ReturnConsumedCapacity::None {
            return None;
        }
        let of_indexes: f64 = self.indexes.values().map(|(_, units)| units).sum();
        let of_kind = |wanted: IndexKind| {
            let of_kind = self.indexes.iter().filter(move |(_, (kind, _))| *kind == wanted);
            of_kind.map(|(name, (_, units))| (name.as_str().to_owned(), *units)).collect()
        };
        let parts = (wanted == ReturnConsumedCapacity::Indexes).then(|| CapacityParts {
            table: self.table,
            local_secondary_indexes: of_kind(IndexKind::Local),
            global_secondary_indexes: of_kind(IndexKind::Global),
        });
        Some(ConsumedCapacity {
            table_name: schema.name.as_str().to_owned(),
            capacity_units: self.table + of_indexes,
            read_capacity_units: None,
            write_capacity_units: None,
            parts,
        })
    }
}

fn read_units(bytes: usize, is_consistent: bool) -> f64 {
    let units = bytes.div_ceil(READ_UNIT_BYTES).max(1) as f64;
    if is_consistent { units } else { units / 2.0 }
}

fn write_units(bytes: usize) -> f64 {
    bytes.div_ceil(WRITE_UNIT_BYTES).max(1) as f64
}

/// What a write takes of an index: nothing if it sees no difference, twice if the item moves in it.
fn index_units(
    schema: &TableSchema,
    position: usize,
    old: Option<&Stored>,
    new: Option<&Stored>,
) -> f64 {
    let index = &schema.indexes[position];
    let is_in = |stored: &&Stored| {
        index.keys.attributes().all(|attribute| stored.item.contains_key(&*attribute.name))
    };
    let units = |stored| write_units(index::projected_size(&schema.keys, index, stored));
    match (old.filter(is_in), new.filter(is_in)) {
        (None, None) => 0.0,
        (Some(one), None) | (None, Some(one)) => units(one),
        (Some(old), Some(new)) => {
            let same = |name: &str| old.item.get(name) == new.item.get(name);
            if !index.keys.attributes().all(|attribute| same(&attribute.name)) {
                return units(old) + units(new);
            }
            let mut names = old.item.keys().chain(new.item.keys());
            let is_same =
                |name: &String| same(name) || !index::is_projected(&schema.keys, index, name);
            if names.all(is_same) { 0.0 } else { units(old).max(units(new)) }
        }
    }
}
