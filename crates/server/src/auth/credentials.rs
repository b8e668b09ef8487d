//! The credentials file: who may call, and with which secret.
//!
//! ```toml
//! [[credential]]
//! access_key_id = "AKIAIOSFODNN7EXAMPLE"
//! secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
//! account_id = "123456789012"
//! user = "alice"
//! session_token = "..."                  # optional: must then accompany every request
//! expires_at = "2030-01-01T00:00:00Z"    # optional: RFC 3339, or Unix seconds
//! created_at = "2025-01-01T00:00:00Z"    # optional: for people
//! role = "orders-app"                    # optional: the key is a session of this role
//! policies = ["put-orders"]              # optional: may do what these allow; else everything
//!
//! [[policy]]
//! name = "put-orders"
//! document = '''
//! { "Version": "2012-10-17", "Statement": [ ... ] }
//! '''
//! ```
//!
//! Guarantees:
//!
//! - A file that group or others may touch is refused, not only warned about.
//! - Unknown fields, malformed values and repeated access key ids are refused with file and line;
//!   no message shows a secret.
//! - A change is made durable under a new name before it takes the old one's place, so that a
//!   crash leaves either the old or the new file. The new name is also the lock between two
//!   processes that change the file at once. Comments are not kept.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anabranch_env::files::{self, Access, ForeignOwner, NewFile, PRIVATE_FILE, PrivateFileError};
use anabranch_policy::{Policy, Principal};
use anabranch_protocol::sigv4::timestamp;
use aws_lc_rs::rand::SecureRandom;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use toml::Spanned;
use toml::value::{Datetime, Offset};

use super::policies::{self, AttachedPolicies, NamedPolicy};
use super::secret::{self, Secret};

/// No sane file comes near; a wrong path (a device, a log) is noticed before it fills the memory.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Longest access key id. Source: IAM's API reference, AccessKey.
pub(super) const ACCESS_KEY_ID_LEN_MAX: usize = 128;
/// Of the name of the file's next content.
const NEW_SUFFIX: &str = ".new";
const HEADER: &str = "# Access keys of this Anabranch server. Keep it secret (mode 0600).\n\
                      # Comments are lost when a command changes this file.\n";

/// One access key.
#[derive(Debug, Clone, PartialEq)]
pub struct Credential {
    /// Names the secret in requests.
    pub access_key_id: Arc<str>,
    /// What requests are signed with.
    pub secret_access_key: Secret,
    /// The account whose streams it reaches: 12 digits.
    pub account_id: Arc<str>,
    /// Name of the user within the account, or of the session of a role.
    pub user: Arc<str>,
    /// The role that the key is a session of.
    pub role: Option<Arc<str>>,
    /// Must accompany every request if it is there, and must not if it is not.
    pub session_token: Option<Secret>,
    /// Unix seconds after which the key is refused.
    pub expires_at: Option<i64>,
    /// Unix seconds of its making.
    pub created_at: Option<i64>,
    /// Whom requests with the key come from.
    pub principal: Arc<Principal>,
    /// What the key may do; `None`: everything in its account.
    pub policies: Option<AttachedPolicies>,
}

/// What the maker of a new access key decides.
#[derive(Debug, Clone)]
pub struct NewCredential {
    /// 12 digits.
    pub account_id: String,
    /// 1 to 64 letters, digits or `_+=,.@-`, as IAM's user names.
    pub user: String,
    /// Unix seconds after which the key is refused.
    pub expires_at: Option<i64>,
    /// Access key id and secret, when they are not to be random.
    pub key_pair: Option<(String, Secret)>,
    /// Must accompany every request made with the key.
    pub session_token: Option<Secret>,
    /// The role that the key is a session of, named like a user.
    pub role: Option<String>,
    /// Names of policies in the file; `None`: the key may do everything in its account.
    pub policies: Option<Vec<String>>,
}

/// Why the credentials file was not read or not changed.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Reading failed.
    #[error("cannot read credentials file path={}", path.display())]
    Read {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than its owner have access.
    #[error(
        "credentials file is open to others than its owner, run `chmod 600 {}` mode={mode:04o}",
        path.display()
    )]
    OpenToOthers {
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to another user.
    #[error(
        "credentials file belongs to another user, who can change it: {}",
        owner.remedy(path)
    )]
    Foreign {
        path: PathBuf,
        /// That user.
        owner: ForeignOwner,
    },
    /// Its content is wrong.
    #[error("{}:{line}: {problem}", path.display())]
    Invalid {
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong there.
        problem: String,
    },
    /// A value for a new key, or a change of an old one, is wrong.
    #[error("{0}")]
    InvalidNew(String),
    /// Another process is changing the file, or died while it did.
    #[error(
        "another process is changing the credentials file; if none is, remove {}",
        lock.display()
    )]
    Busy {
        /// The temporary file.
        lock: PathBuf,
    },
    /// Writing failed; the file is as before.
    #[error("cannot write credentials file path={}", path.display())]
    Write {
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system has no random numbers.
    #[error("cannot get random bytes from the system")]
    NoRandomness,
}

/// A credentials file by its path, for commands that show or change it.
#[derive(Debug, Clone)]
pub struct CredentialsFile {
    path: PathBuf,
}

impl CredentialsFile {
    /// Names a file, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads and checks it; answers the access keys. The order is the file's.
    pub fn load(&self) -> Result<Vec<Credential>, CredentialsError> {
        Ok(self.load_all()?.credentials)
    }

    /// Reads and checks it; answers the policies. The order is the file's.
    pub fn policies(&self) -> Result<Vec<NamedPolicy>, CredentialsError> {
        Ok(self.load_all()?.policies)
    }

    fn load_all(&self) -> Result<Content, CredentialsError> {
        let text = self.read()?;
        parse(&text).map_err(|fault| CredentialsError::Invalid {
            path: self.path.clone(),
            line: line_at(&text, fault.at),
            problem: fault.problem,
        })
    }

    /// Makes an access key, adds it to the file (which is created if need be) and returns it.
    pub fn add(
        &self,
        new: &NewCredential,
        rng: &dyn SecureRandom,
        now_unix_secs: i64,
    ) -> Result<Credential, CredentialsError> {
        check_account_id(&new.account_id).map_err(CredentialsError::InvalidNew)?;
        check_user(&new.user).map_err(CredentialsError::InvalidNew)?;
        new.role.as_deref().map_or(Ok(()), check_role).map_err(CredentialsError::InvalidNew)?;
        if let Some(token) = &new.session_token {
            check_secret("session_token", token.expose()).map_err(CredentialsError::InvalidNew)?;
        }
        let fresh = |_| CredentialsError::NoRandomness;
        let (access_key_id, secret_access_key) = match &new.key_pair {
            Some((id, secret)) => {
                check_access_key_id(id).map_err(CredentialsError::InvalidNew)?;
                check_secret("secret_access_key", secret.expose())
                    .map_err(CredentialsError::InvalidNew)?;
                (id.as_str().into(), secret.clone())
            }
            None => (
                secret::random_access_key_id(rng).map_err(fresh)?.into(),
                secret::random_secret(rng).map_err(fresh)?,
            ),
        };
        let new_file = self.begin_change()?;
        let mut content = self.load_or_empty()?;
        let policies = new.policies.as_deref().map(|names| {
            AttachedPolicies::find(names.iter().map(String::as_str), &content.policies)
        });
        let credential = Credential {
            access_key_id,
            secret_access_key,
            account_id: new.account_id.as_str().into(),
            user: new.user.as_str().into(),
            role: new.role.as_deref().map(Arc::from),
            session_token: new.session_token.clone(),
            expires_at: new.expires_at,
            created_at: Some(now_unix_secs),
            principal: principal(&new.account_id, new.role.as_deref(), &new.user),
            policies: policies.transpose().map_err(CredentialsError::InvalidNew)?,
        };
        let others = &content.credentials;
        if others.iter().any(|other| other.access_key_id == credential.access_key_id) {
            let id = &credential.access_key_id;
            return Err(CredentialsError::InvalidNew(format!(
                "the file has this access key already; remove it first access_key_id={id}"
            )));
        }
        content.credentials.push(credential.clone());
        self.end_change(new_file, &content)?;
        Ok(credential)
    }

    /// Removes an access key; says whether there was one.
    pub fn remove(&self, access_key_id: &str) -> Result<bool, CredentialsError> {
        let new_file = self.begin_change()?;
        let mut content = self.load_all()?;
        let count_before = content.credentials.len();
        content.credentials.retain(|credential| *credential.access_key_id != *access_key_id);
        if content.credentials.len() == count_before {
            return Ok(false);
        }
        self.end_change(new_file, &content)?;
        Ok(true)
    }

    /// Adds a policy, or replaces the one of its name, for all keys that have it; says which.
    pub fn put_policy(&self, name: &str, document: &str) -> Result<bool, CredentialsError> {
        let invalid = CredentialsError::InvalidNew;
        policies::check_name(name).map_err(invalid)?;
        let policy = Policy::parse_identity(document).map_err(|e| invalid(e.to_string()))?;
        let new =
            NamedPolicy { name: name.into(), document: document.into(), policy: Arc::new(policy) };
        let new_file = self.begin_change()?;
        let mut content = self.load_or_empty()?;
        let old = content.policies.iter_mut().find(|policy| *policy.name == *name);
        let is_replaced = old.is_some();
        match old {
            Some(old) => *old = new,
            None => content.policies.push(new),
        }
        self.end_change(new_file, &content)?;
        Ok(is_replaced)
    }

    /// Removes a policy that no key has; says whether there was one.
    pub fn remove_policy(&self, name: &str) -> Result<bool, CredentialsError> {
        let new_file = self.begin_change()?;
        let mut content = self.load_all()?;
        let has_it = |credential: &&Credential| {
            let attached = credential.policies.as_ref();
            attached.is_some_and(|policies| policies.names.iter().any(|other| **other == *name))
        };
        if let Some(credential) = content.credentials.iter().find(has_it) {
            let id = &credential.access_key_id;
            let problem = format!("a key has the policy; detach it first access_key_id={id}");
            return Err(CredentialsError::InvalidNew(problem));
        }
        let count_before = content.policies.len();
        content.policies.retain(|policy| *policy.name != *name);
        if content.policies.len() == count_before {
            return Ok(false);
        }
        self.end_change(new_file, &content)?;
        Ok(true)
    }

    /// Changes which policies a key has; `change` gets their names (`None`: it may do everything)
    /// and answers the new ones.
    pub fn change_policies(
        &self,
        access_key_id: &str,
        change: impl FnOnce(Option<Vec<String>>) -> Result<Option<Vec<String>>, String>,
    ) -> Result<Credential, CredentialsError> {
        let invalid = CredentialsError::InvalidNew;
        let new_file = self.begin_change()?;
        let mut content = self.load_all()?;
        let known = &content.policies;
        let credential =
            content.credentials.iter_mut().find(|other| *other.access_key_id == *access_key_id);
        let credential = credential.ok_or_else(|| {
            invalid(format!("the file has no such key access_key_id={access_key_id}"))
        })?;
        let names = credential.policies.as_ref();
        let names = names.map(|policies| policies.names.iter().map(ToString::to_string).collect());
        let names = change(names).map_err(invalid)?;
        let attached =
            names.map(|names| AttachedPolicies::find(names.iter().map(String::as_str), known));
        credential.policies = attached.transpose().map_err(invalid)?;
        let changed = credential.clone();
        self.end_change(new_file, &content)?;
        Ok(changed)
    }

    fn load_or_empty(&self) -> Result<Content, CredentialsError> {
        match self.load_all() {
            Err(CredentialsError::Read { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                Ok(Content::default())
            }
            loaded => loaded,
        }
    }

    fn read(&self) -> Result<String, CredentialsError> {
        let path = self.path.clone();
        let mut text = String::new();
        match files::read_private(&path, FILE_BYTES_MAX, &mut text) {
            Ok(access) => {
                if access == Access::OwnGroup {
                    tracing::info!(path = %path.display(), "a group of this process has access, too");
                }
                Ok(text)
            }
            Err(PrivateFileError::OpenToOthers { mode }) => {
                Err(CredentialsError::OpenToOthers { path, mode })
            }
            Err(PrivateFileError::Foreign(owner)) => Err(CredentialsError::Foreign { path, owner }),
            Err(PrivateFileError::Io(source)) => Err(CredentialsError::Read { path, source }),
        }
    }

    /// Makes the file's next content, empty: it is there exactly while a change is under way.
    fn begin_change(&self) -> Result<NewFile, CredentialsError> {
        NewFile::create(&self.path, NEW_SUFFIX, PRIVATE_FILE).map_err(|source| {
            match source.kind() {
                io::ErrorKind::AlreadyExists => {
                    CredentialsError::Busy { lock: files::beside(&self.path, NEW_SUFFIX) }
                }
                _ => CredentialsError::Write { path: self.path.clone(), source },
            }
        })
    }

    fn end_change(&self, new_file: NewFile, content: &Content) -> Result<(), CredentialsError> {
        let written = new_file.put_in_place(render(content).as_bytes());
        written.map_err(|source| CredentialsError::Write { path: self.path.clone(), source })
    }
}

/// All that the file has.
#[derive(Default)]
struct Content {
    credentials: Vec<Credential>,
    policies: Vec<NamedPolicy>,
}

/// The file's tables as they are read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileContent {
    #[serde(default)]
    credential: Vec<ReadEntry>,
    #[serde(default)]
    policy: Vec<ReadPolicy>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadPolicy {
    name: Spanned<String>,
    document: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadEntry {
    access_key_id: Spanned<String>,
    secret_access_key: Spanned<String>,
    account_id: Spanned<String>,
    user: Spanned<String>,
    session_token: Option<Spanned<String>>,
    expires_at: Option<PointInTime>,
    created_at: Option<PointInTime>,
    role: Option<Spanned<String>>,
    policies: Option<Spanned<Vec<String>>>,
}

/// The same as they are written.
#[derive(Serialize)]
struct WrittenContent<'a> {
    credential: Vec<WrittenEntry<'a>>,
    policy: Vec<WrittenPolicy<'a>>,
}

#[derive(Serialize)]
struct WrittenPolicy<'a> {
    name: &'a str,
    document: &'a str,
}

#[derive(Serialize)]
struct WrittenEntry<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    account_id: &'a str,
    user: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policies: Option<Vec<&'a str>>,
}

struct Fault {
    /// Byte of the text where it is.
    at: usize,
    problem: String,
}

fn parse(text: &str) -> Result<Content, Fault> {
    // The full text of a TOML error quotes the line, which may hold a secret.
    let content: FileContent = toml::from_str(text).map_err(|error| Fault {
        at: error.span().map_or(0, |span| span.start),
        problem: error.message().to_owned(),
    })?;
    let mut policies: Vec<NamedPolicy> = Vec::with_capacity(content.policy.len());
    for entry in content.policy {
        let at = entry.name.span().start;
        let policy = entry.check(text)?;
        if policies.iter().any(|other| other.name == policy.name) {
            let problem = format!("there are two policies `{}`", policy.name);
            return Err(Fault { at, problem });
        }
        policies.push(policy);
    }
    let mut seen = HashMap::new();
    let mut credentials = Vec::with_capacity(content.credential.len());
    for entry in content.credential {
        let at = entry.access_key_id.span().start;
        let credential = entry.check(&policies)?;
        if let Some(first) = seen.insert(Arc::clone(&credential.access_key_id), at) {
            let id = &credential.access_key_id;
            let line = line_at(text, first);
            let problem = format!("access_key_id {id} is already used on line {line}");
            return Err(Fault { at, problem });
        }
        credentials.push(credential);
    }
    Ok(Content { credentials, policies })
}

impl ReadPolicy {
    /// `text` is the whole file.
    fn check(self, text: &str) -> Result<NamedPolicy, Fault> {
        check_field(&self.name, policies::check_name)?;
        let span = self.document.span();
        let document = self.document.into_inner();
        let policy = Policy::read_identity(&document).map_err(|error| Fault {
            at: span.start + policies::offset_of_line(&text[span], error.line),
            problem: format!("policy `{}`: {}", self.name.get_ref(), error.problem),
        })?;
        // A version that did not know the keys has accepted it: without it nobody would get in.
        if let Err(error) = policy.check_keys(&document) {
            tracing::warn!(policy = %self.name.get_ref(), %error, "a statement is without effect");
        }
        let name = self.name.into_inner().into();
        Ok(NamedPolicy { name, document: document.into(), policy: Arc::new(policy) })
    }
}

impl ReadEntry {
    fn check(self, known: &[NamedPolicy]) -> Result<Credential, Fault> {
        check_field(&self.access_key_id, check_access_key_id)?;
        check_field(&self.secret_access_key, |text| check_secret("secret_access_key", text))?;
        check_field(&self.account_id, check_account_id)?;
        check_field(&self.user, check_user)?;
        if let Some(token) = &self.session_token {
            check_field(token, |text| check_secret("session_token", text))?;
        }
        if let Some(role) = &self.role {
            check_field(role, check_role)?;
        }
        let policies = self.policies.map(|names| {
            let attached = AttachedPolicies::find(names.get_ref().iter().map(|n| &**n), known);
            attached.map_err(|problem| Fault { at: names.span().start, problem })
        });
        let account_id = self.account_id.into_inner();
        let user = self.user.into_inner();
        let role = self.role.map(Spanned::into_inner);
        Ok(Credential {
            access_key_id: self.access_key_id.into_inner().into(),
            secret_access_key: Secret::new(self.secret_access_key.into_inner()),
            principal: principal(&account_id, role.as_deref(), &user),
            policies: policies.transpose()?,
            account_id: account_id.into(),
            user: user.into(),
            role: role.map(Arc::from),
            session_token: self.session_token.map(|token| Secret::new(token.into_inner())),
            expires_at: self.expires_at.map(|time| time.0),
            created_at: self.created_at.map(|time| time.0),
        })
    }
}

fn check_field(
    field: &Spanned<String>,
    check: impl FnOnce(&str) -> Result<(), String>,
) -> Result<(), Fault> {
    check(field.get_ref()).map_err(|problem| Fault { at: field.span().start, problem })
}

/// Within a credential scope the id ends at the first slash, and a comma would end the scope.
fn check_access_key_id(text: &str) -> Result<(), String> {
    let fits = (1..=ACCESS_KEY_ID_LEN_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if fits {
        return Ok(());
    }
    Err(format!("access_key_id must be 1 to 128 letters, digits, `_` or `-`, got `{text}`"))
}

fn check_secret(field: &str, text: &str) -> Result<(), String> {
    if text.is_empty() || text.bytes().any(|b| !b.is_ascii_graphic()) {
        return Err(format!("{field} must be printable ASCII without spaces, and not empty"));
    }
    Ok(())
}

/// Whether this is an account id: 12 digits.
pub(crate) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn check_account_id(text: &str) -> Result<(), String> {
    if is_account_id(text) {
        return Ok(());
    }
    Err(format!("account_id must be 12 digits, got `{text}`"))
}

fn check_user(text: &str) -> Result<(), String> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b));
    if fits {
        return Ok(());
    }
    Err(format!("user must be 1 to 64 letters, digits or `_+=,.@-`, got `{text}`"))
}

fn check_role(text: &str) -> Result<(), String> {
    check_user(text).map_err(|problem| problem.replacen("user", "role", 1))
}

fn principal(account_id: &str, role: Option<&str>, user: &str) -> Arc<Principal> {
    Arc::new(match role {
        Some(role) => Principal::session(account_id, role, user),
        None => Principal::user(account_id, user),
    })
}

fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn render(content: &Content) -> String {
    let credential = content
        .credentials
        .iter()
        .map(|credential| WrittenEntry {
            access_key_id: &credential.access_key_id,
            secret_access_key: credential.secret_access_key.expose(),
            account_id: &credential.account_id,
            user: &credential.user,
            session_token: credential.session_token.as_ref().map(Secret::expose),
            expires_at: credential.expires_at,
            created_at: credential.created_at,
            role: credential.role.as_deref(),
            policies: credential
                .policies
                .as_ref()
                .map(|policies| policies.names.iter().map(|name| &**name).collect()),
        })
        .collect();
    let policy = content
        .policies
        .iter()
        .map(|policy| WrittenPolicy { name: &policy.name, document: &policy.document })
        .collect();
    let tables = toml::to_string_pretty(&WrittenContent { credential, policy })
        .expect("strings and integers can be written as TOML");
    format!("{HEADER}\n{tables}")
}

/// Unix seconds, read from an integer, an RFC 3339 string or a TOML date-time with an offset.
struct PointInTime(i64);

impl<'de> Deserialize<'de> for PointInTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PointInTimeVisitor).map(Self)
    }
}

struct PointInTimeVisitor;

impl<'de> Visitor<'de> for PointInTimeVisitor {
    type Value = i64;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an RFC 3339 date-time with an offset, or Unix seconds")
    }

    fn visit_i64<E: serde::de::Error>(self, secs: i64) -> Result<i64, E> {
        Ok(secs)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<i64, E> {
        text.parse().ok().and_then(unix_secs).ok_or_else(|| {
            E::custom(format!("`{text}` is not an RFC 3339 date-time with an offset"))
        })
    }

    /// TOML's own date-times arrive as a map.
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<i64, A::Error> {
        let value = Datetime::deserialize(MapAccessDeserializer::new(map))?;
        unix_secs(value)
            .ok_or_else(|| A::Error::custom(format!("`{value}` is not a date-time with an offset")))
    }
}

fn unix_secs(value: Datetime) -> Option<i64> {
    let (date, time) = (value.date?, value.time?);
    let offset_secs = match value.offset? {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes) * 60,
    };
    let local = timestamp::unix_from_civil(
        date.year.into(),
        date.month.into(),
        date.day.into(),
        time.hour.into(),
        time.minute.into(),
        time.second.into(),
    )?;
    Some(local - offset_secs)
}
