//! Step 3: the signing key, and a cache of signing keys.
//!
//! `HMAC(HMAC(HMAC(HMAC("AWS4" + secret, date), region), service), "aws4_request")`: the same for
//! all requests of one key, day, Region and service, hence worth keeping.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;

use super::{Credential, HexDigest, TERMINATOR};

/// A derived key. It signs for one day, Region and service, and shows itself to nobody.
#[derive(Clone)]
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// Derives the key for `date` (`YYYYMMDD`), `region` and `service` from a secret access key.
    pub fn derive(secret: &str, date: &str, region: &str, service: &str) -> Self {
        Self(hmac_key(derived_bytes(secret, date, region, service).as_ref()))
    }

    /// Step 4: the signature of a string to sign.
    pub fn signature(&self, string_to_sign: &str) -> HexDigest {
        HexDigest::encode(hmac::sign(&self.0, string_to_sign.as_bytes()).as_ref())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(***)")
    }
}

/// The bytes of the derived key.
pub(super) fn derived_bytes(secret: &str, date: &str, region: &str, service: &str) -> hmac::Tag {
    let start = hmac_key(["AWS4", secret].concat().as_bytes());
    let dated = hmac::sign(&start, date.as_bytes());
    let regional = hmac::sign(&hmac_key(dated.as_ref()), region.as_bytes());
    let of_service = hmac::sign(&hmac_key(regional.as_ref()), service.as_bytes());
    hmac::sign(&hmac_key(of_service.as_ref()), TERMINATOR.as_bytes())
}

fn hmac_key(bytes: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, bytes)
}

/// Signing keys by credential (access key id, date, Region, service), bounded.
///
/// Two generations of at most half the capacity each: a key that is used moves to the young one,
/// and when that is full the old one is dropped. Keys of past days leave by themselves.
///
/// A key is remembered together with its secret, so that a secret which was changed under the
/// same access key id is never served by the key of its predecessor.
pub struct SigningKeyCache {
    half_capacity: usize,
    generations: RwLock<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Box<str>, Arc<Entry>>,
    old: HashMap<Box<str>, Arc<Entry>>,
}

struct Entry {
    secret: Box<[u8]>,
    key: SigningKey,
}

impl SigningKeyCache {
    /// An empty cache of at most `capacity` keys (at least two).
    pub fn new(capacity: usize) -> Self {
        Self { half_capacity: (capacity / 2).max(1), generations: RwLock::default() }
    }

    /// The remembered key, if it belongs to this secret.
    pub fn get(&self, credential: &Credential<'_>, secret: &str) -> Option<SigningKey> {
        let name = credential.as_str();
        let (entry, is_young) = {
            let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
            match generations.young.get(name) {
                Some(entry) => (Arc::clone(entry), true),
                None => (Arc::clone(generations.old.get(name)?), false),
            }
        };
        verify_slices_are_equal(&entry.secret, secret.as_bytes()).ok()?;
        let key = entry.key.clone();
        if !is_young {
            self.store(name, entry);
        }
        Some(key)
    }

    /// Remembers a key. Only keys that have verified a signature should come here, lest strangers
    /// push out those in use by naming arbitrary Regions.
    pub fn put(&self, credential: &Credential<'_>, secret: &str, key: SigningKey) {
        let entry = Entry { secret: secret.as_bytes().into(), key };
        self.store(credential.as_str(), Arc::new(entry));
    }

    fn store(&self, name: &str, entry: Arc<Entry>) {
        let mut generations = self.generations.write().unwrap_or_else(PoisonError::into_inner);
        if generations.young.len() >= self.half_capacity && !generations.young.contains_key(name) {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(name.into(), entry);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let generations = self.generations.read().unwrap_or_else(PoisonError::into_inner);
        generations.young.len() + generations.old.len()
    }
}

impl fmt::Debug for SigningKeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeyCache").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(region: &str) -> Credential<'static> {
        let text = format!("AKID/20240101/{region}/kinesis/aws4_request");
        Credential::parse(text.into()).expect("five elements")
    }

    #[test]
    fn cache_never_exceeds_its_capacity_and_keeps_what_is_used() {
        let cache = SigningKeyCache::new(8);
        let hot = credential("hot");
        let key = || SigningKey::derive("s", "20240101", "r", "kinesis");
        cache.put(&hot, "s", key());
        for number in 0..100 {
            cache.put(&credential(&number.to_string()), "s", key());
            assert!(cache.get(&hot, "s").is_some(), "after {number}");
            assert!(cache.len() <= 8);
        }
        assert!(cache.get(&credential("0"), "s").is_none());
    }

    #[test]
    fn cache_does_not_serve_a_changed_secret() {
        let cache = SigningKeyCache::new(8);
        cache.put(&credential("r"), "old", SigningKey::derive("old", "d", "r", "kinesis"));
        assert!(cache.get(&credential("r"), "old").is_some());
        assert!(cache.get(&credential("r"), "new").is_none());
    }

    #[test]
    fn key_is_not_shown() {
        let shown = format!("{:?}", SigningKey::derive("s", "20240101", "r", "kinesis"));
        assert_eq!(shown, "SigningKey(***)");
    }
}
