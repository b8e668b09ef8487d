//! `ComparisonOperator` with its values, as a condition about one attribute.

use crate::expression::{Comparator, Operand, Path, Step, Test};
use crate::invalid::LegacyProblem;
use crate::value::{AttributeType, AttributeValue};
use std::cmp::Ordering;
use std::sync::Arc;

/// How an attribute is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "as requests call them")]
pub enum ComparisonOperator {
    Eq,
    Ne,
    In,
    Le,
    Lt,
    Ge,
    Gt,
    Between,
    NotNull,
    Null,
    Contains,
    NotContains,
    BeginsWith,
}

impl ComparisonOperator {
    /// As in requests: `EQ`, `NOT_NULL`.
    pub fn name(self) -> &'static str {
        match self {
            ComparisonOperator::Eq => "EQ",
            ComparisonOperator::Ne => "NE",
            ComparisonOperator::In => "IN",
            ComparisonOperator::Le => "LE",
            ComparisonOperator::Lt => "LT",
            ComparisonOperator::Ge => "GE",
            ComparisonOperator::Gt => "GT",
            ComparisonOperator::Between => "BETWEEN",
            ComparisonOperator::NotNull => "NOT_NULL",
            ComparisonOperator::Null => "NULL",
            ComparisonOperator::Contains => "CONTAINS",
            ComparisonOperator::NotContains => "NOT_CONTAINS",
            ComparisonOperator::BeginsWith => "BEGINS_WITH",
        }
    }

    /// Whether it can have so many values.
    pub(super) fn takes(self, count: usize) -> bool {
        match self {
            ComparisonOperator::NotNull | ComparisonOperator::Null => count == 0,
            ComparisonOperator::Between => count == 2,
            ComparisonOperator::In => count > 0,
            _ => count == 1,
        }
    }

    fn takes_type(self, found: AttributeType) -> bool {
        let is_scalar = matches!(found, AttributeType::S | AttributeType::N | AttributeType::B);
        match self {
            ComparisonOperator::Eq | ComparisonOperator::Ne => true,
            ComparisonOperator::BeginsWith => matches!(found, AttributeType::S | AttributeType::B),
            ComparisonOperator::Contains | ComparisonOperator::NotContains => {
                is_scalar || matches!(found, AttributeType::Bool | AttributeType::Null)
            }
            _ => is_scalar,
        }
    }

    /// Refuses values that it does not take, but for their count.
    pub(super) fn check(self, values: &[AttributeValue]) -> Result<(), LegacyProblem> {
        let types = || values.iter().map(AttributeValue::type_of);
        if types().zip(types().skip(1)).any(|(one, next)| one != next) {
            return Err(LegacyProblem::ArgumentTypesDiffer);
        }
        if let Some(found) = types().find(|found| !self.takes_type(*found)) {
            return Err(LegacyProblem::ArgumentType { comparison: self.name(), found });
        }
        match (self, values) {
            (ComparisonOperator::Between, [lower, upper])
                if lower.compare(upper) == Some(Ordering::Greater) =>
            {
                Err(LegacyProblem::BoundOrder)
            }
            _ => Ok(()),
        }
    }

    /// The condition as steps that leave one answer. `values` are as many as it takes.
    pub(super) fn steps(self, path: Path, values: Vec<AttributeValue>) -> Vec<Step> {
        let mut values = values.into_iter().map(|value| Operand::Value(Arc::new(value)));
        let mut value = || values.next().expect("the count has been checked");
        let operand = Operand::Path(path.clone());
        let compared = match self {
            ComparisonOperator::Eq => Comparator::Equal,
            ComparisonOperator::Ne => Comparator::NotEqual,
            ComparisonOperator::Le => Comparator::LessOrEqual,
            ComparisonOperator::Lt => Comparator::Less,
            ComparisonOperator::Ge => Comparator::GreaterOrEqual,
            ComparisonOperator::Gt => Comparator::Greater,
            ComparisonOperator::In => return vec![Step::Test(Test::In(operand, values.collect()))],
            ComparisonOperator::Between => {
                return vec![Step::Test(Test::Between(operand, value(), value()))];
            }
            ComparisonOperator::NotNull => return vec![Step::Test(Test::Exists(path))],
            ComparisonOperator::Null => return vec![Step::Test(Test::NotExists(path))],
            ComparisonOperator::Contains => {
                return vec![Step::Test(Test::Contains(operand, value()))];
            }
            // What is not there contains nothing, but is no answer to this question either.
            ComparisonOperator::NotContains => {
                return vec![
                    Step::Test(Test::Contains(operand, value())),
                    Step::Not,
                    Step::Test(Test::Exists(path)),
                    Step::And,
                ];
            }
            ComparisonOperator::BeginsWith => {
                return vec![Step::Test(Test::BeginsWith(operand, value()))];
            }
        };
        vec![Step::Test(Test::Compare(compared, operand, value()))]
    }
}
