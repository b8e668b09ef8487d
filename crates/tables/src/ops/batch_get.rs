//! BatchGetItem.

use super::capacity::{ConsumedCapacity, Meter, ReturnConsumedCapacity};
use super::found;
use super::get_item::{ProjectionRequest, projected};
use crate::error::{Constraint, Error, Validation};
use crate::expression::Projection;
use crate::key::PrimaryKey;
use crate::scope::Scope;
use crate::tables::Tables;
use crate::value::Item;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const KEYS_MAX: usize = 100;
/// What one answer has of items, in bytes; those beyond are to be asked for again.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// What is asked of one table.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct KeysAndAttributes {
    pub keys: Vec<Item>,
    pub projection: ProjectionRequest,
    pub consistent_read: bool,
}

/// What BatchGetItem is asked.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct BatchGetItemInput {
    /// By tables' names.
    pub request_items: BTreeMap<String, KeysAndAttributes>,
    pub return_consumed_capacity: ReturnConsumedCapacity,
}

/// What BatchGetItem answers.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct BatchGetItemOutput {
    /// Items that are there, by tables' names.
    pub responses: BTreeMap<String, Vec<Arc<Item>>>,
    /// Keys to ask for again, with all else as it was.
    pub unprocessed_keys: BTreeMap<String, KeysAndAttributes>,
    pub consumed_capacity: Option<Vec<ConsumedCapacity>>,
}

/// A BatchGetItem, parsed.
#[derive(Clone, Debug)]
pub struct BatchGetItem {
    requests: Vec<(String, KeysAndAttributes, Option<Projection>)>,
    return_consumed_capacity: ReturnConsumedCapacity,
}

impl BatchGetItem {
    /// # Errors
    /// Members that are wrong, or do not go together, and more than 100 keys.
    pub fn parse(input: BatchGetItemInput) -> Result<Self, Error> {
        let count = input.request_items.len();
        Constraint::check_count(count, "requestItems", 1, KEYS_MAX).map_err(Validation::from)?;
        let mut requests = Vec::new();
        for (name, request) in input.request_items {
            let at = format!("requestItems.{name}.member.keys");
            let count = request.keys.len();
            Constraint::check_count(count, &at, 1, KEYS_MAX).map_err(Validation::from)?;
            let projection = request.projection.clone().parse()?;
            requests.push((name, request, projection));
        }
        if requests.iter().map(|(_, request, _)| request.keys.len()).sum::<usize>() > KEYS_MAX {
            return Err(Validation::TooManyKeys.into());
        }
        Ok(Self { requests, return_consumed_capacity: input.return_consumed_capacity })
    }

    /// # Errors
    /// There is no such table, or keys that are none of it, or there twice.
    pub fn read(
        &self,
        tables: &Tables,
        scope: &Scope,
        now_ms: u64,
    ) -> Result<BatchGetItemOutput, Error> {
        let mut output = BatchGetItemOutput::default();
        let (mut bytes, mut capacity) = (0, Vec::new());
        for (name, request, projection) in &self.requests {
            let table = found::ready(tables, scope, name, now_ms)?;
            let schema = table.schema();
            let keys = request.keys.iter().map(|key| PrimaryKey::exactly(&schema.keys, key));
            let keys: Result<Vec<PrimaryKey>, _> = keys.collect();
            let keys = keys.map_err(|fault| fault.in_key())?;
            if keys.iter().collect::<BTreeSet<_>>().len() != keys.len() {
                return Err(Validation::KeysTwice.into());
            }
            let items = output.responses.entry(name.clone()).or_default();
            let mut meter = Meter::default();
            for (key, asked) in keys.iter().zip(&request.keys) {
                if bytes >= ANSWER_BYTES_MAX {
                    let rest = output.unprocessed_keys.entry(name.clone());
                    let rest = rest.or_insert_with(|| KeysAndAttributes {
                        keys: Vec::new(),
                        ..request.clone()
                    });
                    rest.keys.push(asked.clone());
                    continue;
                }
                let stored = table.get(key);
                let size = stored.map_or(0, |stored| stored.size);
                bytes += size;
                meter.add(Meter::read(schema, None, size, request.consistent_read));
                items.extend(stored.map(|stored| projected(projection.as_ref(), stored)));
            }
            capacity.extend(meter.report(self.return_consumed_capacity, schema));
        }
        let is_asked = self.return_consumed_capacity != ReturnConsumedCapacity::None;
        output.consumed_capacity = is_asked.then_some(capacity);
        Ok(output)
    }
}
