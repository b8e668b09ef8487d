//! Values made once per name.

use std::collections::HashMap;

use parking_lot::RwLock;

/// Names come from requests, so their number is bounded; what does not fit is made each time.
const NAMES_MAX: usize = 4096;

/// Remembers the value of each name.
#[derive(Debug)]
pub(super) struct Interner<T>(RwLock<HashMap<Box<str>, T>>);

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T: Clone> Interner<T> {
    /// The value of `name`, made if it is new.
    pub(super) fn get_or_make(&self, name: &str, make: impl FnOnce() -> T) -> T {
        if let Some(value) = self.0.read().get(name) {
            return value.clone();
        }
        let mut values = self.0.write();
        if let Some(value) = values.get(name) {
            return value.clone();
        }
        let value = make();
        if values.len() < NAMES_MAX {
            values.insert(name.into(), value.clone());
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn shares_values_and_stays_bounded() {
        let interner: Interner<Arc<str>> = Interner::default();
        let first = interner.get_or_make("a", || "a".into());
        assert!(Arc::ptr_eq(&first, &interner.get_or_make("a", || "b".into())));
        for number in 0..NAMES_MAX * 2 {
            let name = number.to_string();
            assert_eq!(&*interner.get_or_make(&name, || name.as_str().into()), name);
        }
        assert_eq!(interner.0.read().len(), NAMES_MAX);
    }
}
