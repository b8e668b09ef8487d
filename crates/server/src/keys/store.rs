//! The keys that a running server uses, kept in step with their file.
//!
//! A wrapped data key is, little-endian:
//!
//! | bytes | field |
//! |--:|---|
//! | 1 | version, 1 |
//! | 4 | which of the key's material, counted from 0 |
//! | 12 | nonce, random |
//! | 32 | the data key, encrypted with AES-256-GCM |
//! | 16 | tag |
//!
//! Authenticated with it: the key's ARN, a zero byte, and the context that the engine gives. Random
//! nonces are safe here: one is used for each StartStreamEncryption.

use super::file::{CustomerKey, KeyState, KeyringError, KeyringFile};
use anabranch_engine::{DataKeyBytes, KeyProblem, Keyring, Scope};
use anabranch_env::files::FileVersion;
use anabranch_env::{Clock, DELETED_AFTER_MS};
use anabranch_model::Partition;
use anabranch_model::token_bucket::TokenBucket;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The alias of an account's service key, which is made when it is first named.
pub const SERVICE_ALIAS: &str = "alias/aws/kinesis";

/// Pause after a look for keys to delete: what is gone is of no use already.
const DELETE_PAUSE_MS: u64 = 60 * 60 * 1000;

const VERSION: u8 = 1;
const PREFIX_BYTES: usize = 5 + NONCE_LEN;
const DATA_KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// Keys by ARN.
///
/// The file is looked at not more than once a second and read when it has changed. While it is
/// unreadable or wrong, the last good content stays in force and the log says why, once per change
/// of the file, or at each look if the reason may pass by itself. A file that is gone is a keyring without keys: whoever takes the keys away means
/// it.
///
/// Keys whose waiting time is over by [`Clock::deletion_ms`] leave the file, with a line in the log,
/// once this process has compared its clocks for as long as data takes to be deleted by a clock that
/// jumped. Nobody else deletes a key.
#[derive(Debug)]
pub struct KeyStore {
    file: KeyringFile,
    clock: Arc<dyn Clock>,
    /// Second of the last look, by the monotonic clock.
    checked_secs: AtomicU64,
    /// The file that was last read, with or without success; inside, nothing if it was not there.
    /// Nothing at all if it is to be read again in any case. Locked by whoever is reading the file.
    seen: Mutex<Option<Option<FileVersion>>>,
    generation: AtomicU64,
    keys: RwLock<Arc<Keys>>,
    /// When to look for keys to delete, by the monotonic clock.
    deletes_from_ms: AtomicU64,
}

#[derive(Debug, Default)]
struct Keys {
    by_arn: HashMap<Arc<str>, ReadyKey>,
    /// By account, Region and alias.
    by_alias: HashMap<(String, String, String), Arc<str>>,
}

/// A key, and its material ready for use.
struct ReadyKey {
    key: CustomerKey,
    material: Vec<LessSafeKey>,
    rate: Mutex<TokenBucket>,
}

impl std::fmt::Debug for ReadyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadyKey").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Keys {
    fn of(keys: Vec<CustomerKey>, now_us: u64) -> Self {
        let mut found = Self::default();
        for key in keys {
            let arn: Arc<str> = key.arn().into();
            for alias in &key.aliases {
                let name = (key.account_id.clone(), key.region.clone(), alias.clone());
                found.by_alias.insert(name, arn.clone());
            }
            let ready = |material: &super::Material| {
                let key = UnboundKey::new(&AES_256_GCM, material.expose());
                LessSafeKey::new(key.expect("32 bytes"))
            };
            let material = key.material.iter().map(ready).collect();
            let rate = u64::from(key.requests_per_second.unwrap_or_default());
            let rate = Mutex::new(TokenBucket::full(rate, now_us));
            found.by_arn.insert(arn, ReadyKey { key, material, rate });
        }
        found
    }

    /// The ARN of the key that is named so by a caller of this account and Region.
    fn named(&self, caller: &Scope, name: &str) -> Option<Arc<str>> {
        let alias = |account: &str, region: &str, alias: &str| {
            self.by_alias.get(&(account.to_owned(), region.to_owned(), alias.to_owned())).cloned()
        };
        if name.starts_with("alias/") {
            return alias(&caller.account, &caller.region, name);
        }
        if !name.starts_with("arn:") {
            let is_named = |key: &&ReadyKey| {
                key.key.id == name
                    && *key.key.account_id == *caller.account
                    && *key.key.region == *caller.region
            };
            return self.by_arn.values().find(is_named).map(|key| key.key.arn().into());
        }
        let fields: Vec<&str> = name.splitn(6, ':').collect();
        let [_, _, "kms", region, account, resource] = fields[..] else { return None };
        // A key is of use only in its own Region.
        if *region != *caller.region {
            return None;
        }
        match resource.starts_with("alias/") {
            true => alias(account, region, resource),
            false => self.by_arn.get_key_value(name).map(|(arn, _)| arn.clone()),
        }
    }
}

impl ReadyKey {
    fn check_state(&self, now_unix_secs: i64) -> Result<(), KeyProblem> {
        match self.key.state {
            _ if self.key.is_gone(now_unix_secs) => Err(KeyProblem::NotFound),
            KeyState::Enabled => Ok(()),
            KeyState::Disabled => Err(KeyProblem::Disabled),
            KeyState::PendingDeletion => Err(KeyProblem::PendingDeletion),
            KeyState::OptInRequired => Err(KeyProblem::OptInRequired),
        }
    }

    fn allows(&self, principal: &str) -> bool {
        let account = principal.split(':').nth(4).unwrap_or_default();
        if self.key.principals.is_empty() {
            return account == self.key.account_id;
        }
        let root = format!("arn:aws:iam::{account}:root");
        self.key.principals.iter().any(|allowed| allowed == principal || *allowed == root)
    }
}

impl KeyStore {
    /// Reads the file, which must be good or not there at the start.
    ///
    /// # Errors
    /// When it is there and cannot be used.
    pub fn open(file: KeyringFile, clock: Arc<dyn Clock>) -> Result<Self, KeyringError> {
        // Taken before reading: a change in between is then noticed at the next look.
        let seen = Some(FileVersion::of(file.path()).ok());
        let keys = Keys::of(file.load()?, clock.monotonic_us());
        let deletes_from_ms = clock.monotonic_us() / 1000 + DELETED_AFTER_MS;
        Ok(Self {
            file,
            deletes_from_ms: AtomicU64::new(deletes_from_ms),
            checked_secs: AtomicU64::new(clock.monotonic_us() / 1_000_000),
            clock,
            seen: Mutex::new(seen),
            generation: AtomicU64::new(0),
            keys: RwLock::new(Arc::new(keys)),
        })
    }

    /// Looks at the file at once, and reads it if it has changed.
    pub fn look(&self) {
        self.reload_if_changed();
    }

    /// Up to when what is pending deletion may be gone, in Unix seconds: not by a clock that somebody
    /// set wrong, for a key that is gone takes all that it has encrypted with it.
    fn deletion_unix_secs(&self) -> i64 {
        (self.clock.deletion_ms() / 1000).cast_signed()
    }

    /// The keys in force. Once a second one caller does a `stat` first, and reads the file if it
    /// has changed.
    fn keys(&self) -> Arc<Keys> {
        let now_secs = self.clock.monotonic_us() / 1_000_000;
        let last = self.checked_secs.load(Ordering::Relaxed);
        let order = Ordering::Relaxed;
        if last != now_secs
            && self.checked_secs.compare_exchange(last, now_secs, order, order).is_ok()
        {
            self.reload_if_changed();
            self.delete_if_due();
        }
        self.keys.read().clone()
    }

    /// Deletes the keys whose waiting time is over, at most once in [`DELETE_PAUSE_MS`].
    fn delete_if_due(&self) {
        let now_ms = self.clock.monotonic_us() / 1000;
        if now_ms < self.deletes_from_ms.load(Ordering::Relaxed) {
            return;
        }
        self.deletes_from_ms.store(now_ms + DELETE_PAUSE_MS, Ordering::Relaxed);
        let now_secs = self.deletion_unix_secs();
        if !self.keys.read().by_arn.values().any(|ready| ready.key.is_gone(now_secs)) {
            return;
        }
        if let Err(error) = self.delete_gone(now_secs) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "keys whose waiting time is over could not be deleted; it will be tried again"
            );
        }
    }

    fn delete_gone(&self, now_secs: i64) -> Result<(), KeyringError> {
        // Held, so that nobody installs what was read before.
        let mut seen = self.seen.lock();
        let (gone, left) = self.file.change(|keys| {
            // The file may say otherwise by now.
            let gone: Vec<_> = keys.extract_if(.., |key| key.is_gone(now_secs)).collect();
            Ok::<_, KeyringError>((gone, keys.clone()))
        })?;
        for key in gone {
            tracing::info!(
                key = key.arn(),
                delete_at = key.delete_at,
                path = %self.file.path().display(),
                "a key is deleted: its waiting time is over"
            );
        }
        *seen = None;
        self.install(left);
        Ok(())
    }

    fn reload_if_changed(&self) {
        let path = self.file.path();
        let version = Some(FileVersion::of(path).ok());
        let Some(mut seen) = self.seen.try_lock().filter(|seen| **seen != version) else {
            return;
        };
        match self.file.load() {
            Ok(keys) => {
                let count = keys.len();
                self.install(keys);
                tracing::info!(path = %path.display(), count, "keyring read again");
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "keyring changed but cannot be used, the previous keys stay in force"
                );
                if error.may_pass() {
                    return;
                }
            }
        }
        *seen = version;
    }

    fn install(&self, keys: Vec<CustomerKey>) {
        let mut installed = self.keys.write();
        *installed = Arc::new(Keys::of(keys, self.clock.monotonic_us()));
        // Under the lock: whoever sees the new number sees the new keys.
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Makes the service key of an account and Region, unless another process just did.
    fn make_service_key(&self, owner: &Scope) -> Result<(), KeyringError> {
        let created_secs = (self.clock.now_ms() / 1000).cast_signed();
        let (account, region) = (&*owner.account, &*owner.region);
        // Held, so that nobody installs what was read before.
        let mut seen = self.seen.lock();
        let now_secs = self.deletion_unix_secs();
        let keys = self.file.change(|keys| {
            let services = keys.iter_mut().filter(|key| {
                let is_service = key.aliases.iter().any(|alias| alias == SERVICE_ALIAS);
                is_service && key.account_id == account && key.region == region
            });
            let mut is_there = false;
            for key in services {
                match key.is_gone(now_secs) {
                    // It has no name any more, and is deleted in its time.
                    true => key.aliases.retain(|alias| alias != SERVICE_ALIAS),
                    false => is_there = true,
                }
            }
            if !is_there {
                let mut key = CustomerKey::new(account, region, created_secs);
                key.aliases.push(SERVICE_ALIAS.to_owned());
                keys.push(key);
            }
            Ok::<_, KeyringError>(keys.clone())
        })?;
        // Another process may change the file before its version can be asked for.
        *seen = None;
        self.install(keys);
        Ok(())
    }
}

impl Keyring for KeyStore {
    fn resolve(&self, caller: &Scope, name: &str) -> Result<Arc<str>, KeyProblem> {
        // A key that was made this moment is to be found, and resolving is rare.
        self.reload_if_changed();
        let keys = self.keys();
        let found = keys.named(caller, name);
        let own_service_key = format!(
            "arn:{}:kms:{}:{}:{SERVICE_ALIAS}",
            Partition::of_region(&caller.region),
            caller.region,
            caller.account
        );
        if name != SERVICE_ALIAS && name != own_service_key {
            return found.ok_or(KeyProblem::NotFound);
        }
        // A service key whose waiting time is over makes way for another.
        let now_secs = self.deletion_unix_secs();
        let is_there =
            |arn: &Arc<str>| keys.by_arn.get(arn).is_some_and(|k| !k.key.is_gone(now_secs));
        if let Some(arn) = found.filter(is_there) {
            return Ok(arn);
        }
        self.make_service_key(caller).map_err(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "the service key of an account cannot be made");
            KeyProblem::Unavailable
        })?;
        self.keys().named(caller, name).ok_or(KeyProblem::Unavailable)
    }

    fn permit(&self, key_arn: &str, principal: &str) -> Result<(), KeyProblem> {
        let keys = self.keys();
        let ready = keys.by_arn.get(key_arn).ok_or(KeyProblem::NotFound)?;
        if !ready.allows(principal) {
            return Err(KeyProblem::AccessDenied);
        }
        ready.check_state(self.deletion_unix_secs())?;
        let Some(rate) = ready.key.requests_per_second else { return Ok(()) };
        let passes = ready.rate.lock().try_take(rate.into(), self.clock.monotonic_us(), 1);
        passes.then_some(()).ok_or(KeyProblem::Throttled)
    }

    fn wrap(
        &self,
        key_arn: &str,
        context: &[u8],
        data_key: &DataKeyBytes,
    ) -> Result<Vec<u8>, KeyProblem> {
        let keys = self.keys.read().clone();
        let ready = keys.by_arn.get(key_arn).ok_or(KeyProblem::NotFound)?;
        let place = ready.material.len() - 1;
        let mut nonce = [0; NONCE_LEN];
        anabranch_env::fill_random(&mut nonce);
        let mut out = Vec::with_capacity(PREFIX_BYTES + DATA_KEY_BYTES + TAG_BYTES);
        out.push(VERSION);
        out.extend_from_slice(&(place as u32).to_le_bytes());
        out.extend_from_slice(&nonce);
        let mut sealed = data_key.clone();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = ready.material[place].seal_in_place_separate_tag(
            nonce,
            bound_to(key_arn, context),
            &mut sealed[..],
        );
        out.extend_from_slice(&sealed[..]);
        out.extend_from_slice(tag.expect("32 bytes can be encrypted").as_ref());
        Ok(out)
    }

    fn unwrap(
        &self,
        key_arn: &str,
        context: &[u8],
        wrapped: &[u8],
    ) -> Result<DataKeyBytes, KeyProblem> {
        let keys = self.keys.read().clone();
        let ready = keys.by_arn.get(key_arn).ok_or(KeyProblem::NotFound)?;
        let wrong = KeyProblem::WrongMaterial;
        let (prefix, sealed) = wrapped.split_first_chunk::<PREFIX_BYTES>().ok_or(wrong)?;
        let place = u32::from_le_bytes(prefix[1..5].try_into().expect("4 bytes"));
        let material = ready.material.get(place as usize).filter(|_| prefix[0] == VERSION);
        let nonce = Nonce::try_assume_unique_for_key(&prefix[5..]).expect("12 bytes");
        let mut opened = zeroize::Zeroizing::new(sealed.to_vec());
        let plain = material.ok_or(wrong)?.open_in_place(
            nonce,
            bound_to(key_arn, context),
            &mut opened[..],
        );
        let plain: &[u8] = plain.map_err(|_| wrong)?;
        Ok(DataKeyBytes::new(plain.try_into().map_err(|_| wrong)?))
    }

    fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }
}

fn bound_to(key_arn: &str, context: &[u8]) -> Aad<Vec<u8>> {
    Aad::from([key_arn.as_bytes(), &[0], context].concat())
}
