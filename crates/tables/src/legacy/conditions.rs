//! `Expected`, `QueryFilter`, `ScanFilter` and `KeyConditions`.

use super::comparison::ComparisonOperator;
use crate::expression::{Condition, KeyCondition, Path, RangeCondition, Step};
use crate::invalid::{Invalid, KeyConditionProblem, LegacyProblem};
use crate::value::AttributeValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How the conditions of a request are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConditionalOperator {
    /// All must hold.
    #[default]
    And,
    /// One must hold.
    Or,
}

/// What `Expected` says of an attribute.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Expected {
    /// The value that it must have.
    pub value: Option<AttributeValue>,
    /// Whether it must be there; `true` if it is not said.
    pub exists: Option<bool>,
    /// How it is compared.
    pub comparison: Option<ComparisonOperator>,
    /// With what it is compared.
    pub values: Option<Vec<AttributeValue>>,
}

/// What a filter or `KeyConditions` say of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// How it is compared.
    pub operator: ComparisonOperator,
    /// With what.
    pub values: Vec<AttributeValue>,
}

/// The condition that `Expected` is, if it asks for anything.
pub fn expected(
    expected: Option<BTreeMap<String, Expected>>,
    operator: Option<ConditionalOperator>,
) -> Result<Option<Condition>, Invalid> {
    let mut parts = Vec::new();
    for (attribute, expected) in expected.unwrap_or_default() {
        parts.push(expected.steps(attribute)?);
    }
    combine(parts, operator)
}

/// The condition that `QueryFilter` or `ScanFilter` is, if it asks for anything.
pub fn filter(
    filter: Option<BTreeMap<String, Comparison>>,
    operator: Option<ConditionalOperator>,
) -> Result<Option<Condition>, Invalid> {
    let mut parts = Vec::new();
    for (attribute, comparison) in filter.unwrap_or_default() {
        let Comparison { operator, values } = comparison;
        parts.push(compare(attribute, operator, values)?);
    }
    combine(parts, operator)
}

/// The key condition that `KeyConditions` is.
pub fn key_conditions(conditions: BTreeMap<String, Comparison>) -> Result<KeyCondition, Invalid> {
    for condition in conditions.values() {
        if !condition.operator.takes(condition.values.len()) {
            return Err(LegacyProblem::ArgumentCount(condition.operator.name()).into());
        }
        condition.operator.check(&condition.values)?;
    }
    if conditions.is_empty() || conditions.len() > 2 {
        return Err(KeyConditionProblem::Count.into());
    }
    let parts = conditions.into_iter().map(|(attribute, condition)| {
        Ok((Arc::from(attribute), condition.into_range_condition()?))
    });
    Ok(KeyCondition { parts: parts.collect::<Result<_, KeyConditionProblem>>()? })
}

impl Expected {
    fn steps(self, attribute: String) -> Result<Vec<Step>, LegacyProblem> {
        let Expected { value, exists, comparison, values } = self;
        if let Some(comparison) = comparison {
            if exists.is_some() {
                return Err(LegacyProblem::ExistsAndComparison(attribute));
            }
            if value.is_some() && values.is_some() {
                return Err(LegacyProblem::ValueAndList(attribute));
            }
            let values = values.unwrap_or_else(|| value.into_iter().collect());
            return compare(attribute, comparison, values);
        }
        if values.is_some() {
            return Err(LegacyProblem::ListWithoutComparison(attribute));
        }
        match (exists, value) {
            (Some(false), Some(_)) => Err(LegacyProblem::ValueOfAbsent(attribute)),
            (Some(false), None) => compare(attribute, ComparisonOperator::Null, Vec::new()),
            (_, Some(value)) => compare(attribute, ComparisonOperator::Eq, vec![value]),
            (is_said, None) => {
                Err(LegacyProblem::ValueMissing { attribute, is_said: is_said.is_some() })
            }
        }
    }
}

impl Comparison {
    fn into_range_condition(self) -> Result<RangeCondition, KeyConditionProblem> {
        let mut values = self.values.into_iter().map(Arc::new);
        let mut value = || values.next().expect("the count has been checked");
        match self.operator {
            ComparisonOperator::Eq => Ok(RangeCondition::Equal(value())),
            ComparisonOperator::Le => Ok(RangeCondition::LessOrEqual(value())),
            ComparisonOperator::Lt => Ok(RangeCondition::Less(value())),
            ComparisonOperator::Ge => Ok(RangeCondition::GreaterOrEqual(value())),
            ComparisonOperator::Gt => Ok(RangeCondition::Greater(value())),
            ComparisonOperator::Between => Ok(RangeCondition::Between(value(), value())),
            ComparisonOperator::BeginsWith => Ok(RangeCondition::BeginsWith(value())),
            ComparisonOperator::Ne
            | ComparisonOperator::In
            | ComparisonOperator::NotNull
            | ComparisonOperator::Null
            | ComparisonOperator::Contains
            | ComparisonOperator::NotContains => Err(KeyConditionProblem::NotIndexable),
        }
    }
}

fn compare(
    attribute: String,
    operator: ComparisonOperator,
    values: Vec<AttributeValue>,
) -> Result<Vec<Step>, LegacyProblem> {
    if !operator.takes(values.len()) {
        return Err(LegacyProblem::ArgumentCount(operator.name()));
    }
    operator.check(&values)?;
    Ok(operator.steps(Path::attribute(attribute), values))
}

fn combine(
    parts: Vec<Vec<Step>>,
    operator: Option<ConditionalOperator>,
) -> Result<Option<Condition>, Invalid> {
    match (parts.len(), operator) {
        (0, Some(_)) => return Err(LegacyProblem::OperatorWithoutConditions.into()),
        (0, None) => return Ok(None),
        (1, Some(_)) => return Err(LegacyProblem::OperatorWithOneCondition.into()),
        _ => {}
    }
    let step = match operator.unwrap_or_default() {
        ConditionalOperator::And => Step::And,
        ConditionalOperator::Or => Step::Or,
    };
    let mut steps: Vec<Step> = Vec::new();
    for (at, part) in parts.into_iter().enumerate() {
        steps.extend(part);
        if at > 0 {
            steps.push(step.clone());
        }
    }
    Ok(Some(Condition::new(steps)))
}
