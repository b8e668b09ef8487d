//! Reading the journal files of a damaged directory.

use super::finding::Lost;
use super::found::Salvage;
use super::journal::JournalPart;
use super::scan::{Frame, list, read_lossy};
use crate::error::OpenError;
use crate::format::frame::FrameKind;
use crate::format::header::FILE_HEADER_BYTES;
use crate::format::journal_header::JournalHeader;
use crate::format::layout::number_in;
use crate::format::tail_copy;
use crate::medium::disk::scan::is_beside_journal;
use anabranch_env::Disk;
use anabranch_model::ShardKey;
use anabranch_model::sequence_number::INDEX_CLOSED;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

impl Salvage {
    pub(super) fn read_journals(
        &mut self,
        disk: &dyn Disk,
        progress: &mut dyn FnMut(&Path),
    ) -> Result<(), OpenError> {
        let directory = self.layout.journal_dir();
        let mut files: BTreeMap<u64, (PathBuf, Option<JournalHeader>, Bytes)> = BTreeMap::new();
        for name in list(disk, &directory)? {
            let path = directory.join(&name);
            if is_beside_journal(&name) {
                continue;
            }
            progress(&path);
            let read = disk.open(&path, false).and_then(|file| read_lossy(&*file));
            let Ok(mut bytes) = read else {
                self.add(&path, 0, 0, Lost::Nothing);
                continue;
            };
            let header = JournalHeader::decode(&bytes);
            if let Some(header) = &header
                && tail_copy::overlay(disk, &self.layout, header, &mut bytes).is_err()
            {
                let copy = self.layout.tail_copy();
                self.add(&copy, 0, 0, Lost::Nothing);
            }
            let bytes = Bytes::from(bytes);
            let named = number_in(&name, "journal");
            // A name can be damaged as well as a header; the header has a checksum.
            let Some(number) = header.map(|header| header.number).or(named) else {
                self.add(&path, 0, bytes.len() as u64, Lost::Nothing);
                continue;
            };
            if header.is_none() {
                self.add(&path, 0, FILE_HEADER_BYTES.min(bytes.len() as u64), Lost::Nothing);
            } else if named != Some(number) {
                self.add(&path, 0, 0, Lost::Nothing);
            }
            files.entry(number).or_insert((path, header, bytes));
        }
        let (first, last) = match (files.keys().next(), files.keys().next_back()) {
            (Some(first), Some(last)) => (*first, *last),
            _ => {
                self.add(&directory, 0, 0, Lost::Tail { from_index: self.next_index });
                return Ok(());
            }
        };
        let mut limit = INDEX_CLOSED;
        for number in (first..=last).rev() {
            let part = match files.remove(&number) {
                Some((path, header, bytes)) => JournalPart::of(path, header, &bytes, limit),
                None => JournalPart::empty(self.layout.journal(number)),
            };
            limit = part.header.map_or(limit, |header| header.next_index);
            self.journals.insert(number, part);
        }
        Ok(())
    }

    /// Says what is gone, once segments have filled what they could.
    pub(super) fn finish_journals(&mut self) {
        let mut findings = Vec::new();
        let firsts: BTreeMap<u64, u64> = self
            .journals
            .iter()
            .filter_map(|(number, part)| Some((*number, part.header?.next_index)))
            .collect();
        let mut reached = self.segments.iter().map(|s| s.name.end_index).max().unwrap_or(1);
        for (number, part) in &self.journals {
            let first = part.header.map_or(reached, |header| header.next_index);
            for gap in &part.gaps {
                let lost = part.lost_in(gap);
                findings.push((part.path.clone(), gap.hole.offset, gap.hole.bytes, lost));
            }
            let next_first = firsts.range(number + 1..).next().map(|(_, first)| *first);
            let end = part.end_index.max(first);
            match next_first {
                // The file that follows says how far this one went.
                Some(next) if next > end => {
                    let lost = part.lost_between(end..next);
                    let (offset, bytes) = part.tail.unwrap_or_default();
                    findings.push((part.path.clone(), offset, bytes, lost));
                }
                // No record is missing; commands at the end may be, for they take no index.
                Some(next) if !part.is_whole => {
                    let (offset, bytes) = part.tail.unwrap_or_default();
                    let lost = Lost::Records { shard: None, indices: next..next, records_max: 0 };
                    findings.push((part.path.clone(), offset, bytes, lost));
                }
                None if !part.is_whole => {
                    let (offset, bytes) = part.tail.unwrap_or_default();
                    let lost = Lost::Tail { from_index: end };
                    findings.push((part.path.clone(), offset, bytes, lost));
                }
                _ => {}
            }
            reached = next_first.unwrap_or(end).max(end);
            self.next_index = self.next_index.max(reached);
            self.last_ms = self.last_ms.max(part.last_ms());
        }
        for (path, offset, bytes, lost) in findings {
            self.add(&path, offset, bytes, lost);
        }
        let runs: Vec<Frame> =
            self.journals.values().flat_map(|part| part.frames.iter().cloned()).collect();
        for frame in runs.iter().filter(|frame| frame.header.kind == FrameKind::Run) {
            self.count(ShardKey(frame.header.subject), &frame.run());
        }
    }
}
