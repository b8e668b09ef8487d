//! The new directory.

use super::found::Salvage;
use super::scan::Frame;
use super::segments::{SegmentPart, damaged_runs};
use crate::format::frame::FrameHeader;
use crate::format::header::FILE_HEADER_BYTES;
use crate::format::journal_header::JournalHeader;
use crate::format::layout::Layout;
use crate::format::run::MemRun;
use crate::format::segment::{self, SegmentContent, SegmentName};
use crate::format::segment_list;
use crate::format::snapshot::{self, SnapshotPlace};
use crate::medium::disk::journal_file::JournalFile;
use crate::tools::backup::{BackupError, BackupReport, Copier, begin_target, finish_target};
use anabranch_env::Disk;
use anabranch_model::ShardKey;
use std::io::{self, IoSlice};
use std::path::Path;

/// Frames written at once.
const FRAMES_PER_WRITE: usize = 256;

impl Salvage {
    /// Makes the new directory `to`, durably, with `catalog` (which covers every command) as its
    /// snapshot; `beside` names small files that are copied as they are, if they are there.
    ///
    /// # Errors
    /// When the target is not empty, or the operating system refuses.
    pub fn write(
        &self,
        disk: &dyn Disk,
        to: &Path,
        catalog: (u64, &[u8]),
        beside: &[&str],
        progress: &mut dyn FnMut(u64),
    ) -> Result<BackupReport, BackupError> {
        let to = Layout::new(to);
        let _lock = begin_target(disk, &to)?;
        let mut copier = Copier { disk, bytes: 0, progress };
        let mut report = BackupReport::default();
        let mut listed: Vec<SegmentName> = Vec::new();
        for part in &self.segments {
            let target = to.segment_dir().join(part.name.file_name());
            if part.is_intact {
                copier.copy_file(&part.path, &target)?;
                listed.push(part.name);
            } else if let Some(name) = self.rewrite(disk, &to, part)? {
                listed.push(name);
            }
        }
        report.segments = listed.len() as u64;
        report.journals = self.write_journals(disk, &to)?;
        let (command, payload) = catalog;
        let place = SnapshotPlace { command, next_index: self.next_index, last_ms: self.last_ms };
        snapshot::write(disk, &to, place, payload)
            .map_err(|e| BackupError::io(&to.snapshot(command), e))?;
        segment_list::write(disk, &to, &listed)
            .map_err(|e| BackupError::io(&to.segment_list(), e))?;
        for name in beside {
            let copied = copier.copy_file(&self.layout.root.join(name), &to.root.join(name))?;
            report.others += u64::from(copied);
        }
        report.bytes = copier.bytes;
        finish_target(disk, &to)?;
        Ok(report)
    }

    /// Writes what is intact of a segment. `None`: nothing is.
    fn rewrite(
        &self,
        disk: &dyn Disk,
        to: &Layout,
        part: &SegmentPart,
    ) -> Result<Option<SegmentName>, BackupError> {
        let read = damaged_runs(disk, &part.path, part.name.chapter);
        let runs = read.map_err(|e| BackupError::io(&part.path, e))?;
        let newest = runs.values().flatten().map(|run| run.arrival_ms).max();
        let Some(last_ms) = newest else { return Ok(None) };
        let name = SegmentName { last_ms, ..part.name };
        let runs = runs.iter().flat_map(|(shard, runs)| runs.iter().map(|run| (*shard, run)));
        let runs: Vec<(ShardKey, &MemRun)> = runs.collect();
        let content = SegmentContent::new(name.chapter, &runs);
        let written = segment::write(disk, &to.segment_dir(), &name, &content);
        written.map_err(|e| BackupError::io(&to.segment_dir(), e))?;
        Ok(Some(name))
    }

    /// Writes the journal files, sealed; one without records if there is none.
    fn write_journals(&self, disk: &dyn Disk, to: &Layout) -> Result<u64, BackupError> {
        let newest = self.segments.iter().map(|part| part.name);
        let newest = newest.max_by_key(|name| name.chapter);
        if self.journals.is_empty() {
            let number = newest.map_or(1, |name| name.chapter + 1);
            let header = JournalHeader::new(disk, number, self.next_index, self.last_ms);
            write_journal(disk, to, &header, &[], self.next_index)
                .map_err(|e| BackupError::io(&to.journal(number), e))?;
            return Ok(1);
        }
        let mut first_index = newest.map_or(1, |name| name.end_index);
        let mut last_ms = 0;
        let mut parts = self.journals.iter().peekable();
        while let Some((number, part)) = parts.next() {
            let first_frame = part.frames.first().map(|frame| frame.header.index);
            let own = part.header.map(|header| header.next_index);
            first_index = own.or(first_frame).unwrap_or(first_index).max(first_index);
            let end = part.frames.last().map_or(first_index, Frame::end_index).max(first_index);
            let next = parts.peek().and_then(|(_, next)| Some(next.header?.next_index));
            // The last one goes up to all that was ever given out.
            let end = match parts.peek() {
                Some(_) => next.unwrap_or(end).max(end),
                None => end.max(self.next_index),
            };
            let header = JournalHeader::new(disk, *number, first_index, last_ms);
            write_journal(disk, to, &header, &part.frames, end)
                .map_err(|e| BackupError::io(&to.journal(*number), e))?;
            last_ms = part.last_ms().max(last_ms);
            first_index = end;
        }
        Ok(self.journals.len() as u64)
    }
}

fn write_journal(
    disk: &dyn Disk,
    to: &Layout,
    header: &JournalHeader,
    frames: &[Frame],
    end_index: u64,
) -> io::Result<()> {
    let file = disk.create(&to.journal(header.number))?;
    file.write_all_at(&mut [IoSlice::new(&header.encode())], 0)?;
    let mut journal = JournalFile::resume(file, header, FILE_HEADER_BYTES)?;
    for frames in frames.chunks(FRAMES_PER_WRITE) {
        let headers: Vec<_> = frames
            .iter()
            .map(|frame| {
                // Each counts by itself: the others of its request may be gone.
                let own = FrameHeader { file_id: header.file_id, durable_bytes: 0, ..frame.header };
                FrameHeader { continues: false, ..own }.encode()
            })
            .collect();
        let mut slices: Vec<IoSlice<'_>> = headers
            .iter()
            .zip(frames)
            .flat_map(|(header, frame)| [IoSlice::new(header), IoSlice::new(&frame.body)])
            .collect();
        journal.write(&mut slices, end_index)?;
    }
    Ok(journal.seal(end_index)?)
}
