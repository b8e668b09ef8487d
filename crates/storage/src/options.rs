//! How a store is set up.

use std::path::PathBuf;
use std::time::Duration;

/// When an append counts as durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// After `fdatasync`. The default.
    Sync,
    /// After `write`; synced at this interval. A power cut loses up to that much, a killed
    /// process nothing.
    Interval(Duration),
    /// At once: nothing is written to disk, and a restart is empty.
    Memory,
}

impl Durability {
    /// Whether a power cut may take what was acknowledged, and leave the rest.
    pub(crate) fn acknowledges_early(self) -> bool {
        matches!(self, Self::Interval(_))
    }
}

impl std::fmt::Display for Durability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sync => f.write_str("sync"),
            Self::Interval(period) => write!(f, "interval={}", period.as_millis()),
            Self::Memory => f.write_str("memory"),
        }
    }
}

/// How a store is set up.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// Where everything lives. Not touched in durability `memory`.
    pub directory: PathBuf,
    /// When an append counts as durable.
    pub durability: Durability,
    /// Size of a journal file in bytes, and so of what becomes one set of segments. At least
    /// [`StoreOptions::JOURNAL_FILE_BYTES_MIN`].
    pub journal_file_bytes: u64,
    /// Memory for recent records in bytes, what is not yet in segments included.
    pub tail_cache_bytes: u64,
    /// In durability `memory`, whether the oldest records go when that is full, whether they have been
    /// read or not. Else writes are refused until records expire. Without effect on a disk.
    pub drops_oldest: bool,
    /// Memory for records that wait for the disk in bytes; beyond it, appends wait.
    pub queue_bytes: u64,
    /// Memory for indexes of segments that are read, in bytes.
    pub segment_cache_bytes: u64,
    /// How long an append may wait for room in the queue before it is refused.
    pub queue_patience: Duration,
}

impl StoreOptions {
    /// More than the largest request, so that it fits into a new file.
    pub const JOURNAL_FILE_BYTES_MIN: u64 = 16 << 20;

    /// The defaults for a directory.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            durability: Durability::Sync,
            journal_file_bytes: 64 << 20,
            tail_cache_bytes: 512 << 20,
            drops_oldest: false,
            queue_bytes: 64 << 20,
            segment_cache_bytes: 64 << 20,
            queue_patience: Duration::from_secs(5),
        }
    }

    /// Chapters that may be in memory only because their segments are not written yet.
    pub(crate) fn backlog_chapters_max(&self) -> usize {
        usize::try_from(self.tail_cache_bytes / self.journal_file_bytes)
            .unwrap_or(usize::MAX)
            .max(2)
    }
}
