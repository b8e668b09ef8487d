//! GetItem.

use super::capacity::{ConsumedCapacity, Meter, ReturnConsumedCapacity};
use super::found;
use super::write::check_mixed;
use crate::error::Error;
use crate::expression::{Placeholders, Projection};
use crate::key::PrimaryKey;
use crate::legacy;
use crate::scope::Scope;
use crate::stored::Stored;
use crate::tables::Tables;
use crate::value::Item;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which attributes are asked for.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ProjectionRequest {
    pub projection_expression: Option<String>,
    pub expression_attribute_names: Option<BTreeMap<String, String>>,
    /// As before there were expressions.
    pub attributes_to_get: Option<Vec<String>>,
}

impl ProjectionRequest {
    /// # Errors
    /// An expression that is none, parameters of both kinds, and names that are not used.
    pub(super) fn parse(self) -> Result<Option<Projection>, Error> {
        check_mixed(
            [("AttributesToGet", self.attributes_to_get.is_some())],
            [("ProjectionExpression", self.projection_expression.is_some())],
        )?;
        let mut placeholders = Placeholders::new(self.expression_attribute_names, None)?;
        let expression = self.projection_expression.as_deref();
        let projection = projection_of(expression, self.attributes_to_get, &mut placeholders)?;
        placeholders.finish(&[])?;
        Ok(projection)
    }
}

/// The projection that a request asks for, in one way or the other.
pub(super) fn projection_of(
    expression: Option<&str>,
    names: Option<Vec<String>>,
    placeholders: &mut Placeholders,
) -> Result<Option<Projection>, Error> {
    Ok(match (expression, names) {
        (Some(text), _) => Some(Projection::parse(text, placeholders)?),
        (None, Some(names)) => Some(legacy::attributes_to_get(names)?),
        (None, None) => None,
    })
}

/// What GetItem is asked.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct GetItemInput {
    pub table_name: String,
    pub key: Item,
    pub projection: ProjectionRequest,
    pub consistent_read: bool,
    pub return_consumed_capacity: ReturnConsumedCapacity,
}

/// What GetItem answers.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct GetItemOutput {
    /// The item, if it is there.
    pub item: Option<Arc<Item>>,
    pub consumed_capacity: Option<ConsumedCapacity>,
}

/// A GetItem, parsed.
#[derive(Clone, Debug)]
pub struct GetItem {
    table_name: String,
    key: Item,
    projection: Option<Projection>,
    is_consistent: bool,
    return_consumed_capacity: ReturnConsumedCapacity,
}

impl GetItem {
    /// # Errors
    /// Members that are wrong, or do not go together.
    pub fn parse(input: GetItemInput) -> Result<Self, Error> {
        Ok(Self {
            table_name: input.table_name,
            key: input.key,
            projection: input.projection.parse()?,
            is_consistent: input.consistent_read,
            return_consumed_capacity: input.return_consumed_capacity,
        })
    }

    /// # Errors
    /// There is no such table, or the key is not one of it.
    pub fn read(
        &self,
        tables: &Tables,
        scope: &Scope,
        now_ms: u64,
    ) -> Result<GetItemOutput, Error> {
        let table = found::ready(tables, scope, &self.table_name, now_ms)?;
        let schema = table.schema();
        let key = PrimaryKey::exactly(&schema.keys, &self.key).map_err(|one| one.in_key())?;
        let stored = table.get(&key);
        let bytes = stored.map_or(0, |stored| stored.size);
        let meter = Meter::read(schema, None, bytes, self.is_consistent);
        Ok(GetItemOutput {
            item: stored.map(|stored| projected(self.projection.as_ref(), stored)),
            consumed_capacity: meter.report(self.return_consumed_capacity, schema),
        })
    }
}

pub(super) fn projected(projection: Option<&Projection>, stored: &Stored) -> Arc<Item> {
    match projection {
        Some(projection) => Arc::new(projection.of(&stored.item)),
        None => stored.item.clone(),
    }
}
