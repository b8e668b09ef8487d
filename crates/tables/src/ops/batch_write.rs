//! BatchWriteItem: all of it at once, so that nothing stays unprocessed.

use super::capacity::{ConsumedCapacity, Meter, ReturnConsumedCapacity};
use super::write::{Action, Decided, ItemCollectionMetrics, ItemWrite, check_memory, new_item};
use crate::command::{Command, Write};
use crate::error::{Constraint, Error, Validation};
use crate::scope::Scope;
use crate::tables::Tables;
use crate::value::Item;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const WRITES_MAX: usize = 25;

/// One write of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum WriteRequest {
    /// A whole item.
    Put(Item),
    /// A key.
    Delete(Item),
}

/// What BatchWriteItem is asked.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct BatchWriteItemInput {
    /// By tables' names.
    pub request_items: BTreeMap<String, Vec<WriteRequest>>,
    pub return_consumed_capacity: ReturnConsumedCapacity,
    /// ReturnItemCollectionMetrics is SIZE.
    pub returns_collection_size: bool,
}

/// What BatchWriteItem and TransactWriteItems answer.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct BatchOutput {
    pub consumed_capacity: Option<Vec<ConsumedCapacity>>,
    /// By tables' names.
    pub item_collection_metrics: Option<BTreeMap<String, Vec<ItemCollectionMetrics>>>,
}

/// A BatchWriteItem, parsed.
#[derive(Clone, Debug)]
pub struct BatchWriteItem {
    writes: Vec<ItemWrite>,
    return_consumed_capacity: ReturnConsumedCapacity,
    returns_collection_size: bool,
}

impl BatchWriteItem {
    /// # Errors
    /// Members that are wrong, and more than 25 writes.
    pub fn parse(input: BatchWriteItemInput) -> Result<Self, Error> {
        let count = input.request_items.len();
        Constraint::check_count(count, "requestItems", 1, WRITES_MAX).map_err(Validation::from)?;
        let mut writes = Vec::new();
        for (table_name, requests) in input.request_items {
            let at = format!("requestItems.{table_name}.member");
            let count = requests.len();
            Constraint::check_count(count, &at, 1, WRITES_MAX).map_err(Validation::from)?;
            for request in requests {
                let action = match request {
                    WriteRequest::Put(item) => Action::Put(new_item(item)?),
                    WriteRequest::Delete(key) => Action::Delete(Arc::new(key)),
                };
                let table_name = table_name.clone();
                let returns_item_on_failure = false;
                writes.push(ItemWrite {
                    table_name,
                    action,
                    condition: None,
                    returns_item_on_failure,
                });
            }
        }
        if writes.len() > WRITES_MAX {
            return Err(Validation::TooManyWrites.into());
        }
        Ok(Self {
            writes,
            return_consumed_capacity: input.return_consumed_capacity,
            returns_collection_size: input.returns_collection_size,
        })
    }

    /// # Errors
    /// There is no such table, items that do not fit it or are there twice, or it is full.
    pub fn decide(
        &self,
        tables: &Tables,
        scope: &Scope,
        now_ms: u64,
    ) -> Result<(Command, BatchOutput), Error> {
        let (mut keys, mut decided) = (BTreeSet::new(), Vec::new());
        for write in &self.writes {
            let (table, key) = write.find(tables, scope, now_ms)?;
            if !keys.insert((table.schema().number, key.clone())) {
                return Err(Validation::KeysTwice.into());
            }
            decided.push(write.decide(table, key)?);
        }
        check_memory(tables, &decided, 0)?;
        let changes = decided.iter().filter_map(Decided::change).collect();
        let output = BatchOutput {
            consumed_capacity: capacity_of(&decided, self.return_consumed_capacity, |meter| meter),
            item_collection_metrics: self.returns_collection_size.then(|| collections_of(&decided)),
        };
        Ok((Command::Write(Write { changes, token: None }), output))
    }
}

/// What writes took, by table.
pub(super) fn capacity_of(
    decided: &[Decided<'_>],
    wanted: ReturnConsumedCapacity,
    weigh: impl Fn(Meter) -> Meter,
) -> Option<Vec<ConsumedCapacity>> {
    if wanted == ReturnConsumedCapacity::None {
        return None;
    }
    let mut meters: BTreeMap<u32, (Meter, &Decided<'_>)> = BTreeMap::new();
    for one in decided {
        let number = one.table.schema().number;
        meters.entry(number).or_insert((Meter::default(), one)).0.add(weigh(one.meter()));
    }
    Some(
        meters
            .values()
            .filter_map(|(meter, one)| meter.report(wanted, one.table.schema()))
            .collect(),
    )
}

pub(super) fn collections_of(
    decided: &[Decided<'_>],
) -> BTreeMap<String, Vec<ItemCollectionMetrics>> {
    let mut collections: BTreeMap<String, Vec<ItemCollectionMetrics>> = BTreeMap::new();
    for one in decided {
        if let Some(collection) = one.collection() {
            let name = one.table.schema().name.as_str().to_owned();
            collections.entry(name).or_default().push(collection);
        }
    }
    collections
}
