//! Reading journal files forward, as far as they hold.

use crate::cell::memtable::Memtable;
use crate::error::OpenError;
use crate::format::frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind};
use crate::format::header::{FILE_HEADER_BYTES, FRAME_MAGIC};
use crate::format::journal_header::JournalHeader;
use crate::format::layout::{Layout, number_in};
use crate::format::run::MemRun;
use crate::format::tail_copy;
use crate::recovered::RecoveredCommand;
use anabranch_env::{Disk, DiskFile};
use anabranch_model::ShardKey;
use anabranch_model::sequence_number::INDEX_CLOSED;
use bytes::Bytes;
use std::sync::Arc;

pub(crate) fn list_journals(disk: &dyn Disk, layout: &Layout) -> Result<Vec<u64>, OpenError> {
    let directory = layout.journal_dir();
    let names = disk.list(&directory).map_err(|e| OpenError::io(&directory, e))?;
    let mut numbers = Vec::new();
    for name in names {
        match number_in(&name, "journal") {
            Some(number) => numbers.push(number),
            // One that is not seen would be missing, and perhaps without anybody noticing.
            None if !is_beside_journal(&name) => {
                return Err(OpenError::UnknownName(directory.join(name)));
            }
            None => {}
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Whether a file in the journal's directory is known and no journal file.
pub(crate) fn is_beside_journal(name: &str) -> bool {
    let is_known = [".spare", ".copy", ".tmp"].iter().any(|end| name.ends_with(end));
    is_known || name.starts_with('.')
}

/// What reading one journal file forward found.
pub(crate) struct Scan {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) header: JournalHeader,
    pub(crate) memtable: Memtable,
    pub(crate) commands: Vec<RecoveredCommand>,
    pub(crate) frames: u64,
    pub(crate) records: u64,
    pub(crate) next_index: u64,
    pub(crate) last_ms: u64,
    /// Bytes up to the end of the last valid frame.
    pub(crate) valid_bytes: u64,
    pub(crate) sealed: bool,
    /// Whether there are frames of this use of the file behind the valid ones.
    pub(crate) has_leftover_frames: bool,
    /// The end of the valid bytes, from the place on that no valid frame calls durable.
    pub(crate) unvouched: Bytes,
    /// Highest durable position that frames behind the valid ones tell of.
    pub(crate) vouched_bytes: u64,
    /// Bytes behind the valid ones up to the last that is not zero.
    pub(crate) leftover_bytes: u64,
    /// Length of the file.
    pub(crate) file_bytes: u64,
}

pub(crate) fn scan_file(disk: &dyn Disk, layout: &Layout, number: u64) -> Result<Scan, OpenError> {
    let path = layout.journal(number);
    let io = |e| OpenError::io(&path, e);
    let file = disk.open(&path, true).or_else(|_| disk.open(&path, false)).map_err(io)?;
    let len = usize::try_from(file.len().map_err(io)?).unwrap_or(usize::MAX);
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, 0).map_err(io)?;
    let header = JournalHeader::decode(&bytes)
        .filter(|header| header.number == number)
        .ok_or_else(|| OpenError::damaged(&path, 0))?;
    tail_copy::overlay(disk, layout, &header, &mut bytes)?;
    let mut scan = Scan {
        file,
        memtable: Memtable::default(),
        commands: Vec::new(),
        frames: 0,
        records: 0,
        next_index: header.next_index,
        last_ms: header.last_ms,
        valid_bytes: FILE_HEADER_BYTES,
        sealed: false,
        has_leftover_frames: false,
        unvouched: Bytes::new(),
        vouched_bytes: 0,
        leftover_bytes: 0,
        file_bytes: len as u64,
        header,
    };
    scan.read_frames(&Bytes::from(bytes));
    Ok(scan)
}

/// Refuses cases B, F and G of `recovery.rs`.
pub(crate) fn check_end(layout: &Layout, scan: &Scan, is_last: bool) -> Result<(), OpenError> {
    let path = layout.journal(scan.header.number);
    if scan.sealed {
        return Ok(());
    }
    if !is_last || scan.vouched_bytes > scan.valid_bytes {
        return Err(OpenError::damaged(&path, scan.valid_bytes));
    }
    if scan.file_bytes < scan.header.file_bytes {
        return Err(OpenError::damaged(&path, scan.file_bytes));
    }
    Ok(())
}

impl Scan {
    fn read_frames(&mut self, bytes: &Bytes) {
        // Frames of a request whose last one has not come yet.
        let mut request = Vec::new();
        let (mut at, mut next_index) = (self.valid_bytes, self.next_index);
        let (mut durable_bytes, mut mark_bytes) = (FILE_HEADER_BYTES, 0);
        while !self.sealed {
            let rest = &bytes[at as usize..];
            let header = FrameHeader::decode(rest).filter(|h| self.follows(h, next_index));
            let Some(header) = header.filter(|header| header.body_in(rest).is_some()) else {
                break;
            };
            if header.kind == FrameKind::Mark {
                // It vouches for all before it, and what was written over it for nothing.
                durable_bytes = durable_bytes.max(header.durable_bytes);
                mark_bytes = FRAME_HEADER_BYTES;
                break;
            }
            let body_at = at as usize + FRAME_HEADER_BYTES;
            let body = bytes.slice(body_at..body_at + header.body_len as usize);
            at += header.frame_bytes();
            next_index = header.index + u64::from(header.count);
            durable_bytes = durable_bytes.max(header.durable_bytes);
            request.push((header, body));
            // A seal ends what an older version has cut and gone on behind.
            if !header.continues || header.kind == FrameKind::Seal {
                request.drain(..).for_each(|(header, body)| self.take_frame(&header, body));
            }
        }
        let valid_bytes = self.valid_bytes as usize;
        let durable_bytes = usize::try_from(durable_bytes).unwrap_or(valid_bytes);
        self.unvouched = bytes.slice(durable_bytes.min(valid_bytes)..valid_bytes);
        if !self.sealed {
            // Behind the mark, unless it ends a request that is not whole.
            let mark_bytes = if at == self.valid_bytes { mark_bytes } else { 0 };
            self.look_behind(&bytes[valid_bytes + mark_bytes..]);
        }
    }

    fn follows(&self, header: &FrameHeader, next_index: u64) -> bool {
        header.file_id == self.header.file_id
            && header.index >= next_index
            && header.index <= INDEX_CLOSED
            // The number of a command, which counts as high as indices at most.
            && (header.kind != FrameKind::Command || header.subject <= INDEX_CLOSED)
    }

    fn take_frame(&mut self, header: &FrameHeader, body: Bytes) {
        self.valid_bytes += header.frame_bytes();
        self.next_index = header.index;
        if header.kind == FrameKind::Seal {
            self.sealed = true;
            return;
        }
        self.frames += 1;
        self.last_ms = self.last_ms.max(header.arrival_ms);
        if header.kind == FrameKind::Command {
            self.commands.push(RecoveredCommand {
                number: header.subject,
                index: header.index,
                arrival_ms: header.arrival_ms,
                payload: body,
            });
            return;
        }
        self.next_index += u64::from(header.count);
        self.records += u64::from(header.count);
        self.memtable.push(ShardKey(header.subject), MemRun::of(header, body));
    }

    /// Looks for frames of this file behind the place where reading stopped.
    fn look_behind(&mut self, rest: &[u8]) {
        for at in memchr::memmem::find_iter(rest, &FRAME_MAGIC) {
            let header = FrameHeader::decode(&rest[at..]);
            if let Some(header) = header.filter(|h| h.file_id == self.header.file_id) {
                self.has_leftover_frames = true;
                self.vouched_bytes = self.vouched_bytes.max(header.durable_bytes);
            }
        }
        let last = rest.iter().rposition(|byte| *byte != 0);
        self.leftover_bytes = last.map_or(0, |at| at as u64 + 1);
    }
}
