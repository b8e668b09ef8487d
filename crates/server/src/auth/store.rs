//! The credentials that a running server believes, kept in step with their file.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anabranch_env::files::FileVersion;
use parking_lot::{Mutex, RwLock};

use super::credentials::{Credential, CredentialsError, CredentialsFile};

type Credentials = HashMap<Arc<str>, Arc<Credential>>;

/// Access keys by id.
///
/// The file is looked at not more than once a second and read when it has changed. While it is
/// missing, unreadable or wrong, the last good content stays in force and the log says why, once
/// per change of the file (or at each look, see [`may_pass`]): a typing error must not lock
/// everybody out.
#[derive(Debug)]
pub struct CredentialStore {
    file: CredentialsFile,
    checked_at: AtomicI64,
    /// The file that was last read, with or without success; nothing if it was not there. Locked
    /// by whoever is reading the file.
    seen: Mutex<Option<FileVersion>>,
    credentials: RwLock<Credentials>,
}

impl CredentialStore {
    /// Reads the file, which must be good at the start.
    pub fn open(file: CredentialsFile, now_unix_secs: i64) -> Result<Self, CredentialsError> {
        // Taken before reading: a change in between is then noticed at the next look.
        let seen = FileVersion::of(file.path()).ok();
        let credentials = by_id(file.load()?);
        Ok(Self {
            file,
            checked_at: AtomicI64::new(now_unix_secs),
            seen: Mutex::new(seen),
            credentials: RwLock::new(credentials),
        })
    }

    /// The access key with this id. Once a second one caller does a `stat` first, and reads the
    /// file if it has changed.
    pub fn lookup(&self, access_key_id: &str, now_unix_secs: i64) -> Option<Arc<Credential>> {
        if self.may_check(now_unix_secs) {
            self.reload_if_changed();
        }
        self.credentials.read().get(access_key_id).cloned()
    }

    /// Looks at the file at once, and reads it if it has changed.
    pub fn look(&self) {
        self.reload_if_changed();
    }

    /// Number of access keys in force.
    pub fn len(&self) -> usize {
        self.credentials.read().len()
    }

    /// Whether nobody can call.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True for one caller in each second, also when the clock was set back.
    fn may_check(&self, now_unix_secs: i64) -> bool {
        let last = self.checked_at.load(Ordering::Relaxed);
        last != now_unix_secs
            && self
                .checked_at
                .compare_exchange(last, now_unix_secs, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    fn reload_if_changed(&self) {
        let path = self.file.path();
        let version = FileVersion::of(path).ok();
        let Some(mut seen) = self.seen.try_lock().filter(|seen| **seen != version) else {
            return;
        };
        match self.file.load() {
            Ok(credentials) => {
                let count = credentials.len();
                *self.credentials.write() = by_id(credentials);
                tracing::info!(path = %path.display(), count, "credentials file read again");
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "credentials file changed but cannot be used, the previous keys stay in force"
                );
                if matches!(&error, CredentialsError::Read { source, .. } if may_pass(source)) {
                    return;
                }
            }
        }
        *seen = version;
    }
}

/// Whether the system may read the unchanged file at another time: it said no for a reason that
/// is not the file's, such as that the process has no file descriptor left.
pub(crate) fn may_pass(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotFound, PermissionDenied};
    let is_files = matches!(error.kind(), IsADirectory | NotFound | PermissionDenied);
    error.raw_os_error().is_some() && !is_files
}

fn by_id(credentials: Vec<Credential>) -> Credentials {
    credentials
        .into_iter()
        .map(|credential| (Arc::clone(&credential.access_key_id), Arc::new(credential)))
        .collect()
}
