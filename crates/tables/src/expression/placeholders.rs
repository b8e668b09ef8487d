//! `#names` and `:values` of a request, shared by all of its expressions.

use super::kind::ExpressionKind;
use crate::invalid::{Invalid, PlaceholderProblem, Problem};
use crate::value::AttributeValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the placeholders of a request stand for, and which of them its expressions have used.
#[derive(Debug, Default)]
pub struct Placeholders {
    names: Option<BTreeMap<String, Placeholder<str>>>,
    values: Option<BTreeMap<String, Placeholder<AttributeValue>>>,
    /// Whether an expression has been read, and one that can have values.
    has_expression: bool,
    has_expression_with_values: bool,
}

#[derive(Debug)]
struct Placeholder<T: ?Sized> {
    stands_for: Arc<T>,
    is_used: bool,
}

impl Placeholders {
    /// Those of a request; `None` for a map that it does not have. Empty maps are refused, and keys that
    /// are no placeholders.
    pub fn new(
        names: Option<BTreeMap<String, String>>,
        values: Option<BTreeMap<String, AttributeValue>>,
    ) -> Result<Placeholders, Invalid> {
        if let Some(names) = &names {
            check_names(names)?;
        }
        if let Some(values) = &values {
            if values.is_empty() {
                return Err(PlaceholderProblem::NoValues.into());
            }
            if let Some(key) = values.keys().find(|key| !is_placeholder(key, b':')) {
                return Err(PlaceholderProblem::ValueKey(key.clone()).into());
            }
        }
        let names = names.map(|names| names.into_iter().map(|(key, name)| (key, name.into())));
        let values = values.map(|values| values.into_iter().map(|(key, one)| (key, one.into())));
        Ok(Placeholders {
            names: names.map(|names| names.map(unused).collect()),
            values: values.map(|values| values.map(unused).collect()),
            has_expression: false,
            has_expression_with_values: false,
        })
    }

    /// Refuses what no expression has used. `possible` are the expressions that the operation can have and
    /// that take values, in the order in which its error names them.
    pub fn finish(self, possible: &[ExpressionKind]) -> Result<(), Invalid> {
        if self.names.is_some() && !self.has_expression {
            return Err(PlaceholderProblem::NamesWithoutExpression.into());
        }
        if self.values.is_some() && !self.has_expression_with_values {
            let possible = possible.to_vec();
            return Err(PlaceholderProblem::ValuesWithoutExpression(possible).into());
        }
        let unused = unused_keys(self.names);
        if !unused.is_empty() {
            return Err(PlaceholderProblem::UnusedNames(unused).into());
        }
        let unused = unused_keys(self.values);
        if !unused.is_empty() {
            return Err(PlaceholderProblem::UnusedValues(unused).into());
        }
        Ok(())
    }

    pub(crate) fn count_expression(&mut self, kind: ExpressionKind) {
        self.has_expression = true;
        self.has_expression_with_values |= kind != ExpressionKind::Projection;
    }

    /// What `#name` stands for.
    pub(crate) fn name(&mut self, placeholder: &str) -> Result<Arc<str>, Problem> {
        let found = self.names.as_mut().and_then(|names| names.get_mut(placeholder));
        let found = found.ok_or_else(|| Problem::UndefinedName(placeholder.to_owned()))?;
        found.is_used = true;
        Ok(Arc::clone(&found.stands_for))
    }

    /// What `:value` stands for.
    pub(crate) fn value(&mut self, placeholder: &str) -> Result<Arc<AttributeValue>, Problem> {
        let found = self.values.as_mut().and_then(|values| values.get_mut(placeholder));
        let found = found.ok_or_else(|| Problem::UndefinedValue(placeholder.to_owned()))?;
        found.is_used = true;
        Ok(Arc::clone(&found.stands_for))
    }
}

fn check_names(names: &BTreeMap<String, String>) -> Result<(), PlaceholderProblem> {
    if names.is_empty() {
        return Err(PlaceholderProblem::NoNames);
    }
    if let Some(key) = names.keys().find(|key| !is_placeholder(key, b'#')) {
        return Err(PlaceholderProblem::NameKey(key.clone()));
    }
    match names.iter().find(|(_, name)| name.is_empty()) {
        Some((key, _)) => Err(PlaceholderProblem::EmptyName(key.clone())),
        None => Ok(()),
    }
}

fn is_placeholder(key: &str, first: u8) -> bool {
    matches!(key.as_bytes(), [start, rest @ ..] if *start == first && !rest.is_empty()
        && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'))
}

fn unused<T: ?Sized>((key, stands_for): (String, Arc<T>)) -> (String, Placeholder<T>) {
    (key, Placeholder { stands_for, is_used: false })
}

fn unused_keys<T: ?Sized>(all: Option<BTreeMap<String, Placeholder<T>>>) -> Vec<String> {
    let unused = all.into_iter().flatten().filter(|(_, one)| !one.is_used);
    unused.map(|(key, _)| key).collect()
}
