//! The files that are open for writing.

use super::format::SegmentName;
use anabranch_env::{DiskFile, DiskLock};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What only the one that writes uses.
pub(super) struct Files {
    /// `None`: the spool has ended.
    pub(super) lock: Option<DiskLock>,
    pub(super) active: Option<Active>,
    pub(super) next_number: u64,
    pub(super) buffer: Vec<u8>,
    pub(super) outcomes: BTreeMap<u64, Arc<dyn DiskFile>>,
    pub(super) has_warned: bool,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").field("active", &self.active).finish_non_exhaustive()
    }
}

/// The segment that is written to.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) name: SegmentName,
    pub(super) file: Arc<dyn DiskFile>,
    /// Bytes that are durable; 0: it is new.
    pub(super) len: u64,
    /// The index of the next record.
    pub(super) end: u32,
}

impl Files {
    pub(super) fn new(lock: DiskLock, next_number: u64) -> Self {
        Self {
            lock: Some(lock),
            active: None,
            next_number,
            buffer: Vec::new(),
            outcomes: BTreeMap::new(),
            has_warned: false,
        }
    }
}
