//! What a decision may cost.

use crate::key::Key;
use crate::request::Request;
use std::borrow::Cow;
use std::cell::Cell;

/// Steps of one decision at most: comparisons of a character, and characters put together. Enough
/// for twenty policies of 20 KiB that name thousands of resources; a few milliseconds of a
/// processor when they are used up.
pub(crate) const STEPS_MAX: usize = 1_000_000;

/// A request that is being decided about, and the steps that are left for it.
///
/// Whatever needs a step that is not there answers no, at once. That may be the wrong answer, so a
/// decision that ran out of steps is none: see [`Asked::is_exhausted`].
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) request: &'a Request<'a>,
    left: Cell<usize>,
    is_exhausted: Cell<bool>,
}

impl<'a> Asked<'a> {
    pub(crate) fn new(request: &'a Request<'a>) -> Self {
        Self { request, left: Cell::new(STEPS_MAX), is_exhausted: Cell::new(false) }
    }

    /// Takes steps; says whether there were as many.
    pub(crate) fn take(&self, steps: usize) -> bool {
        let left = self.left.get().checked_sub(steps);
        self.left.set(left.unwrap_or(0));
        if left.is_none() {
            self.is_exhausted.set(true);
        }
        left.is_some()
    }

    /// Whether steps were missing, so that nothing that was decided counts.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.is_exhausted.get()
    }

    /// The value of a key that has one; the first of one that has many.
    pub(crate) fn value(&self, key: &Key) -> Option<Cow<'a, str>> {
        let value = self.request.value(key);
        let bytes = value.as_ref().map_or(0, |value| value.len());
        value.filter(|_| self.take(self.request.values_to_look_at(key) + bytes))
    }

    /// The values of a key; none if the request does not have it.
    pub(crate) fn values(&self, key: &Key) -> Vec<Cow<'a, str>> {
        match self.take(self.request.values_to_look_at(key)) {
            true => self.request.values(key),
            false => Vec::new(),
        }
    }

    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        STEPS_MAX - self.left.get()
    }
}
