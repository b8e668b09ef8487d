//! Opening a medium.

use crate::cell::chapter::Chapter;
use crate::cell::common::Common;
use crate::error::OpenError;
use crate::medium::journal::Journal;
use crate::medium::shelf::Shelf;
use crate::recovered::Recovered;
use anabranch_env::DiskLock;
use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::Arc;

/// Where a cell lies.
pub(crate) trait Medium: Debug {
    /// Makes sure that this process alone writes there, and recovers what is there.
    fn open(&self, common: &Common) -> Result<Opened, OpenError>;
}

/// A medium that is open.
pub(crate) struct Opened {
    pub(crate) found: Found,
    pub(crate) journal: Box<dyn Journal>,
    pub(crate) shelf: Arc<dyn Shelf>,
    /// Held as long as this process may write.
    pub(crate) lock: Option<DiskLock>,
}

/// What was found on a medium.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) recovered: Recovered,
    /// In order; the last one is active.
    pub(crate) chapters: VecDeque<Arc<Chapter>>,
    pub(crate) next_index: u64,
    pub(crate) next_command: u64,
    /// Number of the last command in the snapshot.
    pub(crate) covered_command: Option<u64>,
    pub(crate) last_ms: u64,
    /// Up to when the last process could delete, epoch milliseconds.
    pub(crate) deletion_ms: Option<u64>,
}

/// The first record's index: 0 is the shard's own starting number.
const FIRST_INDEX: u64 = 1;

impl Found {
    /// Nothing: the cell begins here. Its first chapter is yet to be.
    pub(crate) fn nothing() -> Self {
        Self { next_index: FIRST_INDEX, next_command: 1, ..Self::default() }
    }
}
