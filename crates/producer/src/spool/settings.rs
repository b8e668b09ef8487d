//! What is asked of a spool, and what is said of it.

use super::error::Damage;
use std::path::PathBuf;

/// The name of the file that is locked.
pub(super) const LOCK: &str = "LOCK";

/// A spool on the disk. A record that was put is durable there until it has an outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spool {
    /// The directory, for this spool alone. It is made if it is not there. One producer at a time uses it.
    pub directory: PathBuf,
    /// Bytes on the disk at most; 1 GiB by default. Beyond it [`crate::Producer::put`] waits. While the spool
    /// is opened up to 32 MiB more may be needed.
    pub max_bytes: u64,
}

impl Spool {
    /// A spool of 1 GiB in this directory.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), max_bytes: 1 << 30 }
    }

    /// With this bound of bytes.
    #[must_use]
    pub fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = max_bytes;
        self
    }
}

/// What is in a spool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolStatus {
    /// Records without an outcome that an earlier process had left. They are sent again, and consumers may see
    /// them twice.
    pub found: u64,
    /// Records without an outcome now.
    pub records: u64,
    /// Records that were stored since the spool was opened, those of an earlier process too.
    pub stored: u64,
    /// How many of `stored` an earlier process had left.
    pub found_stored: u64,
    /// How many of `stored` an earlier attempt, of whatever process, may have stored as well.
    pub maybe_twice: u64,
    /// Records that failed for good since the spool was opened, for the service refuses them. They are not in
    /// it any more.
    pub failed: u64,
    /// Why the first of `failed` did.
    pub failure: Option<Box<str>>,
    /// Bytes of `max_bytes` that are taken.
    pub bytes: u64,
    /// A write or a sync failed: nothing more is taken.
    pub has_failed: bool,
    /// What could not be read: of very much the first hundred parts.
    pub damage: Vec<Damage>,
}
