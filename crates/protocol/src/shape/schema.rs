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
