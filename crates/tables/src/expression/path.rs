//! Places in an item: `a.b[1].c`.

use crate::value::{AttributeValue, Item};
use std::fmt;
use std::sync::Arc;

/// How many elements a path has at most: as many as maps and lists can nest, and the attribute.
pub(super) const PATH_ELEMENTS_MAX: usize = crate::value::NESTING_MAX + 1;

/// A place in an item. The first element is the name of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    head: Arc<str>,
    rest: Vec<PathElement>,
}

/// A step into a map or a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathElement {
    /// Into a map, by a name.
    Name(Arc<str>),
    /// Into a list, from 0.
    Index(usize),
}

impl Path {
    /// The place of an attribute, whose name may have dots in it.
    pub fn attribute(name: impl Into<Arc<str>>) -> Path {
        Path { head: name.into(), rest: Vec::new() }
    }

    pub(crate) fn new(head: Arc<str>, rest: Vec<PathElement>) -> Path {
        Path { head, rest }
    }

    /// The name of the attribute that it is in.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// The name of the attribute that it is in, shared.
    pub(crate) fn shared_head(&self) -> &Arc<str> {
        &self.head
    }

    /// The steps below the attribute.
    pub fn rest(&self) -> &[PathElement] {
        &self.rest
    }

    /// Whether it is inside of an attribute.
    pub fn is_nested(&self) -> bool {
        !self.rest.is_empty()
    }

    /// What is there.
    pub fn find<'a>(&self, item: &'a Item) -> Option<&'a AttributeValue> {
        let mut value = item.get(&*self.head)?;
        for element in &self.rest {
            value = match (element, value) {
                (PathElement::Name(name), AttributeValue::M(members)) => members.get(&**name)?,
                (PathElement::Index(at), AttributeValue::L(members)) => members.get(*at)?,
                _ => return None,
            };
        }
        Some(value)
    }
}

/// As errors name it: `[a, b, [1]]`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}", self.head)?;
        for element in &self.rest {
            match element {
                PathElement::Name(name) => write!(f, ", {name}")?,
                PathElement::Index(at) => write!(f, ", [{at}]")?,
            }
        }
        f.write_str("]")
    }
}
