//! Which items a Query looks at: one hash value, and a range of the others.

use super::condition::{Comparator, begins_with};
use crate::invalid::{Invalid, KeyConditionProblem};
use crate::value::{AttributeType, AttributeValue};
use std::sync::Arc;

/// Conditions about one or two attributes, which a schema makes a [`KeyRange`] of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCondition {
    pub(crate) parts: Vec<(Arc<str>, RangeCondition)>,
}

/// What a Query looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// The value of the hash attribute.
    pub hash: Arc<AttributeValue>,
    /// What holds for the range attribute, if anything must.
    pub range: Option<RangeCondition>,
}

/// What holds for an attribute of a key. Values are of the key's type once there is a [`KeyRange`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeCondition {
    /// `=`
    Equal(Arc<AttributeValue>),
    /// `<`
    Less(Arc<AttributeValue>),
    /// `<=`
    LessOrEqual(Arc<AttributeValue>),
    /// `>`
    Greater(Arc<AttributeValue>),
    /// `>=`
    GreaterOrEqual(Arc<AttributeValue>),
    /// Both bounds are in it.
    Between(Arc<AttributeValue>, Arc<AttributeValue>),
    /// Strings or binaries that begin so.
    BeginsWith(Arc<AttributeValue>),
}

impl RangeCondition {
    /// Whether a value of the range attribute is meant.
    pub fn holds(&self, value: &AttributeValue) -> bool {
        match self {
            RangeCondition::Equal(one) => Comparator::Equal.holds(value, one),
            RangeCondition::Less(one) => Comparator::Less.holds(value, one),
            RangeCondition::LessOrEqual(one) => Comparator::LessOrEqual.holds(value, one),
            RangeCondition::Greater(one) => Comparator::Greater.holds(value, one),
            RangeCondition::GreaterOrEqual(one) => Comparator::GreaterOrEqual.holds(value, one),
            RangeCondition::Between(lower, upper) => {
                Comparator::GreaterOrEqual.holds(value, lower)
                    && Comparator::LessOrEqual.holds(value, upper)
            }
            RangeCondition::BeginsWith(prefix) => begins_with(value, prefix),
        }
    }

    fn values(&self) -> impl Iterator<Item = &AttributeValue> {
        let (one, other) = match self {
            RangeCondition::Equal(one)
            | RangeCondition::Less(one)
            | RangeCondition::LessOrEqual(one)
            | RangeCondition::Greater(one)
            | RangeCondition::GreaterOrEqual(one)
            | RangeCondition::BeginsWith(one) => (one, None),
            RangeCondition::Between(one, other) => (one, Some(other)),
        };
        std::iter::once(one).chain(other).map(|value| &**value)
    }
}

/// An attribute of a key, with its type: S, N or B.
pub type KeyAttribute<'a> = (&'a str, AttributeType);

impl KeyCondition {
    /// What it asks of a table or index with this key.
    pub fn resolve(
        self,
        hash: KeyAttribute<'_>,
        range: Option<KeyAttribute<'_>>,
    ) -> Result<KeyRange, Invalid> {
        let mut parts = self.parts;
        let mut take = |name: &str| {
            let at = parts.iter().position(|(attribute, _)| &**attribute == name)?;
            Some(parts.remove(at).1)
        };
        let Some(hash_condition) = take(hash.0) else {
            return Err(KeyConditionProblem::Missing(hash.0.to_owned()).into());
        };
        let range_condition = range.and_then(|(name, kind)| Some((take(name)?, kind)));
        if !parts.is_empty() {
            return Err(match range {
                Some((name, _)) if range_condition.is_none() => {
                    KeyConditionProblem::Missing(name.to_owned())
                }
                _ => KeyConditionProblem::Unsupported,
            }
            .into());
        }
        check_types(&hash_condition, hash.1)?;
        if let Some((condition, kind)) = &range_condition {
            check_types(condition, *kind)?;
        }
        let RangeCondition::Equal(hash) = hash_condition else {
            return Err(KeyConditionProblem::Unsupported.into());
        };
        Ok(KeyRange { hash, range: range_condition.map(|(condition, _)| condition) })
    }
}

fn check_types(condition: &RangeCondition, kind: AttributeType) -> Result<(), KeyConditionProblem> {
    if condition.values().all(|value| value.type_of() == kind) {
        Ok(())
    } else {
        Err(KeyConditionProblem::WrongType)
    }
}
