//! Query: items of one hash key, in the order of their range keys.

use super::capacity::ReturnConsumedCapacity;
use super::get_item::projection_of;
use super::page::{Page, Position, Reading, Select, Source, Span, check_select, parse_limit};
use super::write::check_mixed;
use crate::error::{Error, KeyFault, Validation};
use crate::expression::{
    Condition, ExpressionKind, KeyCondition, KeyRange, Path, Placeholders, RangeCondition,
};
use crate::key::{self, bytes_of, hash_prefix};
use crate::legacy::{self, Comparison, ConditionalOperator};
use crate::schema::{IndexName, KeyAttribute, KeyRole, KeySchema, KeyType};
use crate::scope::Scope;
use crate::tables::Tables;
use crate::value::{AttributeType, AttributeValue, Item};
use std::collections::BTreeMap;

/// What Query is asked.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct QueryInput {
    pub table_name: String,
    pub index_name: Option<String>,
    pub key_condition_expression: Option<String>,
    pub filter_expression: Option<String>,
    pub projection_expression: Option<String>,
    pub expression_attribute_names: Option<BTreeMap<String, String>>,
    pub expression_attribute_values: Option<BTreeMap<String, AttributeValue>>,
    /// As before there were expressions.
    pub key_conditions: Option<BTreeMap<String, Comparison>>,
    /// As before there were expressions.
    pub query_filter: Option<BTreeMap<String, Comparison>>,
    pub conditional_operator: Option<ConditionalOperator>,
    /// As before there were expressions.
    pub attributes_to_get: Option<Vec<String>>,
    pub select: Option<Select>,
    pub limit: Option<i64>,
    pub consistent_read: bool,
    /// Forward if it is not said.
    pub scan_index_forward: Option<bool>,
    pub exclusive_start_key: Option<Item>,
    pub return_consumed_capacity: ReturnConsumedCapacity,
}

/// A Query, parsed.
#[derive(Clone, Debug)]
pub struct Query {
    reading: Reading,
    key_condition: KeyCondition,
    is_legacy: bool,
    is_forward: bool,
}

impl Query {
    /// # Errors
    /// Members that are wrong, or do not go together.
    pub fn parse(input: QueryInput) -> Result<Self, Error> {
        check_mixed(
            [
                ("AttributesToGet", input.attributes_to_get.is_some()),
                ("QueryFilter", input.query_filter.is_some()),
                ("ConditionalOperator", input.conditional_operator.is_some()),
                ("KeyConditions", input.key_conditions.is_some()),
            ],
            [
                ("ProjectionExpression", input.projection_expression.is_some()),
                ("FilterExpression", input.filter_expression.is_some()),
                ("KeyConditionExpression", input.key_condition_expression.is_some()),
            ],
        )?;
        let limit = parse_limit(input.limit)?;
        let index_name = input.index_name.as_deref();
        let index_name = index_name.map(|name| IndexName::new(name, "indexName")).transpose()?;
        let given = [
            ("ProjectionExpression", input.projection_expression.is_some()),
            ("AttributesToGet", input.attributes_to_get.is_some()),
        ];
        check_select(input.select, given, index_name.is_some())?;
        let mut placeholders =
            Placeholders::new(input.expression_attribute_names, input.expression_attribute_values)?;
        let filter = match &input.filter_expression {
            Some(text) => Some(Condition::parse_filter(text, &mut placeholders)?),
            None => legacy::filter(input.query_filter, input.conditional_operator)?,
        };
        let names = input.attributes_to_get;
        let expression = input.projection_expression.as_deref();
        let projection = projection_of(expression, names, &mut placeholders)?;
        let is_legacy = input.key_condition_expression.is_none();
        let key_condition = match (&input.key_condition_expression, input.key_conditions) {
            (Some(text), _) => KeyCondition::parse(text, &mut placeholders)?,
            (None, Some(conditions)) => legacy::key_conditions(conditions)?,
            (None, None) => return Err(Validation::NoKeyCondition.into()),
        };
        placeholders.finish(&[ExpressionKind::Filter, ExpressionKind::KeyCondition])?;
        let reading = Reading {
            table_name: input.table_name,
            index_name,
            is_consistent: input.consistent_read,
            limit,
            filter,
            projection,
            select: input.select,
            exclusive_start_key: input.exclusive_start_key,
            return_consumed_capacity: input.return_consumed_capacity,
        };
        let is_forward = input.scan_index_forward.unwrap_or(true);
        Ok(Self { reading, key_condition, is_legacy, is_forward })
    }

    /// # Errors
    /// There is no such table or index, or it cannot be asked so.
    pub fn read(&self, tables: &Tables, scope: &Scope, now_ms: u64) -> Result<Page, Error> {
        let source = self.reading.source(tables, scope, now_ms)?;
        let keys = source.keys();
        let range = self
            .key_condition
            .clone()
            .resolve(typed(&keys.hash), keys.range.as_ref().map(typed))?;
        check_values(keys, &range)?;
        self.check_filter(source)?;
        let span = span_of(&range);
        let start = self.reading.start(source)?;
        if let Some(start) = &start {
            check_start(start, source, &range, &span)?;
        }
        self.reading.page(source, source.walk(span, start, self.is_forward))
    }

    /// What a key condition has decided is not asked again.
    fn check_filter(&self, source: Source<'_>) -> Result<(), Validation> {
        let Some(filter) = &self.reading.filter else { return Ok(()) };
        let on_key = filter.paths().map(Path::head).find(|name| source.keys().has(name));
        match on_key.map(ToOwned::to_owned) {
            Some(name) if self.is_legacy => Err(Validation::LegacyFilterOnKey { name }),
            Some(name) => Err(Validation::FilterOnKey { name }),
            None => Ok(()),
        }
    }
}

/// # Errors
/// Values that no key has.
fn check_values(keys: &KeySchema, range: &KeyRange) -> Result<(), Validation> {
    let check =
        |attribute, role, value| key::check(attribute, role, value).map_err(KeyFault::in_key);
    check(&keys.hash, KeyRole::Hash, &range.hash)?;
    let (Some(attribute), Some(condition)) = (&keys.range, &range.range) else { return Ok(()) };
    let (one, other) = match condition {
        RangeCondition::Equal(one)
        | RangeCondition::Less(one)
        | RangeCondition::LessOrEqual(one)
        | RangeCondition::Greater(one)
        | RangeCondition::GreaterOrEqual(one)
        | RangeCondition::BeginsWith(one) => (one, one),
        RangeCondition::Between(one, other) => (one, other),
    };
    check(attribute, KeyRole::Range, one)?;
    check(attribute, KeyRole::Range, other)
}

fn typed(attribute: &KeyAttribute) -> (&str, AttributeType) {
    let of = match attribute.of {
        KeyType::S => AttributeType::S,
        KeyType::N => AttributeType::N,
        KeyType::B => AttributeType::B,
    };
    (&attribute.name, of)
}

/// # Errors
/// A place that the query does not come to.
fn check_start(
    start: &Position,
    source: Source<'_>,
    range: &KeyRange,
    span: &Span,
) -> Result<(), Validation> {
    let is_one_row = match (&source.keys().range, &range.range) {
        (None, _) => true,
        (Some(_), Some(RangeCondition::Equal(_))) => true,
        (Some(_), _) => false,
    };
    if !start.sorted().starts_with(&hash_prefix(&range.hash)) {
        return Err(Validation::StartKeyOutside);
    }
    // Several items may have the same key in an index.
    if is_one_row && source.index.is_none() {
        return Err(Validation::OneRow);
    }
    if !span.has(start.sorted()) {
        return Err(Validation::StartKeyRange);
    }
    Ok(())
}

/// Where keys that fulfil a condition are.
fn span_of(range: &KeyRange) -> Span {
    let prefix = hash_prefix(&range.hash);
    let key = |value: &AttributeValue| [&*prefix, &*bytes_of(value)].concat();
    let all = || Span { start: prefix.clone(), end: following(prefix.clone()) };
    match &range.range {
        None => all(),
        Some(RangeCondition::Equal(one)) => Span { start: key(one), end: Some(next(key(one))) },
        Some(RangeCondition::Less(one)) => Span { end: Some(key(one)), ..all() },
        Some(RangeCondition::LessOrEqual(one)) => Span { end: Some(next(key(one))), ..all() },
        Some(RangeCondition::Greater(one)) => Span { start: next(key(one)), ..all() },
        Some(RangeCondition::GreaterOrEqual(one)) => Span { start: key(one), ..all() },
        Some(RangeCondition::Between(one, other)) => {
            Span { start: key(one), end: Some(next(key(other))) }
        }
        Some(RangeCondition::BeginsWith(one)) => Span { start: key(one), end: following(key(one)) },
    }
}

/// The first after a key.
fn next(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

/// The first after all that begin so.
fn following(mut prefix: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = prefix.pop() {
        if let Some(higher) = last.checked_add(1) {
            prefix.push(higher);
            return Some(prefix);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_prefix_is_above_all_that_begin_so() {
        assert_eq!(following(vec![1, 2]), Some(vec![1, 3]));
        assert_eq!(following(vec![1, 255, 255]), Some(vec![2]));
        assert_eq!(following(vec![255]), None);
        assert_eq!(following(Vec::new()), None);
    }
}
