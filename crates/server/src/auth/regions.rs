//! The Regions that there are.
//!
//! Much is counted by Region: limits, service keys, what is kept of calls. If callers could make
//! Regions up, none of it would have a bound.

use std::collections::HashMap;
use std::sync::Arc;

/// A list of Regions.
#[derive(Debug)]
pub(super) struct Regions(HashMap<Box<str>, Arc<str>>);

impl Regions {
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(|name| (name.into(), name.into())).collect())
    }

    /// The Region of this name, if there is one.
    pub(super) fn of(&self, name: &str) -> Option<Arc<str>> {
        self.0.get(name).cloned()
    }
}
