//! Which parts of an item are answered.

use super::path::{Path, PathElement};
use crate::value::{AttributeValue, Item};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Places of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    paths: Vec<Path>,
    parts: BTreeMap<Arc<str>, Part>,
}

/// What is taken of a value. Invariant: as deep as the longest path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Part {
    is_whole: bool,
    members: BTreeMap<PathElement, Part>,
}

impl Projection {
    /// The places that `paths` name.
    pub(crate) fn new(paths: Vec<Path>) -> Projection {
        let mut parts: BTreeMap<Arc<str>, Part> = BTreeMap::new();
        for path in &paths {
            let mut part = parts.entry(Arc::clone(path.shared_head())).or_default();
            for element in path.rest() {
                part = part.members.entry(element.clone()).or_default();
            }
            part.is_whole = true;
        }
        Projection { paths, parts }
    }

    /// What of `item` is at these places, as an item that has nothing else. Of a list it has the elements
    /// that are named, next to each other.
    pub fn of(&self, item: &Item) -> Item {
        let parts = self.parts.iter();
        let found = parts.filter_map(|(name, part)| {
            let value = part.of(item.get(&**name)?)?;
            Some((name.as_ref().to_owned(), value))
        });
        found.collect()
    }

    /// The places, in the order of the expression.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter()
    }
}

impl Part {
    fn of(&self, value: &AttributeValue) -> Option<AttributeValue> {
        if self.is_whole {
            return Some(value.clone());
        }
        match value {
            AttributeValue::M(members) => {
                let found = self.members.iter().filter_map(|(element, part)| match element {
                    PathElement::Name(name) => {
                        let value = part.of(members.get(&**name)?)?;
                        Some((name.as_ref().to_owned(), value))
                    }
                    PathElement::Index(_) => None,
                });
                let found: BTreeMap<String, AttributeValue> = found.collect();
                (!found.is_empty()).then_some(AttributeValue::M(found))
            }
            AttributeValue::L(members) => {
                let found = self.members.iter().filter_map(|(element, part)| match element {
                    PathElement::Index(at) => part.of(members.get(*at)?),
                    PathElement::Name(_) => None,
                });
                let found: Vec<AttributeValue> = found.collect();
                (!found.is_empty()).then_some(AttributeValue::L(found))
            }
            _ => None,
        }
    }
}
