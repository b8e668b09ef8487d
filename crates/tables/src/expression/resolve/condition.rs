//! ConditionExpression and FilterExpression; KeyConditionExpression so far as it is one.

use super::functions::wrong_in_condition;
use super::names;
use crate::expression::condition::{Comparator, Operand, SizeOf, Step, Test};
use crate::expression::kind::ExpressionKind;
use crate::expression::path::Path;
use crate::expression::placeholders::Placeholders;
use crate::expression::syntax::{self, RawFunction, RawOperand, RawStep, RawTest};
use crate::invalid::Problem;
use crate::value::{AttributeType, AttributeValue};
use std::cmp::Ordering;
use std::sync::Arc;

/// How many values IN may have.
const IN_OPERANDS_MAX: usize = 100;

/// The steps of a condition.
pub(in crate::expression) fn condition(
    kind: ExpressionKind,
    text: &str,
    placeholders: &mut Placeholders,
) -> Result<Vec<Step>, Problem> {
    let parsed = syntax::condition(text)?;
    // Keys are asked for in `((a = :a))` without complaint.
    if parsed.has_redundant_parentheses && kind != ExpressionKind::KeyCondition {
        return Err(Problem::RedundantParentheses);
    }
    let tests = || {
        parsed.tree.iter().filter_map(|step| match step {
            RawStep::Test(test) => Some(test),
            RawStep::And | RawStep::Or | RawStep::Not => None,
        })
    };
    tests().try_for_each(check_functions_are_known)?;
    tests().try_for_each(check_functions_are_well_used)?;
    for operand in tests().flat_map(RawTest::operands) {
        let mut result = Ok(());
        operand.each_path(&mut |path| {
            if result.is_ok() {
                result = names::check_reserved(path);
            }
        });
        result?;
    }
    let steps = parsed.tree.iter().map(|step| {
        Ok(match step {
            RawStep::Test(test) => Step::Test(resolve(test, placeholders)?),
            RawStep::And => Step::And,
            RawStep::Or => Step::Or,
            RawStep::Not => Step::Not,
        })
    });
    steps.collect()
}

/// The functions of conditions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Function {
    AttributeExists,
    AttributeNotExists,
    AttributeType,
    BeginsWith,
    Contains,
    Size,
}

impl Function {
    fn named(name: &str) -> Option<Function> {
        Some(match name {
            "attribute_exists" => Function::AttributeExists,
            "attribute_not_exists" => Function::AttributeNotExists,
            "attribute_type" => Function::AttributeType,
            "begins_with" => Function::BeginsWith,
            "contains" => Function::Contains,
            "size" => Function::Size,
            _ => return None,
        })
    }

    fn operands(self) -> usize {
        match self {
            Function::AttributeExists | Function::AttributeNotExists | Function::Size => 1,
            Function::AttributeType | Function::BeginsWith | Function::Contains => 2,
        }
    }
}

fn check_functions_are_known(test: &RawTest<'_>) -> Result<(), Problem> {
    let mut wrong = None;
    let mut check = |function: &RawFunction<'_>| {
        wrong = wrong.take().or_else(|| wrong_in_condition(function.name));
    };
    test.operands().iter().for_each(|operand| operand.each_function(&mut check));
    if let RawTest::Function(function) = test {
        check(function);
    }
    wrong.map_or(Ok(()), Err)
}

/// Only `size` says a value, and only the others say whether something holds.
fn check_functions_are_well_used(test: &RawTest<'_>) -> Result<(), Problem> {
    let mut misused = None;
    for operand in test.operands() {
        operand.each_function(&mut |function| {
            if function.name != "size" && misused.is_none() {
                misused = Some(function.name);
            }
        });
    }
    if let RawTest::Function(function) = test
        && function.name == "size"
    {
        misused = misused.or(Some(function.name));
    }
    misused.map_or(Ok(()), |name| Err(Problem::MisusedFunction(name.to_owned())))
}

/// An operand with what its placeholders stand for.
enum Resolved {
    Path(Path),
    Value(Arc<AttributeValue>),
    /// `size` of these.
    Size(Vec<Resolved>),
}

impl Resolved {
    /// Placeholders that are not defined are found before anything else of a test.
    fn of(raw: &RawOperand<'_>, placeholders: &mut Placeholders) -> Result<Resolved, Problem> {
        Ok(match raw {
            RawOperand::Path(path) => Resolved::Path(names::path(path, placeholders)?),
            RawOperand::Value(value) => Resolved::Value(placeholders.value(value)?),
            RawOperand::Function(function) => {
                let arguments = function.arguments.iter();
                let arguments = arguments.map(|argument| Resolved::of(argument, placeholders));
                Resolved::Size(arguments.collect::<Result<_, Problem>>()?)
            }
        })
    }

    /// The type, if it is known without an item.
    fn type_of(&self) -> Option<AttributeType> {
        match self {
            Resolved::Path(_) => None,
            Resolved::Value(value) => Some(value.type_of()),
            Resolved::Size(_) => Some(AttributeType::N),
        }
    }

    fn operand(self) -> Result<Operand, Problem> {
        Ok(match self {
            Resolved::Path(path) => Operand::Path(path),
            Resolved::Value(value) => Operand::Value(value),
            Resolved::Size(arguments) => {
                let [argument] = counted("size", arguments)?;
                let found = argument.type_of();
                if let Some(AttributeType::N | AttributeType::Bool | AttributeType::Null) = found {
                    return Err(wrong_type("size", found));
                }
                Operand::Size(match argument {
                    Resolved::Path(path) => SizeOf::Path(path),
                    Resolved::Value(value) => SizeOf::Value(value),
                    Resolved::Size(_) => unreachable!("its type is N"),
                })
            }
        })
    }
}

fn counted<const COUNT: usize>(
    function: &str,
    arguments: Vec<Resolved>,
) -> Result<[Resolved; COUNT], Problem> {
    let count = arguments.len();
    arguments.try_into().map_err(|_| Problem::OperandCount { function: function.to_owned(), count })
}

fn wrong_type(operator: &str, found: Option<AttributeType>) -> Problem {
    let found = found.map_or("{NS,SS,L,BS,N,M,B,BOOL,NULL,S}", AttributeType::name);
    Problem::OperandType { operator: operator.to_owned(), found: found.to_owned() }
}

fn resolve(test: &RawTest<'_>, placeholders: &mut Placeholders) -> Result<Test, Problem> {
    let mut operand = |raw: &RawOperand<'_>| Resolved::of(raw, placeholders);
    match test {
        RawTest::Compare(comparator, left, right) => {
            let (left, right) = (operand(left)?, operand(right)?);
            check_distinct(comparator.text(), &left, &right)?;
            if !matches!(comparator, Comparator::Equal | Comparator::NotEqual) {
                check_ordered(comparator.text(), &[&left, &right])?;
            }
            Ok(Test::Compare(*comparator, left.operand()?, right.operand()?))
        }
        RawTest::Between(value, lower, upper) => {
            let (value, lower, upper) = (operand(value)?, operand(lower)?, operand(upper)?);
            check_ordered("BETWEEN", &[&value, &lower, &upper])?;
            check_bounds(&lower, &upper)?;
            Ok(Test::Between(value.operand()?, lower.operand()?, upper.operand()?))
        }
        RawTest::In(value, list) => {
            if list.len() > IN_OPERANDS_MAX {
                return Err(Problem::TooManyInOperands { count: list.len() });
            }
            let value = operand(value)?;
            let list = list.iter().map(operand).collect::<Result<Vec<_>, Problem>>()?;
            let list = list.into_iter().map(Resolved::operand).collect::<Result<_, Problem>>()?;
            Ok(Test::In(value.operand()?, list))
        }
        RawTest::Function(RawFunction { name, arguments }) => {
            let arguments = arguments.iter().map(operand).collect::<Result<Vec<_>, Problem>>()?;
            let function = Function::named(name).expect("unknown functions have been refused");
            call(function, name, arguments)
        }
    }
}

fn call(function: Function, name: &str, arguments: Vec<Resolved>) -> Result<Test, Problem> {
    if arguments.len() != function.operands() {
        return Err(Problem::OperandCount { function: name.to_owned(), count: arguments.len() });
    }
    let mut arguments = arguments.into_iter();
    let mut next = || arguments.next().expect("they have been counted");
    let first = next();
    let path = |operand: Resolved| match operand {
        Resolved::Path(path) => Ok(path),
        _ => Err(Problem::PathNeeded(name.to_owned())),
    };
    match function {
        Function::AttributeExists => Ok(Test::Exists(path(first)?)),
        Function::AttributeNotExists => Ok(Test::NotExists(path(first)?)),
        Function::AttributeType => {
            let kind = next();
            check_distinct(name, &first, &kind)?;
            Ok(Test::HasType(first.operand()?, attribute_type(name, &kind)?))
        }
        Function::BeginsWith => {
            let prefix = next();
            check_distinct(name, &first, &prefix)?;
            for operand in [&first, &prefix] {
                match operand.type_of() {
                    None | Some(AttributeType::S | AttributeType::B) => {}
                    found => return Err(wrong_type(name, found)),
                }
            }
            Ok(Test::BeginsWith(first.operand()?, prefix.operand()?))
        }
        Function::Contains => {
            let part = next();
            check_distinct(name, &first, &part)?;
            Ok(Test::Contains(first.operand()?, part.operand()?))
        }
        Function::Size => unreachable!("it has been refused as a condition"),
    }
}

fn attribute_type(name: &str, operand: &Resolved) -> Result<AttributeType, Problem> {
    match operand {
        Resolved::Value(value) => match &**value {
            AttributeValue::S(kind) => {
                AttributeType::from_name(kind).ok_or_else(|| Problem::UnknownType(kind.clone()))
            }
            other => Err(wrong_type(name, Some(other.type_of()))),
        },
        other => Err(wrong_type(name, other.type_of())),
    }
}

fn check_distinct(operator: &str, one: &Resolved, other: &Resolved) -> Result<(), Problem> {
    match (one, other) {
        (Resolved::Path(one), Resolved::Path(other)) if one == other => {
            Err(Problem::SameOperands { operator: operator.to_owned(), operand: one.clone() })
        }
        _ => Ok(()),
    }
}

/// Only strings, numbers and binaries are before or after each other.
fn check_ordered(operator: &str, operands: &[&Resolved]) -> Result<(), Problem> {
    for operand in operands {
        match operand.type_of() {
            None | Some(AttributeType::S | AttributeType::N | AttributeType::B) => {}
            found => return Err(wrong_type(operator, found)),
        }
    }
    Ok(())
}

fn check_bounds(lower: &Resolved, upper: &Resolved) -> Result<(), Problem> {
    let (Resolved::Value(lower), Resolved::Value(upper)) = (lower, upper) else {
        return Ok(());
    };
    let text = |value: &AttributeValue| match value {
        AttributeValue::S(text) => format!("{{S:{text}}}"),
        AttributeValue::N(number) => format!("{{N:{number}}}"),
        AttributeValue::B(bytes) => {
            format!("{{B:{}}}", base64_simd::STANDARD.encode_to_string(bytes))
        }
        other => format!("{{{}}}", other.type_of()),
    };
    match lower.compare(upper) {
        None => Err(Problem::BoundTypes { lower: text(lower), upper: text(upper) }),
        Some(Ordering::Greater) => {
            Err(Problem::BoundOrder { lower: text(lower), upper: text(upper) })
        }
        Some(Ordering::Less | Ordering::Equal) => Ok(()),
    }
}
