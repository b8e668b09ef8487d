//! What a condition asks of keys.

use super::condition::condition;
use crate::expression::condition::{Comparator, Operand, Step, Test};
use crate::expression::key_condition::{KeyCondition, RangeCondition};
use crate::expression::kind::ExpressionKind;
use crate::expression::path::Path;
use crate::expression::placeholders::Placeholders;
use crate::invalid::{Invalid, KeyConditionProblem};
use crate::value::AttributeValue;
use std::sync::Arc;

/// Reads a KeyConditionExpression.
pub(in crate::expression) fn key_condition(
    text: &str,
    placeholders: &mut Placeholders,
) -> Result<KeyCondition, Invalid> {
    let expression = ExpressionKind::KeyCondition;
    let steps = condition(expression, text, placeholders)
        .map_err(|problem| Invalid::Expression { expression, problem })?;
    let mut parts: Vec<(Arc<str>, RangeCondition)> = Vec::new();
    for step in from_the_root(&steps) {
        let test = match step {
            Step::And => continue,
            Step::Or => return Err(KeyConditionProblem::Operator("OR").into()),
            Step::Not => return Err(KeyConditionProblem::Operator("NOT").into()),
            Step::Test(test) => test,
        };
        let (name, condition) = part(test)?;
        if parts.iter().any(|(other, _)| *other == name) {
            return Err(KeyConditionProblem::Repeated.into());
        }
        parts.push((name, condition));
    }
    Ok(KeyCondition { parts })
}

/// The steps with an operator before what it combines, as the text would be read from the outside.
fn from_the_root(steps: &[Step]) -> Vec<&Step> {
    let mut trees: Vec<Vec<&Step>> = Vec::new();
    for step in steps {
        let mut tree = vec![step];
        let operands = match step {
            Step::Test(_) => 0,
            Step::Not => 1,
            Step::And | Step::Or => 2,
        };
        let first = trees.len().saturating_sub(operands);
        tree.extend(trees.drain(first..).flatten());
        trees.push(tree);
    }
    trees.pop().unwrap_or_default()
}

fn part(test: &Test) -> Result<(Arc<str>, RangeCondition), KeyConditionProblem> {
    match test {
        Test::Compare(Comparator::NotEqual, ..) => Err(KeyConditionProblem::Operator("<>")),
        Test::Compare(comparator, left, right) => {
            let name = only_attribute(&[left, right])?;
            match (left, right) {
                (Operand::Path(_), Operand::Value(value)) => {
                    Ok((name, compared(*comparator, value)))
                }
                (Operand::Value(value), Operand::Path(_)) => {
                    Ok((name, compared(turned(*comparator), value)))
                }
                _ => Err(KeyConditionProblem::NoAttribute),
            }
        }
        Test::Between(operand, lower, upper) => {
            let name = first_attribute("BETWEEN", &[operand, lower, upper])?;
            let (Operand::Value(lower), Operand::Value(upper)) = (lower, upper) else {
                return Err(KeyConditionProblem::NestedOperation);
            };
            Ok((name, RangeCondition::Between(Arc::clone(lower), Arc::clone(upper))))
        }
        Test::BeginsWith(operand, prefix) => {
            let name = first_attribute("begins_with", &[operand, prefix])?;
            let Operand::Value(prefix) = prefix else {
                return Err(KeyConditionProblem::NestedOperation);
            };
            Ok((name, RangeCondition::BeginsWith(Arc::clone(prefix))))
        }
        Test::In(..) => Err(KeyConditionProblem::Operator("IN")),
        Test::Exists(_) => Err(KeyConditionProblem::Operator("attribute_exists")),
        Test::NotExists(_) => Err(KeyConditionProblem::Operator("attribute_not_exists")),
        Test::HasType(..) => Err(KeyConditionProblem::Operator("attribute_type")),
        Test::Contains(..) => Err(KeyConditionProblem::Operator("contains")),
    }
}

/// The one attribute that operands name.
fn only_attribute(operands: &[&Operand]) -> Result<Arc<str>, KeyConditionProblem> {
    let mut found: Option<&Path> = None;
    for operand in operands {
        match operand {
            Operand::Path(_) if found.is_some() => return Err(KeyConditionProblem::TwoAttributes),
            Operand::Path(path) if path.is_nested() => return Err(KeyConditionProblem::Nested),
            Operand::Path(path) => found = Some(path),
            Operand::Size(_) => return Err(KeyConditionProblem::NestedOperation),
            Operand::Value(_) => {}
        }
    }
    let found = found.ok_or(KeyConditionProblem::NoAttribute)?;
    Ok(Arc::clone(found.shared_head()))
}

fn first_attribute(
    operator: &'static str,
    operands: &[&Operand],
) -> Result<Arc<str>, KeyConditionProblem> {
    match operands.first() {
        Some(Operand::Path(_)) => only_attribute(operands),
        Some(Operand::Size(_)) => Err(KeyConditionProblem::NestedOperation),
        Some(Operand::Value(_)) | None => Err(KeyConditionProblem::FirstOperand(operator)),
    }
}

fn compared(comparator: Comparator, value: &Arc<AttributeValue>) -> RangeCondition {
    let value = Arc::clone(value);
    match comparator {
        Comparator::Equal => RangeCondition::Equal(value),
        Comparator::Less => RangeCondition::Less(value),
        Comparator::LessOrEqual => RangeCondition::LessOrEqual(value),
        Comparator::Greater => RangeCondition::Greater(value),
        Comparator::GreaterOrEqual => RangeCondition::GreaterOrEqual(value),
        Comparator::NotEqual => unreachable!("no key is looked up by it"),
    }
}

/// The comparator for operands the other way round.
fn turned(comparator: Comparator) -> Comparator {
    match comparator {
        Comparator::Less => Comparator::Greater,
        Comparator::LessOrEqual => Comparator::GreaterOrEqual,
        Comparator::Greater => Comparator::Less,
        Comparator::GreaterOrEqual => Comparator::LessOrEqual,
        Comparator::Equal | Comparator::NotEqual => comparator,
    }
}
