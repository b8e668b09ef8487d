//! Violations of a request, and the texts the service prints for them.

use std::fmt::{self, Display};

use super::Constraint;
use crate::shown::{SHOWN_BYTES_MAX, ShownText};

/// How many violations one message names.
const PRINTED_MAX: usize = 10;

/// The offending value as the message shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    Null,
    Text(ShownText),
    /// Left out, as for blobs and lists of structures.
    Nothing,
}

/// One value and what it failed to satisfy. Displays as the service's text.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// Positions of members and items from the top, by which violations are ordered.
    pub(super) place: Vec<usize>,
    pub(super) path: String,
    pub(super) shown: Shown,
    pub(super) constraint: Constraint,
}

impl Violation {
    /// At `path` (such as `records.1.member.data`), without showing the value.
    pub fn new(path: impl Into<String>, constraint: Constraint) -> Self {
        Self { place: vec![], path: path.into(), shown: Shown::Nothing, constraint }
    }

    /// The member's path, such as `records.1.member.data`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What was not satisfied.
    pub fn constraint(&self) -> Constraint {
        self.constraint
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.shown {
            Shown::Null => f.write_str("Value null at ")?,
            Shown::Text(text) => write!(f, "Value '{}' at ", text.as_str())?,
            Shown::Nothing => f.write_str("Value at ")?,
        }
        write!(f, "'{}' failed to satisfy constraint: {}", self.path, self.constraint)
    }
}

/// The violations of one request, at least one and at most ten, whose values take no more than
/// [`SHOWN_BYTES_MAX`] together. Displays as the message of a `ValidationException`.
#[derive(Debug, Clone, PartialEq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// `None` if there are none.
    pub(super) fn of(mut all: Vec<Violation>) -> Option<Self> {
        all.sort_by(|one, other| one.place.cmp(&other.place));
        all.truncate(PRINTED_MAX);
        let mut room = SHOWN_BYTES_MAX;
        for violation in &mut all {
            if let Shown::Text(text) = &mut violation.shown {
                room -= text.shorten(room);
            }
        }
        (!all.is_empty()).then_some(Self(all))
    }

    /// The violations in the order of the message.
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }
}

impl From<Violation> for Violations {
    fn from(violation: Violation) -> Self {
        Self(vec![violation])
    }
}

impl Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 { "" } else { "s" };
        write!(f, "{} validation error{plural} detected: ", self.0.len())?;
        for (index, violation) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{violation}")?;
        }
        Ok(())
    }
}

/// How many violations of one list are worth collecting: later items could not be printed.
pub(super) const PER_LIST_MAX: usize = PRINTED_MAX;
