//! Data keys that are unwrapped at the moment.

use super::data_key::DataKey;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Data keys held unwrapped; each takes about 2 KiB.
const KEYS_MAX: usize = 1024;

/// Stream number and number of the data key in it.
pub(super) type CacheKey = (u32, u32);

/// Unwrapped data keys. All are dropped when the keyring has changed: disabling a key, deleting it
/// or exchanging the keyring has effect on what was unwrapped before.
#[derive(Debug, Default)]
pub(super) struct DataKeyCache(Mutex<Cached>);

#[derive(Debug, Default)]
struct Cached {
    generation: u64,
    uses: u64,
    keys: HashMap<CacheKey, (u64, Arc<DataKey>)>,
}

impl Cached {
    fn touch(&mut self, key: CacheKey) -> Option<Arc<DataKey>> {
        self.uses += 1;
        let (last_use, data_key) = self.keys.get_mut(&key)?;
        *last_use = self.uses;
        Some(data_key.clone())
    }

    fn make_room(&mut self) {
        if self.keys.len() < KEYS_MAX {
            return;
        }
        let oldest = self.keys.iter().min_by_key(|(_, (last_use, _))| *last_use);
        if let Some(key) = oldest.map(|(key, _)| *key) {
            self.keys.remove(&key);
        }
    }
}

impl DataKeyCache {
    /// The data key if it was unwrapped in this generation of the keyring, else by `unwrap`.
    pub(super) fn at<E>(
        &self,
        generation: u64,
        key: CacheKey,
        unwrap: impl FnOnce() -> Result<DataKey, E>,
    ) -> Result<Arc<DataKey>, E> {
        {
            let mut cached = self.0.lock();
            if cached.generation != generation {
                cached.keys.clear();
                cached.generation = generation;
            } else if let Some(data_key) = cached.touch(key) {
                return Ok(data_key);
            }
        }
        let data_key = Arc::new(unwrap()?);
        let mut cached = self.0.lock();
        // Unwrapped by a keyring that has changed meanwhile: good for this once.
        if cached.generation == generation {
            cached.make_room();
            let uses = cached.uses;
            cached.keys.insert(key, (uses, data_key.clone()));
        }
        Ok(data_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::keyring::DataKeyBytes;

    fn unwrapped(number: u32) -> Result<DataKey, ()> {
        Ok(DataKey::new(number, &DataKeyBytes::new([1; 32])))
    }

    #[test]
    fn keys_live_as_long_as_the_generation_and_are_bounded() {
        let cache = DataKeyCache::default();
        let get = |generation, number| cache.at(generation, (0, number), || unwrapped(number));
        let first = get(1, 0).expect("unwrapped");
        assert!(Arc::ptr_eq(&first, &get(1, 0).expect("cached")));
        assert!(!Arc::ptr_eq(&first, &get(2, 0).expect("unwrapped again")));
        assert!(cache.at(3, (0, 0), || Err::<DataKey, _>("refused")).is_err(), "dropped first");
        for number in 0..2 * KEYS_MAX as u32 {
            get(3, number).expect("unwrapped");
        }
        assert_eq!(cache.0.lock().keys.len(), KEYS_MAX);
        let last = 2 * KEYS_MAX as u32 - 1;
        assert!(cache.at(3, (0, last), || Err::<DataKey, _>(())).is_ok(), "the oldest went");
    }
}
