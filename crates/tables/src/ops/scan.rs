//! Scan: all items of a table or an index, or of a segment of it.
//!
//! Items stand in the order of the tokens of their hash keys, and a segment is a range of tokens. So each
//! item that is there all the time is met once, whatever is written in between.

use super::capacity::ReturnConsumedCapacity;
use super::get_item::projection_of;
use super::page::{Page, Reading, Select, Span, check_select, parse_limit};
use super::write::check_mixed;
use crate::error::{Constraint, Error, Validation};
use crate::expression::{Condition, ExpressionKind, Placeholders};
use crate::key::segment_start;
use crate::legacy::{self, Comparison, ConditionalOperator};
use crate::schema::IndexName;
use crate::scope::Scope;
use crate::tables::Tables;
use crate::value::{AttributeValue, Item};
use std::collections::BTreeMap;

const SEGMENTS_MAX: i64 = 1_000_000;

/// What Scan is asked.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ScanInput {
    pub table_name: String,
    pub index_name: Option<String>,
    pub filter_expression: Option<String>,
    pub projection_expression: Option<String>,
    pub expression_attribute_names: Option<BTreeMap<String, String>>,
    pub expression_attribute_values: Option<BTreeMap<String, AttributeValue>>,
    /// As before there were expressions.
    pub scan_filter: Option<BTreeMap<String, Comparison>>,
    pub conditional_operator: Option<ConditionalOperator>,
    /// As before there were expressions.
    pub attributes_to_get: Option<Vec<String>>,
    pub select: Option<Select>,
    pub limit: Option<i64>,
    pub consistent_read: bool,
    /// Which of `total_segments`, from 0.
    pub segment: Option<i64>,
    pub total_segments: Option<i64>,
    pub exclusive_start_key: Option<Item>,
    pub return_consumed_capacity: ReturnConsumedCapacity,
}

/// A Scan, parsed.
#[derive(Clone, Debug)]
pub struct Scan {
    reading: Reading,
    segment: u32,
    total: u32,
}

impl Scan {
    /// # Errors
    /// Members that are wrong, or do not go together.
    pub fn parse(input: ScanInput) -> Result<Self, Error> {
        check_mixed(
            [
                ("AttributesToGet", input.attributes_to_get.is_some()),
                ("ScanFilter", input.scan_filter.is_some()),
                ("ConditionalOperator", input.conditional_operator.is_some()),
            ],
            [
                ("ProjectionExpression", input.projection_expression.is_some()),
                ("FilterExpression", input.filter_expression.is_some()),
            ],
        )?;
        let limit = parse_limit(input.limit)?;
        let (segment, total) = parse_segment(input.segment, input.total_segments)?;
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
            None => legacy::filter(input.scan_filter, input.conditional_operator)?,
        };
        let names = input.attributes_to_get;
        let expression = input.projection_expression.as_deref();
        let projection = projection_of(expression, names, &mut placeholders)?;
        placeholders.finish(&[ExpressionKind::Filter])?;
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
        Ok(Self { reading, segment, total })
    }

    /// # Errors
    /// There is no such table or index, or it cannot be asked so.
    pub fn read(&self, tables: &Tables, scope: &Scope, now_ms: u64) -> Result<Page, Error> {
        let source = self.reading.source(tables, scope, now_ms)?;
        let (segment, total) = (self.segment, self.total);
        let span = Span {
            start: segment_start(segment, total).expect("a segment is below their number"),
            end: segment_start(segment + 1, total),
        };
        let start = self.reading.start(source)?;
        if start.as_ref().is_some_and(|start| !span.has(start.sorted())) {
            return Err(Validation::StartKeyOfOtherSegment { segment, total }.into());
        }
        self.reading.page(source, source.walk(span, start, true))
    }
}

fn parse_segment(segment: Option<i64>, total: Option<i64>) -> Result<(u32, u32), Validation> {
    if let Some(segment) = segment {
        Constraint::check_range(segment, "segment", 0, SEGMENTS_MAX - 1)?;
    }
    if let Some(total) = total {
        Constraint::check_range(total, "totalSegments", 1, SEGMENTS_MAX)?;
    }
    let number = |number: i64| u32::try_from(number).expect("it is at most a million");
    match (segment.map(number), total.map(number)) {
        (None, None) => Ok((0, 1)),
        (Some(_), None) => Err(Validation::TotalSegmentsMissing),
        (None, Some(_)) => Err(Validation::SegmentMissing),
        (Some(segment), Some(total)) if segment >= total => {
            Err(Validation::SegmentTooHigh { segment, total })
        }
        (Some(segment), Some(total)) => Ok((segment, total)),
    }
}
