//! What was found in a damaged directory.

use super::finding::{Finding, Lost, ShardExtent};
use super::journal::JournalPart;
use super::segments::SegmentPart;
use crate::format::layout::Layout;
use crate::format::record::Records;
use crate::format::run::MemRun;
use crate::recovered::RecoveredCommand;
use anabranch_model::ShardKey;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::Path;

/// What was found in a directory.
#[derive(Debug)]
pub struct Salvage {
    pub(super) layout: Layout,
    /// The newest snapshot that is intact.
    pub snapshot: Option<Bytes>,
    /// The commands behind it that were found, in order.
    pub commands: Vec<RecoveredCommand>,
    /// The records that were found, by shard.
    pub shards: BTreeMap<ShardKey, ShardExtent>,
    /// What was damaged.
    pub findings: Vec<Finding>,
    /// Number of the last command that is known of.
    pub last_command: u64,
    pub(super) next_index: u64,
    pub(super) last_ms: u64,
    pub(super) journals: BTreeMap<u64, JournalPart>,
    pub(super) segments: Vec<SegmentPart>,
}

impl Salvage {
    pub(super) fn add(&mut self, path: &Path, offset: u64, bytes: u64, lost: Lost) {
        self.findings.push(Finding { path: path.to_owned(), offset, bytes, lost });
    }

    /// Whether something that was acknowledged is gone, or may be.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.findings.iter().all(|finding| finding.lost == Lost::Nothing)
    }

    /// Counts a run that was found.
    pub(super) fn count(&mut self, shard: ShardKey, run: &MemRun) {
        let has_sealed = Records::new(&run.body).any(|record| record.sealed.is_some());
        let extent = self.shards.entry(shard).or_insert(ShardExtent {
            records: 0,
            first_index: run.first_index,
            end_index: run.end_index(),
            first_ms: run.arrival_ms,
            last_ms: run.arrival_ms,
            has_sealed,
        });
        extent.records += u64::from(run.count);
        extent.first_index = extent.first_index.min(run.first_index);
        extent.end_index = extent.end_index.max(run.end_index());
        extent.first_ms = extent.first_ms.min(run.arrival_ms);
        extent.last_ms = extent.last_ms.max(run.arrival_ms);
        extent.has_sealed |= has_sealed;
        self.next_index = self.next_index.max(run.end_index());
        self.last_ms = self.last_ms.max(run.arrival_ms);
    }
}
