//! Conditions about an item: of a write, and of a filter.
//!
//! A condition is kept as steps in postfix order: a test leaves an answer, `And` and `Or` make one of two,
//! `Not` turns one round. So nothing recurses, however deep an expression is.

use super::path::Path;
use crate::invalid::Invalid;
use crate::value::{AttributeType, AttributeValue, Item};
use std::cmp::Ordering;
use std::sync::Arc;

/// What must hold for an item. One that does not exist is an item without attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    steps: Vec<Step>,
}

/// Invariant: when a step runs, as many answers are there as it needs, and one is left at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Test(Test),
    And,
    Or,
    Not,
}

/// One question about an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    Compare(Comparator, Operand, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    NotExists(Path),
    HasType(Operand, AttributeType),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operand {
    Path(Path),
    Value(Arc<AttributeValue>),
    Size(SizeOf),
}

/// What `size` looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SizeOf {
    Path(Path),
    Value(Arc<AttributeValue>),
}

impl Condition {
    pub(crate) fn new(steps: Vec<Step>) -> Condition {
        let answers = steps.iter().try_fold(0_usize, |answers, step| match step {
            Step::Test(_) => Some(answers + 1),
            Step::And | Step::Or => (answers >= 2).then(|| answers - 1),
            Step::Not => (answers >= 1).then_some(answers),
        });
        assert_eq!(answers, Some(1), "the steps of a condition leave one answer");
        Condition { steps }
    }

    /// Whether it holds for `item`. What an item does not have fulfils no question but that whether it is
    /// not there, and is not equal to anything. Values of types that cannot be compared are no error: all
    /// that could be wrong has been refused when the condition was read.
    pub fn holds(&self, item: &Item) -> Result<bool, Invalid> {
        let mut answers: Vec<bool> = Vec::new();
        for step in &self.steps {
            let answer = match step {
                Step::Test(test) => test.holds(item),
                Step::And => pop(&mut answers) & pop(&mut answers),
                Step::Or => pop(&mut answers) | pop(&mut answers),
                Step::Not => !pop(&mut answers),
            };
            answers.push(answer);
        }
        Ok(pop(&mut answers))
    }

    /// All places that it looks at.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let tests = self.steps.iter().filter_map(|step| match step {
            Step::Test(test) => Some(test),
            _ => None,
        });
        tests.flat_map(Test::paths)
    }
}

fn pop(answers: &mut Vec<bool>) -> bool {
    answers.pop().expect("checked when the condition was made")
}

impl Test {
    fn holds(&self, item: &Item) -> bool {
        match self {
            Test::Compare(comparator, left, right) => {
                let (left, right) = (left.find(item), right.find(item));
                match (left, right) {
                    (Some(left), Some(right)) => comparator.holds(left.value(), right.value()),
                    _ => *comparator == Comparator::NotEqual,
                }
            }
            Test::Between(operand, lower, upper) => {
                let found = (operand.find(item), lower.find(item), upper.find(item));
                let (Some(operand), Some(lower), Some(upper)) = found else {
                    return false;
                };
                Comparator::GreaterOrEqual.holds(operand.value(), lower.value())
                    && Comparator::LessOrEqual.holds(operand.value(), upper.value())
            }
            Test::In(operand, list) => operand.find(item).is_some_and(|operand| {
                let mut found = list.iter().filter_map(|one| one.find(item));
                found.any(|one| one.value() == operand.value())
            }),
            Test::Exists(path) => path.find(item).is_some(),
            Test::NotExists(path) => path.find(item).is_none(),
            Test::HasType(operand, kind) => {
                operand.find(item).is_some_and(|found| found.value().type_of() == *kind)
            }
            Test::BeginsWith(operand, prefix) => match (operand.find(item), prefix.find(item)) {
                (Some(operand), Some(prefix)) => begins_with(operand.value(), prefix.value()),
                _ => false,
            },
            Test::Contains(operand, part) => match (operand.find(item), part.find(item)) {
                (Some(operand), Some(part)) => contains(operand.value(), part.value()),
                _ => false,
            },
        }
    }

    fn operands(&self) -> Vec<&Operand> {
        match self {
            Test::Compare(_, one, two) => vec![one, two],
            Test::Between(one, two, three) => vec![one, two, three],
            Test::In(one, list) => std::iter::once(one).chain(list).collect(),
            Test::Exists(_) | Test::NotExists(_) => Vec::new(),
            Test::HasType(one, _) => vec![one],
            Test::BeginsWith(one, two) | Test::Contains(one, two) => vec![one, two],
        }
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        let own = match self {
            Test::Exists(path) | Test::NotExists(path) => Some(path),
            _ => None,
        };
        own.into_iter().chain(self.operands().into_iter().filter_map(Operand::path))
    }
}

impl Comparator {
    pub(crate) fn holds(self, left: &AttributeValue, right: &AttributeValue) -> bool {
        match self {
            Comparator::Equal => left == right,
            Comparator::NotEqual => left != right,
            Comparator::Less => left.compare(right) == Some(Ordering::Less),
            Comparator::LessOrEqual => left.compare(right).is_some_and(Ordering::is_le),
            Comparator::Greater => left.compare(right) == Some(Ordering::Greater),
            Comparator::GreaterOrEqual => left.compare(right).is_some_and(Ordering::is_ge),
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Comparator::Equal => "=",
            Comparator::NotEqual => "<>",
            Comparator::Less => "<",
            Comparator::LessOrEqual => "<=",
            Comparator::Greater => ">",
            Comparator::GreaterOrEqual => ">=",
        }
    }
}

/// The value of an operand: one of the item or of the expression, or one that was computed.
enum Found<'a> {
    There(&'a AttributeValue),
    Computed(AttributeValue),
}

impl Found<'_> {
    fn value(&self) -> &AttributeValue {
        match self {
            Found::There(value) => value,
            Found::Computed(value) => value,
        }
    }
}

impl Operand {
    fn find<'a>(&'a self, item: &'a Item) -> Option<Found<'a>> {
        match self {
            Operand::Path(path) => path.find(item).map(Found::There),
            Operand::Value(value) => Some(Found::There(value)),
            Operand::Size(of) => {
                let value = match of {
                    SizeOf::Path(path) => path.find(item)?,
                    SizeOf::Value(value) => value,
                };
                size(value).map(|size| Found::Computed(AttributeValue::N(size.into())))
            }
        }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Operand::Path(path) | Operand::Size(SizeOf::Path(path)) => Some(path),
            Operand::Value(_) | Operand::Size(SizeOf::Value(_)) => None,
        }
    }
}

/// What `size` answers: bytes of strings and binaries, members of the others.
fn size(value: &AttributeValue) -> Option<u64> {
    let size = match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::Ss(members) => members.len(),
        AttributeValue::Ns(members) => members.len(),
        AttributeValue::Bs(members) => members.len(),
        AttributeValue::M(members) => members.len(),
        AttributeValue::L(members) => members.len(),
        AttributeValue::N(_) | AttributeValue::Bool(_) | AttributeValue::Null => return None,
    };
    u64::try_from(size).ok()
}

pub(crate) fn begins_with(value: &AttributeValue, prefix: &AttributeValue) -> bool {
    match (value, prefix) {
        (AttributeValue::S(text), AttributeValue::S(prefix)) => text.starts_with(prefix.as_str()),
        (AttributeValue::B(bytes), AttributeValue::B(prefix)) => bytes.starts_with(prefix),
        _ => false,
    }
}

fn contains(value: &AttributeValue, part: &AttributeValue) -> bool {
    match (value, part) {
        (AttributeValue::S(text), AttributeValue::S(part)) => text.contains(part.as_str()),
        (AttributeValue::B(bytes), AttributeValue::B(part)) => {
            memchr::memmem::find(bytes, part).is_some()
        }
        (AttributeValue::Ss(members), AttributeValue::S(member)) => members.contains(member),
        (AttributeValue::Ns(members), AttributeValue::N(member)) => members.contains(member),
        (AttributeValue::Bs(members), AttributeValue::B(member)) => members.contains(member),
        (AttributeValue::L(members), member) => members.contains(member),
        _ => false,
    }
}
