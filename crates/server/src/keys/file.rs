//! The keyring file: customers' keys.
//!
//! ```toml
//! [[key]]
//! id = "0b1d7a52-6a0e-4a7a-9d59-0f2b3f8e6c11"
//! account_id = "123456789012"
//! region = "us-east-1"
//! state = "enabled"                        # disabled, pending-deletion, opt-in-required
//! aliases = ["alias/orders"]
//! principals = ["arn:aws:iam::123456789012:user/alice"]  # empty: everybody of the account
//! requests_per_second = 100                # optional: more are throttled
//! created_at = 1795325591                  # Unix seconds
//! delete_at = 1797917591                   # only with pending-deletion
//! material = ["base64 of 32 bytes", "..."] # oldest first; the last one encrypts
//! ```
//!
//! Guarantees:
//!
//! - A file that belongs to another user is refused, and one that others may touch, but for a group of
//!   this process.
//! - Unknown fields and malformed values are refused; no message shows material.
//! - A change is made durable under a new name before it takes the old one's place. Two processes
//!   that change the file at once wait for each other: they lock `FILE.lock`, which stays.
//! - Material is added and never taken away, except that the server deletes a key as a whole when its
//!   waiting time is over.

use anabranch_env::files::{
    self, Access, FileLock, ForeignOwner, PRIVATE_FILE, PrivateFileError, create_private_directory,
    replace_durably,
};
use anabranch_model::Partition;
use base64_simd::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, Zeroizing};

/// No sane file comes near; a wrong path is noticed before it fills the memory.
const FILE_BYTES_MAX: u64 = 16 << 20;
const HEADER: &str = "# Keys that streams of this Anabranch server are encrypted with. Keep it secret (mode \
                      0600)\n# and keep a copy: what is encrypted with a lost key is lost. Comments \
                      are lost when the\n# file changes.\n";

/// 256 bits of a key.
#[derive(Clone)]
pub struct Material(Zeroizing<[u8; 32]>);

impl Material {
    /// Random ones.
    #[must_use]
    pub fn random() -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        anabranch_env::fill_random(&mut bytes[..]);
        Self(bytes)
    }

    pub(super) fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for Material {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// What a key can be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// Everything.
    Enabled,
    /// Nothing, until it is enabled again.
    Disabled,
    /// Nothing, and it is deleted when its waiting time is over.
    PendingDeletion,
    /// Nothing, as if the account had not subscribed to KMS. For rehearsing that error.
    OptInRequired,
}

impl KeyState {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::PendingDeletion => "pending-deletion",
            Self::OptInRequired => "opt-in-required",
        }
    }
}

/// A customer's key.
#[derive(Clone, Debug)]
pub struct CustomerKey {
    /// A UUID.
    pub id: String,
    /// The account that it belongs to: 12 digits.
    pub account_id: String,
    /// The Region that it is in.
    pub region: String,
    /// What it can be used for.
    pub state: KeyState,
    /// Other names of it, each `alias/NAME`; once in an account and Region.
    pub aliases: Vec<String>,
    /// ARNs of those who may use it; empty: everybody of the account.
    pub principals: Vec<String>,
    /// Requests to it in a second; more are throttled.
    pub requests_per_second: Option<u32>,
    /// Unix seconds of its making.
    pub created_at: i64,
    /// With [`KeyState::PendingDeletion`]: it is gone from then on, Unix seconds.
    pub delete_at: Option<i64>,
    /// Oldest first; the last one encrypts, all of them decrypt. Never empty.
    pub material: Vec<Material>,
}

impl CustomerKey {
    /// A new key, enabled.
    #[must_use]
    pub fn new(account_id: &str, region: &str, now_unix_secs: i64) -> Self {
        Self {
            id: random_uuid(),
            account_id: account_id.to_owned(),
            region: region.to_owned(),
            state: KeyState::Enabled,
            aliases: Vec::new(),
            principals: Vec::new(),
            requests_per_second: None,
            created_at: now_unix_secs,
            delete_at: None,
            material: vec![Material::random()],
        }
    }

    /// `arn:aws:kms:REGION:ACCOUNT:key/ID`.
    #[must_use]
    pub fn arn(&self) -> String {
        let Self { id, account_id, region, .. } = self;
        format!("arn:{}:kms:{region}:{account_id}:key/{id}", Partition::of_region(region))
    }

    /// Whether its waiting time is over.
    #[must_use]
    pub fn is_gone(&self, now_unix_secs: i64) -> bool {
        self.state == KeyState::PendingDeletion
            && self.delete_at.is_some_and(|delete_at| now_unix_secs >= delete_at)
    }
}

/// A version 4 UUID.
fn random_uuid() -> String {
    let mut bytes = [0u8; 16];
    anabranch_env::fill_random(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Why the keyring file was not read or not changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// Reading failed.
    #[error("cannot read keyring path={}", path.display())]
    Read {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than its owner have access.
    #[error(
        "keyring is open to others than its owner, run `chmod 600 {}` mode={mode:04o}",
        path.display()
    )]
    OpenToOthers {
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to another user.
    #[error("keyring belongs to another user, who can change it: {}", owner.remedy(path))]
    Foreign {
        path: PathBuf,
        /// That user.
        owner: ForeignOwner,
    },
    /// Its content is wrong.
    #[error("{}: {problem}", path.display())]
    Invalid {
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// It would be larger than what is read; the file is as before.
    #[error(
        "keyring would be too large to be read again bytes={bytes} bytes_max={bytes_max} path={}; \
         delete keys that nothing is encrypted with",
        path.display()
    )]
    TooLarge {
        path: PathBuf,
        /// What it would have.
        bytes: u64,
        /// What it may have.
        bytes_max: u64,
    },
    /// Writing failed; the file is as before.
    #[error("cannot write keyring path={}", path.display())]
    Write {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl KeyringError {
    /// Whether reading the unchanged file may do at another time: the process may have had no
    /// file descriptor left.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Read { source, .. } if crate::auth::may_pass(source))
    }
}

/// A keyring file by its path.
#[derive(Clone, Debug)]
pub struct KeyringFile {
    path: PathBuf,
    /// What is read at most, and so written at most.
    bytes_max: u64,
}

impl KeyringFile {
    /// Names a file, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), bytes_max: FILE_BYTES_MAX }
    }

    /// The same file if it may have so many bytes.
    #[cfg(test)]
    pub(super) fn of_at_most(self, bytes_max: u64) -> Self {
        Self { bytes_max, ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads and checks it. A file that is not there has no keys.
    ///
    /// # Errors
    /// When it cannot be read, is open to others, or wrong.
    pub fn load(&self) -> Result<Vec<CustomerKey>, KeyringError> {
        let Some(text) = self.read()? else { return Ok(Vec::new()) };
        let invalid = |problem| KeyringError::Invalid { path: self.path.clone(), problem };
        // The full text of a TOML error quotes the line, which may hold material.
        let content: FileContent = toml::from_str(&text)
            .map_err(|error| invalid(format!("{}{}", error.message(), line_of(&text, &error))))?;
        let keys: Result<Vec<_>, _> = content.key.into_iter().map(Entry::check).collect();
        let keys = keys.map_err(invalid)?;
        check_names(&keys).map_err(invalid)?;
        Ok(keys)
    }

    /// Changes the keys, durably; nothing is written if `change` refuses. Waits while another
    /// process changes the file. No key is deleted by this: who reads the clock once cannot know
    /// whether it is right (see [`super::KeyStore`]).
    ///
    /// # Errors
    /// When the file cannot be read or written or would be wrong, or what `change` returns.
    pub fn change<T, E: From<KeyringError>>(
        &self,
        change: impl FnOnce(&mut Vec<CustomerKey>) -> Result<T, E>,
    ) -> Result<T, E> {
        let failed = |source| KeyringError::Write { path: self.path.clone(), source };
        // The first key may be made before the server has made its data directory.
        if let Some(directory) = self.path.parent() {
            create_private_directory(directory).map_err(failed)?;
        }
        let _lock = FileLock::wait(&files::beside(&self.path, ".lock")).map_err(failed)?;
        let mut keys = self.load()?;
        let outcome = change(&mut keys)?;
        let invalid = |problem| KeyringError::Invalid { path: self.path.clone(), problem };
        check_names(&keys).map_err(invalid)?;
        let text = render(&keys);
        let (bytes, bytes_max) = (text.len() as u64, self.bytes_max);
        // What cannot be read would keep the server from starting.
        if bytes > bytes_max {
            return Err(KeyringError::TooLarge { path: self.path.clone(), bytes, bytes_max }.into());
        }
        replace_durably(&self.path, ".new", PRIVATE_FILE, text.as_bytes()).map_err(failed)?;
        Ok(outcome)
    }

    fn read(&self) -> Result<Option<Zeroizing<String>>, KeyringError> {
        let path = self.path.clone();
        let mut text = Zeroizing::new(String::new());
        match files::read_private(&path, self.bytes_max, &mut text) {
            Ok(access) => {
                if access == Access::OwnGroup {
                    tracing::info!(path = %path.display(), "a group of this process has access, too");
                }
                Ok(Some(text))
            }
            Err(PrivateFileError::OpenToOthers { mode }) => {
                Err(KeyringError::OpenToOthers { path, mode })
            }
            Err(PrivateFileError::Foreign(owner)) => Err(KeyringError::Foreign { path, owner }),
            Err(PrivateFileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(PrivateFileError::Io(source)) => Err(KeyringError::Read { path, source }),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileContent {
    #[serde(default)]
    key: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    account_id: String,
    region: String,
    state: KeyState,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    principals: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requests_per_second: Option<u32>,
    #[serde(default)]
    created_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_at: Option<i64>,
    material: Vec<String>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.material.zeroize();
    }
}

impl Entry {
    fn check(mut self) -> Result<CustomerKey, String> {
        let id = std::mem::take(&mut self.id);
        let wrong = |problem: &str| format!("key {id}: {problem}");
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !(1..=64).contains(&id.len()) || !id.bytes().all(is_id) {
            return Err(wrong("id must be 1 to 64 letters, digits or `-`"));
        }
        if !crate::auth::is_account_id(&self.account_id) {
            return Err(wrong("account_id must be 12 digits"));
        }
        if self.delete_at.is_some() != (self.state == KeyState::PendingDeletion) {
            return Err(wrong("delete_at belongs to the state pending-deletion"));
        }
        if let Some(alias) = self.aliases.iter().find(|alias| !is_alias(alias)) {
            return Err(wrong(&format!("not an alias alias={alias}")));
        }
        let material: Option<Vec<_>> = self.material.iter().map(|text| decode(text)).collect();
        let material = material.filter(|material| !material.is_empty()).ok_or_else(|| {
            wrong("material must be a list of 32 bytes each in base64, and not empty")
        })?;
        Ok(CustomerKey {
            account_id: std::mem::take(&mut self.account_id),
            region: std::mem::take(&mut self.region),
            state: self.state,
            aliases: std::mem::take(&mut self.aliases),
            principals: std::mem::take(&mut self.principals),
            requests_per_second: self.requests_per_second,
            created_at: self.created_at,
            delete_at: self.delete_at,
            material,
            id,
        })
    }
}

/// Whether this is `alias/` and a name of letters, digits, `/`, `_` or `-`.
#[must_use]
pub fn is_alias(text: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte);
    text.strip_prefix("alias/")
        .is_some_and(|name| (1..=250).contains(&name.len()) && name.bytes().all(is_name))
}

fn decode(text: &str) -> Option<Material> {
    let bytes = Zeroizing::new(STANDARD.decode_to_vec(text).ok()?);
    Some(Material(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
}

/// No id is in the file twice, and no alias in an account and Region.
fn check_names(keys: &[CustomerKey]) -> Result<(), String> {
    let mut seen = HashSet::new();
    for key in keys {
        let names = key.aliases.iter().chain([&key.id]);
        for name in names {
            if !seen.insert((&key.account_id, &key.region, name)) {
                return Err(format!(
                    "the name is taken name={name} account={} region={}",
                    key.account_id, key.region
                ));
            }
        }
    }
    Ok(())
}

fn render(keys: &[CustomerKey]) -> Zeroizing<String> {
    let entry = |key: &CustomerKey| Entry {
        id: key.id.clone(),
        account_id: key.account_id.clone(),
        region: key.region.clone(),
        state: key.state,
        aliases: key.aliases.clone(),
        principals: key.principals.clone(),
        requests_per_second: key.requests_per_second,
        created_at: key.created_at,
        delete_at: key.delete_at,
        material: key
            .material
            .iter()
            .map(|material| STANDARD.encode_to_string(material.expose()))
            .collect(),
    };
    let content = FileContent { key: keys.iter().map(entry).collect() };
    let tables = toml::to_string(&content).expect("texts and integers can be written as TOML");
    Zeroizing::new(format!("{HEADER}\n{tables}"))
}

fn line_of(text: &str, error: &toml::de::Error) -> String {
    let Some(span) = error.span() else { return String::new() };
    let line = text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1;
    format!(" line={line}")
}
