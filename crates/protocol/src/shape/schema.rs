//! What is known of a type before there is a value: its place in the service model.

use super::Rule;

/// The type of a member, for tools that compare ours with the service model.
#[derive(Debug, Clone, Copy, PartialEq)]
#[allow(missing_docs)]
pub enum Kind {
    String,
    Integer,
    Long,
    Boolean,
    Timestamp,
    Blob,
    /// A string out of this set.
    Enum(&'static [&'static str]),
    List(&'static Kind),
    /// A map from strings.
    Map(&'static Kind),
    Structure(&'static [Member]),
}

/// One member of a structure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Member {
    /// The name on the wire.
    pub name: &'static str,
    /// In an input: must be there. In an output: is always there.
    pub required: bool,
    /// The member's type.
    pub kind: Kind,
    /// What the value must satisfy; [`Rule::ANY`] in outputs.
    pub rule: Rule,
}

/// Items or entries that the rule of a list or map may allow: each takes some hundred bytes when it is
/// decoded, and as little as two in a body.
const ITEMS_MAX: i64 = 1000;

/// `rule`, of values of this kind.
///
/// # Panics
/// If lists or maps of such values are not bounded by it, while it compiles.
pub const fn bounded(kind: &Kind, rule: Rule) -> Rule {
    if let Kind::List(inner) | Kind::Map(inner) = kind {
        assert!(
            matches!(rule.max, Some(max) if max <= ITEMS_MAX),
            "a list or map has a rule with a greatest length of 1000 or less"
        );
        if let Kind::List(_) | Kind::Map(_) = inner {
            assert!(rule.items.is_some(), "and so have lists and maps in a list");
        }
        if let Some(items) = rule.items {
            bounded(inner, *items);
        }
    }
    rule
}

/// A type that has a place in the service model.
pub trait Shape {
    /// That place.
    const KIND: Kind;
}

/// A structure of [`input!`](crate::input) or [`output!`](crate::output).
pub trait Structure: Shape {
    /// The members in the order of their declaration.
    const MEMBERS: &'static [Member];
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Kind = Kind::List(&Kind::String);

    #[test]
    fn a_list_or_map_with_a_greatest_length_is_bounded() {
        const RULE: Rule = Rule::at_most(ITEMS_MAX);
        assert_eq!(bounded(&NAMES, RULE), RULE);
        assert_eq!(bounded(&Kind::Map(&Kind::String), RULE), RULE);
        assert_eq!(bounded(&Kind::List(&NAMES), RULE.items(&RULE)), RULE.items(&RULE));
        assert_eq!(bounded(&Kind::String, Rule::ANY), Rule::ANY);
    }

    #[test]
    fn one_without_is_not() {
        const RULE: Rule = Rule::at_most(5);
        for (kind, rule) in [
            (NAMES, Rule::at_least(1)),
            (NAMES, Rule::at_most(ITEMS_MAX + 1)),
            (Kind::Map(&Kind::String), Rule::ANY),
            (Kind::List(&NAMES), RULE),
            (Kind::List(&NAMES), RULE.items(&Rule::ANY)),
        ] {
            let refused = std::panic::catch_unwind(|| bounded(&kind, rule));
            assert!(refused.is_err(), "{kind:?} {rule:?}");
        }
    }
}
