//! Journal files that may be damaged.

use super::finding::Lost;
use super::scan::{Frame, Hole, Runs, likely_file_id, scan};
use crate::format::frame::FrameKind;
use crate::format::header::FILE_HEADER_BYTES;
use crate::format::journal_header::JournalHeader;
use crate::recovered::RecoveredCommand;
use anabranch_model::ShardKey;
use anabranch_model::sequence_number::INDEX_CLOSED;
use bytes::Bytes;
use std::collections::HashSet;
use std::ops::Range;
use std::path::PathBuf;

/// What a journal file holds.
#[derive(Debug)]
pub(super) struct JournalPart {
    pub(super) path: PathBuf,
    pub(super) header: Option<JournalHeader>,
    pub(super) frames: Vec<Frame>,
    pub(super) gaps: Vec<Gap>,
    /// The cell's next index at its end, as far as it is known.
    pub(super) end_index: u64,
    /// Whether nothing is missing at its end.
    pub(super) is_whole: bool,
    /// Where what cannot be read begins at the end, if something is there.
    pub(super) tail: Option<(u64, u64)>,
}

/// Damaged bytes, and the indices that the records in them had.
#[derive(Debug)]
pub(super) struct Gap {
    pub(super) hole: Hole,
    indices: Range<u64>,
}

impl JournalPart {
    pub(super) fn empty(path: PathBuf) -> Self {
        let (frames, gaps) = (Vec::new(), Vec::new());
        Self { path, header: None, frames, gaps, end_index: 0, is_whole: false, tail: None }
    }

    /// Finds what is intact in the file's bytes. `limit`: where the next file begins.
    pub(super) fn of(
        path: PathBuf,
        header: Option<JournalHeader>,
        bytes: &Bytes,
        limit: u64,
    ) -> Self {
        let file_id = header.map(|header| header.file_id).or_else(|| likely_file_id(bytes));
        let Some(file_id) = file_id else { return Self { header, ..Self::empty(path) } };
        let first_index = header.map_or(0, |header| header.next_index);
        let found = scan(bytes, FILE_HEADER_BYTES as usize, file_id, |before, next| {
            let end = before.map_or(first_index, Frame::end_index);
            let is_below = next.index <= limit && next.index <= INDEX_CLOSED;
            next.index >= end && is_below
        });
        let gaps = found.holes.into_iter().map(|hole| {
            let before = hole.place.checked_sub(1).map(|place| found.frames[place].end_index());
            let after = found.frames.get(hole.place).map(|frame| frame.header.index);
            let from = before.unwrap_or(first_index);
            let known = hole.header.map(|header| {
                let count = match header.kind {
                    FrameKind::Run => u64::from(header.count),
                    _ => 0,
                };
                header.index..header.index + count
            });
            let to = after.or(found.sealed_at).or(found.marked_at).unwrap_or(from);
            Gap { indices: known.unwrap_or(from..to.max(from)), hole }
        });
        let gaps: Vec<Gap> = gaps.collect();
        // Of an older version, or killed before it could leave a mark.
        let is_cut = header.is_none_or(|header| header.file_bytes > bytes.len() as u64);
        let last = found.frames.last().map_or(first_index, Frame::end_index);
        let known_end = gaps.iter().map(|gap| gap.indices.end).max().unwrap_or(0);
        let rest = bytes.get(found.end as usize..).unwrap_or_default();
        let is_ours = |rest: &[u8]| {
            let start = rest.get(..16.min(rest.len())).unwrap_or_default();
            start.get(8..16) == Some(&file_id.to_le_bytes()[..])
                || (start.iter().any(|byte| *byte != 0) && start.get(..4) == Some(b"ABF1"))
        };
        let is_open = found.sealed_at.is_none() && found.marked_at.is_none();
        let tail = (is_open && is_ours(rest)).then(|| {
            let used = rest.iter().rposition(|byte| *byte != 0).map_or(0, |at| at as u64 + 1);
            (found.end, used)
        });
        Self {
            path,
            header,
            frames: found.frames,
            gaps,
            end_index: found.sealed_at.unwrap_or(0).max(last).max(known_end),
            is_whole: !is_open || (tail.is_none() && !is_cut && limit == INDEX_CLOSED),
            tail,
        }
    }

    pub(super) fn commands(&self) -> impl Iterator<Item = RecoveredCommand> {
        let commands = self.frames.iter().filter(|frame| frame.header.kind == FrameKind::Command);
        commands.map(|frame| RecoveredCommand {
            number: frame.header.subject,
            index: frame.header.index,
            arrival_ms: frame.header.arrival_ms,
            payload: frame.body.clone(),
        })
    }

    pub(super) fn last_ms(&self) -> u64 {
        let newest = self.frames.iter().map(|frame| frame.header.arrival_ms).max().unwrap_or(0);
        newest.max(self.header.map_or(0, |header| header.last_ms))
    }

    /// Adds the runs that a segment has of this chapter and the file does not.
    pub(super) fn fill(&mut self, runs: &Runs) {
        let is_run = |frame: &&Frame| frame.header.kind == FrameKind::Run;
        let here: HashSet<u64> =
            self.frames.iter().filter(is_run).map(|frame| frame.header.index).collect();
        for (shard, runs) in runs {
            let missing = runs.iter().filter(|run| !here.contains(&run.first_index));
            self.frames.extend(missing.map(|run| Frame::of(*shard, run)));
        }
        // A command stands before the records from its index on.
        self.frames.sort_by_key(|frame| (frame.header.index, frame.header.kind == FrameKind::Run));
        let last = self.frames.last().map_or(0, Frame::end_index);
        self.end_index = self.end_index.max(last);
    }
}

impl JournalPart {
    pub(super) fn lost_in(&self, gap: &Gap) -> Lost {
        match gap.hole.header {
            Some(header) if header.kind == FrameKind::Command => {
                Lost::Command { number: header.subject }
            }
            Some(header) if header.kind == FrameKind::Run => {
                match self.lost_between(gap.indices.clone()) {
                    Lost::Records { indices, records_max, .. } => {
                        let shard = Some(ShardKey(header.subject));
                        Lost::Records { shard, indices, records_max }
                    }
                    other => other,
                }
            }
            Some(_) => Lost::Nothing,
            None if gap.indices.is_empty() => {
                // No record is missing; a command takes no index.
                Lost::Records { shard: None, indices: gap.indices.clone(), records_max: 0 }
            }
            None => self.lost_between(gap.indices.clone()),
        }
    }

    /// What of these indices the frames do not have.
    pub(super) fn lost_between(&self, indices: Range<u64>) -> Lost {
        let inside = |frame: &&Frame| {
            frame.header.kind == FrameKind::Run && indices.contains(&frame.header.index)
        };
        let found: u64 =
            self.frames.iter().filter(inside).map(|frame| u64::from(frame.header.count)).sum();
        let records_max = (indices.end - indices.start).saturating_sub(found);
        match records_max {
            0 => Lost::Nothing,
            _ => Lost::Records { shard: None, indices, records_max },
        }
    }
}
