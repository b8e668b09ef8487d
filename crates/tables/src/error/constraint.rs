//! Constraints of members: lengths, ranges, patterns.

use std::fmt;

/// What a member's value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    LengthMin(usize),
    LengthMax(usize),
    ValueMin(i64),
    ValueMax(i64),
    Pattern(&'static str),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LengthMin(min) => {
                write!(f, "Member must have length greater than or equal to {min}")
            }
            Self::LengthMax(max) => {
                write!(f, "Member must have length less than or equal to {max}")
            }
            Self::ValueMin(min) => {
                write!(f, "Member must have value greater than or equal to {min}")
            }
            Self::ValueMax(max) => {
                write!(f, "Member must have value less than or equal to {max}")
            }
            Self::Pattern(pattern) => {
                write!(f, "Member must satisfy regular expression pattern: {pattern}")
            }
        }
    }
}

/// A member that is not what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constraint {
    /// Its value, cut off where it is long.
    value: String,
    /// The member's path.
    at: String,
    rule: Rule,
}

/// What an error repeats of a value.
const CHARS_SHOWN: usize = 1024;

impl Constraint {
    #[must_use]
    pub fn new(value: &str, at: &str, rule: Rule) -> Self {
        let value = value.chars().take(CHARS_SHOWN).collect();
        Self { value, at: at.to_owned(), rule }
    }

    /// Of a list or a map, whose values are not repeated.
    #[must_use]
    pub fn of_many(at: &str, rule: Rule) -> Self {
        Self { value: "[]".to_owned(), at: at.to_owned(), rule }
    }

    /// # Errors
    /// A number outside of `min ..= max`.
    pub fn check_range(value: i64, at: &str, min: i64, max: i64) -> Result<(), Self> {
        let rule = match value {
            _ if value < min => Rule::ValueMin(min),
            _ if value > max => Rule::ValueMax(max),
            _ => return Ok(()),
        };
        Err(Self::new(&value.to_string(), at, rule))
    }

    /// # Errors
    /// A list or map that has not `min ..= max` members.
    pub fn check_count(count: usize, at: &str, min: usize, max: usize) -> Result<(), Self> {
        let rule = match count {
            _ if count < min => Rule::LengthMin(min),
            _ if count > max => Rule::LengthMax(max),
            _ => return Ok(()),
        };
        Err(Self::of_many(at, rule))
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, at, rule } = self;
        write!(f, "Value '{value}' at '{at}' failed to satisfy constraint: {rule}")
    }
}

/// All that a request breaks, as one text.
pub(super) struct Broken<'a>(pub(super) &'a [Constraint]);

impl fmt::Display for Broken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} validation error{} detected: ", if count == 1 { "" } else { "s" })?;
        for (position, constraint) in self.0.iter().enumerate() {
            write!(f, "{}{constraint}", if position == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}
