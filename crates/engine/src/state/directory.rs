//! Streams by name and by number.

use super::scope::{Scope, StreamRef};
use super::stream::StreamEntry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Streams, found by name and by number. `S` is a stream, or what is known of one beside.
#[derive(Debug)]
pub struct Directory<S> {
    by_name: HashMap<Scope, BTreeMap<Arc<str>, Arc<S>>>,
    by_number: HashMap<u32, Arc<S>>,
    /// The Regions in which an account has names.
    regions: HashMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl<S> Default for Directory<S> {
    fn default() -> Self {
        Self { by_name: HashMap::new(), by_number: HashMap::new(), regions: HashMap::new() }
    }
}

impl<S: AsRef<StreamEntry>> Directory<S> {
    /// The stream of this name, whatever its state.
    #[must_use]
    pub fn of_name(&self, scope: &Scope, name: &str) -> Option<&Arc<S>> {
        self.by_name.get(scope)?.get(name)
    }

    /// The stream's incarnation of this number.
    #[must_use]
    pub fn of_number(&self, number: u32) -> Option<&Arc<S>> {
        self.by_number.get(&number)
    }

    /// A scope's streams in name order, from the first name after `after`.
    pub fn after<'a>(
        &'a self,
        scope: &Scope,
        after: Option<&str>,
    ) -> impl Iterator<Item = &'a Arc<S>> + use<'a, S> {
        use std::ops::Bound::{Excluded, Unbounded};
        let lower = after.map_or(Unbounded, |name| Excluded(Arc::<str>::from(name)));
        let streams = self.by_name.get(scope);
        streams.into_iter().flat_map(move |streams| {
            streams.range::<Arc<str>, _>((lower.clone(), Unbounded)).map(|(_, stream)| stream)
        })
    }

    /// An account's streams in all Regions.
    pub fn of_account(&self, account: &Arc<str>) -> impl Iterator<Item = &Arc<S>> {
        let regions = self.regions.get(account).into_iter().flatten();
        let scopes =
            regions.map(|region| Scope { account: account.clone(), region: region.clone() });
        scopes.flat_map(|scope| self.after(&scope, None))
    }

    /// The Regions in which there are streams.
    #[must_use]
    pub fn regions(&self) -> BTreeSet<Arc<str>> {
        self.regions.values().flatten().cloned().collect()
    }

    /// All streams.
    pub fn all(&self) -> impl Iterator<Item = &Arc<S>> {
        self.by_number.values()
    }

    /// Adds a stream, or puts it into the place of what it was.
    pub(crate) fn insert(&mut self, stream: Arc<S>) {
        let StreamEntry { number, reference, .. } = (*stream).as_ref();
        let (number, StreamRef { scope, name }) = (*number, reference.clone());
        self.by_number.insert(number, stream.clone());
        self.regions.entry(scope.account.clone()).or_default().insert(scope.region.clone());
        let streams = self.by_name.entry(scope).or_default();
        // One that is gone but not purged yet may have left its name to a newer one.
        let is_newest = |named: &Arc<S>| {
            let named: &StreamEntry = (**named).as_ref();
            named.number <= number
        };
        if streams.get(&name).is_none_or(is_newest) {
            streams.insert(name, stream);
        }
    }

    /// Removes a stream, and returns it.
    pub(crate) fn remove(&mut self, number: u32) -> Option<Arc<S>> {
        let removed = self.by_number.remove(&number)?;
        let StreamRef { scope, name } = &(*removed).as_ref().reference;
        if let Some(streams) = self.by_name.get_mut(scope)
            && streams.get(name).is_some_and(|named| (**named).as_ref().number == number)
        {
            streams.remove(name);
            if streams.is_empty() {
                self.by_name.remove(scope);
                if let Some(regions) = self.regions.get_mut(&scope.account) {
                    regions.remove(&scope.region);
                    if regions.is_empty() {
                        self.regions.remove(&scope.account);
                    }
                }
            }
        }
        Some(removed)
    }
}
