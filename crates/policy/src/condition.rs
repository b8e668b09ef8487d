//! One condition of a statement: an operator, a key and values.

use crate::date;
use crate::ip_range::IpRange;
use crate::key::Key;
use crate::pattern::{ArnPattern, ArnUse, Case, Pattern, Syntax};
use crate::steps::Asked;
use std::cmp::Ordering;
use std::iter;
use std::net::IpAddr;

/// How many of the request's values must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quantifier {
    /// The one there is. Of several: one, or with a negated operator all.
    Plain,
    /// `ForAllValues:`; also none at all.
    All,
    /// `ForAnyValue:`.
    Any,
}

/// What a value is compared as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Text { case: Case, wildcards: bool },
    Arn,
    Number(Sequence),
    Date(Sequence),
    Bool,
    Binary,
    Ip,
    Null,
}

/// Which order of the request's value and the policy's passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sequence {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// An operator by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    quantifier: Quantifier,
    comparison: Comparison,
    /// The operator is the opposite: no value of the policy may be equal.
    is_negated: bool,
    /// Passes if the request does not have the key.
    if_exists: bool,
}

impl Operator {
    /// Reads an operator's name.
    ///
    /// # Errors
    /// When there is no such operator.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        let unknown = || format!("`{name}` is not a condition operator");
        let (quantifier, rest) = match name.split_once(':') {
            None => (Quantifier::Plain, name),
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            Some(_) => return Err(unknown()),
        };
        let (if_exists, base) = match rest.strip_suffix("IfExists") {
            Some(base) => (true, base),
            None => (false, rest),
        };
        let (comparison, is_negated) = base_operator(base).ok_or_else(unknown)?;
        if comparison == Comparison::Null && (if_exists || quantifier != Quantifier::Plain) {
            return Err(unknown());
        }
        Ok(Self { quantifier, comparison, is_negated, if_exists })
    }
}

fn base_operator(name: &str) -> Option<(Comparison, bool)> {
    let text = |case, wildcards| Comparison::Text { case, wildcards };
    Some(match name {
        "StringEquals" => (text(Case::Exact, false), false),
        "StringNotEquals" => (text(Case::Exact, false), true),
        "StringEqualsIgnoreCase" => (text(Case::Ignored, false), false),
        "StringNotEqualsIgnoreCase" => (text(Case::Ignored, false), true),
        "StringLike" => (text(Case::Exact, true), false),
        "StringNotLike" => (text(Case::Exact, true), true),
        // The two are the same on AWS.
        "ArnEquals" | "ArnLike" => (Comparison::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Comparison::Arn, true),
        "Bool" => (Comparison::Bool, false),
        "BinaryEquals" => (Comparison::Binary, false),
        "IpAddress" => (Comparison::Ip, false),
        "NotIpAddress" => (Comparison::Ip, true),
        "Null" => (Comparison::Null, false),
        _ => {
            let ordered = |sequence: &str| {
                Some(match sequence {
                    "Equals" => (Sequence::Equal, false),
                    "NotEquals" => (Sequence::Equal, true),
                    "LessThan" => (Sequence::Less, false),
                    "LessThanEquals" => (Sequence::LessOrEqual, false),
                    "GreaterThan" => (Sequence::Greater, false),
                    "GreaterThanEquals" => (Sequence::GreaterOrEqual, false),
                    _ => return None,
                })
            };
            if let Some(sequence) = name.strip_prefix("Numeric") {
                let (sequence, is_negated) = ordered(sequence)?;
                (Comparison::Number(sequence), is_negated)
            } else {
                let (sequence, is_negated) = ordered(name.strip_prefix("Date")?)?;
                (Comparison::Date(sequence), is_negated)
            }
        }
    })
}

/// A value of the policy, ready to be compared with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(Pattern, Case),
    Arn(ArnPattern),
    Number(Sequence, f64),
    Date(Sequence, i64),
    Bool(bool),
    Binary(Box<str>),
    Ip(IpRange),
}

impl Value {
    /// Reads a value for an operator.
    ///
    /// # Errors
    /// When it is not one of the operator's type.
    pub(crate) fn parse(text: &str, operator: Operator, variables: bool) -> Result<Self, String> {
        let not = |what: &str| format!("`{text}` is not {what}");
        Ok(match operator.comparison {
            Comparison::Text { case, wildcards } => {
                Self::Text(Pattern::parse(text, Syntax { wildcards, variables })?, case)
            }
            Comparison::Arn => Self::Arn(ArnPattern::parse(text, ArnUse::Condition, variables)?),
            Comparison::Number(sequence) => {
                Self::Number(sequence, parse_number(text).ok_or_else(|| not("a number"))?)
            }
            Comparison::Date(sequence) => {
                let time = date::parse(text);
                Self::Date(
                    sequence,
                    time.ok_or_else(|| not("a time in ISO 8601 or epoch seconds"))?,
                )
            }
            Comparison::Bool | Comparison::Null => {
                Self::Bool(parse_bool(text).ok_or_else(|| not("true or false"))?)
            }
            Comparison::Binary => match is_base64(text) {
                true => Self::Binary(text.into()),
                false => return Err(not("base64")),
            },
            Comparison::Ip => Self::Ip(
                IpRange::parse(text).ok_or_else(|| not("an IP address or a range of them"))?,
            ),
        })
    }

    /// Whether a value of the request passes. One of another type does not.
    fn passes(&self, found: &str, asked: &Asked<'_>) -> bool {
        let steps = match self {
            // These count for themselves.
            Self::Text(..) | Self::Arn(_) => 1,
            Self::Number(..) | Self::Date(..) | Self::Bool(_) | Self::Binary(_) | Self::Ip(_) => {
                found.len() + 1
            }
        };
        if !asked.take(steps) {
            return false;
        }
        match self {
            Self::Text(pattern, case) => pattern.matches(found, *case, asked),
            Self::Arn(pattern) => pattern.matches(found, asked),
            Self::Number(sequence, wanted) => {
                let order = parse_number(found).and_then(|found| found.partial_cmp(wanted));
                order.is_some_and(|order| sequence.has(order))
            }
            Self::Date(sequence, wanted) => {
                date::parse(found).is_some_and(|found| sequence.has(found.cmp(wanted)))
            }
            Self::Bool(wanted) => parse_bool(found) == Some(*wanted),
            Self::Binary(wanted) => **wanted == *found,
            Self::Ip(range) => found.parse::<IpAddr>().is_ok_and(|found| range.contains(found)),
        }
    }
}

impl Sequence {
    fn has(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// A condition: passes or does not.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    pub(crate) operator: Operator,
    pub(crate) key: Key,
    pub(crate) values: Vec<Value>,
}

impl Condition {
    /// The key and those of variables in the values.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        let of_text = self.values.iter().filter_map(|value| match value {
            Value::Text(pattern, _) => Some(pattern.keys()),
            _ => None,
        });
        let of_arns = self.values.iter().filter_map(|value| match value {
            Value::Arn(pattern) => Some(pattern.keys()),
            _ => None,
        });
        iter::once(&self.key).chain(of_text.flatten()).chain(of_arns.flatten())
    }

    /// Whether the request passes.
    pub(crate) fn holds(&self, asked: &Asked<'_>) -> bool {
        let Operator { quantifier, comparison, is_negated, if_exists } = self.operator;
        let found = asked.values(&self.key);
        if comparison == Comparison::Null {
            return self.values.contains(&Value::Bool(found.is_empty()));
        }
        let passes =
            |found: &str| self.values.iter().any(|value| value.passes(found, asked)) != is_negated;
        let mut each = found.iter().map(|found| passes(found));
        match quantifier {
            Quantifier::All => each.all(|passes| passes),
            Quantifier::Any if found.is_empty() => if_exists,
            Quantifier::Plain if found.is_empty() => if_exists || is_negated,
            Quantifier::Plain if is_negated => each.all(|passes| passes),
            Quantifier::Any | Quantifier::Plain => each.any(|passes| passes),
        }
    }
}

fn parse_number(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    text.parse().ok().filter(|number: &f64| is_plain && number.is_finite())
}

fn parse_bool(text: &str) -> Option<bool> {
    match () {
        () if text.eq_ignore_ascii_case("true") => Some(true),
        () if text.eq_ignore_ascii_case("false") => Some(false),
        () => None,
    }
}

fn is_base64(text: &str) -> bool {
    let bare = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - bare.len() <= 2
        && bare.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}
