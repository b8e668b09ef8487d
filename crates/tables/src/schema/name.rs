//! Names of tables and indexes.

use crate::error::{Constraint, Error, Rule, Validation};
use crate::scope::Scope;
use std::sync::Arc;

const LEN_MIN: usize = 3;
const LEN_MAX: usize = 255;
const ARN_LEN_MAX: usize = 1024;
const PATTERN: &str = "[a-zA-Z0-9_.-]+";

/// A table's name: 3 to 255 of `a-z A-Z 0-9 _ . -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName(Arc<str>);

impl TableName {
    /// The name that a request has, which may be the ARN of a table of its scope.
    ///
    /// # Errors
    /// What is no name, or the ARN of another's table: nobody can see that one.
    pub fn parse(text: &str, scope: &Scope) -> Result<Self, Error> {
        if !text.starts_with("arn:") {
            return Ok(Self::new(text, "tableName")?);
        }
        if text.len() > ARN_LEN_MAX {
            let rule = Rule::LengthMax(ARN_LEN_MAX);
            return Err(Validation::from(Constraint::new(text, "tableName", rule)).into());
        }
        let name = scope.table_of_arn(text).ok_or(Error::ResourceNotFound)?;
        Ok(Self::new(name, "tableName")?)
    }

    /// A name that stands at `at` in a request.
    ///
    /// # Errors
    /// What is no name.
    pub fn new(text: &str, at: &str) -> Result<Self, Validation> {
        check(text, at)?;
        Ok(Self(Arc::from(text)))
    }

    /// A name of a command, which was checked when that was decided.
    pub(crate) fn decided(text: &str) -> Self {
        Self(Arc::from(text))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An index's name: as a table's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexName(Arc<str>);

impl IndexName {
    /// A name that stands at `at` in a request.
    ///
    /// # Errors
    /// What is no name.
    pub fn new(text: &str, at: &str) -> Result<Self, Validation> {
        check(text, at)?;
        Ok(Self(Arc::from(text)))
    }

    /// A name of a command, which was checked when that was decided.
    pub(crate) fn decided(text: &str) -> Self {
        Self(Arc::from(text))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(text: &str, at: &str) -> Result<(), Validation> {
    let is_of_pattern = !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    let mut broken = Vec::new();
    if !is_of_pattern {
        broken.push(Constraint::new(text, at, Rule::Pattern(PATTERN)));
    }
    if text.len() < LEN_MIN {
        broken.push(Constraint::new(text, at, Rule::LengthMin(LEN_MIN)));
    }
    if text.len() > LEN_MAX {
        broken.push(Constraint::new(text, at, Rule::LengthMax(LEN_MAX)));
    }
    if broken.is_empty() { Ok(()) } else { Err(Validation::Constraints(broken)) }
}

/// Checks a token that makes a request idempotent: 1 to 36 characters.
///
/// # Errors
/// One that is longer or empty.
pub fn check_token(token: &str) -> Result<(), Validation> {
    let rule = match token.chars().count() {
        0 => Rule::LengthMin(1),
        37.. => Rule::LengthMax(36),
        _ => return Ok(()),
    };
    Err(Constraint::new(token, "clientRequestToken", rule).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_a_length_and_a_pattern() {
        let cases = [
            ("app", None),
            ("a.B_9-", None),
            (
                "ab",
                Some(
                    "1 validation error detected: Value 'ab' at 'tableName' failed to satisfy \
                     constraint: Member must have length greater than or equal to 3",
                ),
            ),
            (
                "ab;",
                Some(
                    "1 validation error detected: Value 'ab;' at 'tableName' failed to satisfy \
                     constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
                ),
            ),
            (
                ";",
                Some(
                    "2 validation errors detected: Value ';' at 'tableName' failed to satisfy \
                     constraint: Member must satisfy regular expression pattern: \
                     [a-zA-Z0-9_.-]+; Value ';' at 'tableName' failed to satisfy constraint: \
                     Member must have length greater than or equal to 3",
                ),
            ),
        ];
        for (text, expected) in cases {
            let refusal = TableName::new(text, "tableName").err().map(|error| error.to_string());
            assert_eq!(refusal.as_deref(), expected, "{text}");
        }
        assert!(TableName::new(&"a".repeat(255), "tableName").is_ok());
        assert!(TableName::new(&"a".repeat(256), "tableName").is_err());
    }

    #[test]
    fn a_table_may_be_named_by_its_arn() {
        let scope = Scope { account: Arc::from("000000000001"), region: Arc::from("eu-west-1") };
        let name = TableName::parse(&scope.table_arn("app"), &scope).expect("a name");
        assert_eq!(name.as_str(), "app");
        let other = Scope { region: Arc::from("eu-west-2"), ..scope.clone() };
        let refusal = TableName::parse(&other.table_arn("app"), &scope);
        assert_eq!(refusal, Err(Error::ResourceNotFound));
    }
}
