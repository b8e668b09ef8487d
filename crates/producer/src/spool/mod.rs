//! A spool: records on the disk from when they are put until they have an outcome, so that they survive the end
//! of the process and an outage that is longer than memory.
//!
//! ```text
//! put ─► queue ─► records file, synced ─┬─ there is room, nothing before it waits ─► pipeline ─► outcome
//!                 (many share a sync)   │                                              ▲            │
//!                                       └─ else it stays on the disk ─► read back ─────┘   outcomes file;
//!                                                                     in order       segments without rest go
//! ```
//!
//! Invariants:
//! - What was accepted is durable: `put` returns after the sync of its record and of its file's name.
//! - Records are handed on in the order in which they were accepted, each once in a process.
//! - Memory: records on their way to the disk ([`store::WRITING_BYTES_MAX`]), one segment that is read
//!   back, and what the pipelines have room for.
//! - A segment is removed only when each of its records has an outcome. What a closed producer gives up has none.
//! - After a failed sync nothing is accepted until the spool is opened again.
//!
//! `format` is what the files are made of, `ledger` which segments there are and which may go, `reading` what of
//! a segment is handed on: pure. `opening` is what the last process left, `store` what all threads share,
//! `writing` the one that writes, `feeding` the task that reads back.

mod error;
mod feeding;
pub(crate) mod format;
mod ledger;
mod opening;
mod reading;
mod store;
mod writing;

pub use error::{Damage, SpoolError, SpoolTrouble};
pub(crate) use feeding::feed;
pub(crate) use format::SpoolRecord;
pub(crate) use ledger::RecordId;
pub(crate) use store::{Append, Outlet, Spooled, Store};

use std::path::PathBuf;

/// The name of the file that is locked.
const LOCK: &str = "LOCK";

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
    /// Bytes of `max_bytes` that are taken.
    pub bytes: u64,
    /// A write or a sync failed: nothing more is taken.
    pub has_failed: bool,
    /// What could not be read: of very much the first hundred parts.
    pub damage: Vec<Damage>,
}

#[cfg(test)]
mod tests;
