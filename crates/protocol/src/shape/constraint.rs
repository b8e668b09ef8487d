//! Whether a value satisfies its rule, and if not, what of it, in the service's words.

use std::fmt::{self, Display};

use super::{Pattern, Rule};

/// What a value failed to satisfy. Displays as the service's text.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum Constraint {
    NotNull,
    MinValue(i64),
    MaxValue(i64),
    MinLength(i64),
    MaxLength(i64),
    Pattern(Pattern),
    EnumSet(&'static [&'static str]),
    /// Of the scalar items of a list.
    Items(&'static Rule),
    /// Of the items of a list of enums.
    ItemEnumSet(&'static [&'static str]),
    Keys(&'static Rule),
    Values(&'static Rule),
    /// Of a null as the value of a map.
    ValuesNotNull,
}

impl Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotNull => f.write_str("Member must not be null"),
            Self::MinValue(bound) => {
                write!(f, "Member must have value greater than or equal to {bound}")
            }
            Self::MaxValue(bound) => {
                write!(f, "Member must have value less than or equal to {bound}")
            }
            Self::MinLength(bound) => {
                write!(f, "Member must have length greater than or equal to {bound}")
            }
            Self::MaxLength(bound) => {
                write!(f, "Member must have length less than or equal to {bound}")
            }
            Self::Pattern(pattern) => {
                let printed = pattern.printed();
                write!(f, "Member must satisfy regular expression pattern: {printed}")
            }
            Self::EnumSet(texts) => {
                write!(f, "Member must satisfy enum value set: [{}]", texts.join(", "))
            }
            Self::Items(rule) => write!(f, "Member must satisfy constraint: {}", Nested(rule)),
            Self::ItemEnumSet(texts) => {
                write!(f, "Member must satisfy constraint: [{}]", Self::EnumSet(texts))
            }
            Self::Keys(rule) => write!(f, "Map keys must satisfy constraint: {}", Nested(rule)),
            Self::Values(rule) => write!(f, "Map value must satisfy constraint: {}", Nested(rule)),
            Self::ValuesNotNull => {
                write!(f, "Map value must satisfy constraint: [{}]", Self::NotNull)
            }
        }
    }
}

/// A rule of string items, keys or values, printed whole whichever part of it failed.
struct Nested(&'static Rule);

impl Display for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            self.0.max.map(Constraint::MaxLength),
            self.0.min.map(Constraint::MinLength),
            self.0.pattern.map(Constraint::Pattern),
        ];
        let texts: Vec<_> = parts.iter().flatten().map(Constraint::to_string).collect();
        write!(f, "[{}]", texts.join(", "))
    }
}

impl Rule {
    #[inline]
    pub(super) fn check_value(&self, value: i64, fail: &mut dyn FnMut(Constraint)) {
        if let Some(min) = self.min.filter(|&min| value < min) {
            fail(Constraint::MinValue(min));
        }
        if let Some(max) = self.max.filter(|&max| value > max) {
            fail(Constraint::MaxValue(max));
        }
    }

    #[inline]
    pub(super) fn check_length(&self, length: usize, fail: &mut dyn FnMut(Constraint)) {
        let length = length as i64;
        if let Some(min) = self.min.filter(|&min| length < min) {
            fail(Constraint::MinLength(min));
        }
        if let Some(max) = self.max.filter(|&max| length > max) {
            fail(Constraint::MaxLength(max));
        }
    }

    #[inline]
    pub(super) fn check_text(&self, text: &str, fail: &mut dyn FnMut(Constraint)) {
        if let Some(pattern) = self.pattern.filter(|pattern| !pattern.matches(text)) {
            fail(Constraint::Pattern(pattern));
        }
        let bytes = text.len() as i64;
        // A character has one to four bytes: most strings need no counting.
        let is_surely_long_enough = self.min.is_none_or(|min| bytes >= 4 * min);
        let is_surely_short_enough = self.max.is_none_or(|max| bytes <= max);
        if !(is_surely_long_enough && is_surely_short_enough) {
            self.check_length(text.chars().count(), fail);
        }
    }

    #[inline]
    pub(super) fn accepts_text(&self, text: &str) -> bool {
        let mut is_accepted = true;
        self.check_text(text, &mut |_| is_accepted = false);
        is_accepted
    }
}
