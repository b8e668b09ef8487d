//! Journal files: `journal/<number>.journal`.
//!
//! A file is preallocated and filled with zeros before it is used, so that a full volume is met
//! before a write and a sync moves data instead of metadata: a sync into space that was reserved
//! but never written makes the file system commit its own journal first, which measured some 30
//! times slower. Retired files are used again. It starts with a header (`JournalHeader`); frames
//! follow, the last of a full file is a seal.
//!
//! Every frame carries the file's identity. Old content of a recycled file, and records whose data
//! look like frames, are told from frames by it: producers cannot know it.

use crate::format::frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind};
use crate::format::header::FILE_HEADER_BYTES;
use crate::format::journal_header::JournalHeader;
use crate::format::layout::Layout;
use crate::format::tail_copy;
use anabranch_env::{Disk, DiskFile};
use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;

/// Size of a journal file that is made while somebody waits for the store to open; later ones
/// are made ahead of time and have the full size. Any request fits into it.
pub(crate) const FIRST_FILE_BYTES: u64 = 16 << 20;

/// The journal file that is being written.
#[derive(Debug)]
pub(crate) struct JournalFile {
    file: Arc<dyn DiskFile>,
    pub(crate) number: u64,
    pub(crate) file_id: u64,
    /// Bytes written.
    offset: u64,
    /// Bytes known to be durable.
    synced: u64,
    /// Where there is a mark.
    marked: Option<u64>,
    capacity: u64,
}

impl JournalFile {
    /// Makes the next journal file: a spare one if there is any, else a new one.
    ///
    /// The file has its name durably, so the one before must have been sealed. See
    /// [`crate::medium::disk::spare::prepare`] for the part that may fail for want of space.
    pub(crate) fn begin(
        disk: &dyn Disk,
        layout: &Layout,
        header: &JournalHeader,
        spare: Arc<dyn DiskFile>,
    ) -> io::Result<Self> {
        let header = &JournalHeader { file_bytes: spare.len()?, ..*header };
        spare.write_all_at(&mut [IoSlice::new(&header.encode())], 0)?;
        spare.sync_data()?;
        disk.rename(&layout.spare(), &layout.journal(header.number))?;
        disk.sync_dir(&layout.journal_dir())?;
        Self::resume(spare, header, FILE_HEADER_BYTES)
    }

    /// Goes on writing at `offset`.
    pub(crate) fn resume(
        file: Arc<dyn DiskFile>,
        header: &JournalHeader,
        offset: u64,
    ) -> io::Result<Self> {
        let capacity = file.len()?;
        let JournalHeader { number, file_id, .. } = *header;
        Ok(Self { file, number, file_id, offset, synced: offset, marked: None, capacity })
    }

    /// Bytes of frames that fit, with a seal after them.
    pub(crate) fn room(&self) -> u64 {
        self.capacity.saturating_sub(self.offset + FRAME_HEADER_BYTES as u64)
    }

    fn has_room_for_seal(&self) -> bool {
        self.offset + FRAME_HEADER_BYTES as u64 <= self.capacity
    }

    /// Bytes known to be durable, for the frames that are written next.
    pub(crate) fn synced(&self) -> u64 {
        self.synced
    }

    /// Writes frames. An error is final.
    pub(crate) fn write(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        let bytes: u64 = slices.iter().map(|slice| slice.len() as u64).sum();
        self.file.write_all_at(slices, self.offset)?;
        self.offset += bytes;
        Ok(())
    }

    /// Makes all that was written durable. An error is final.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.synced < self.offset {
            self.file.sync_data()?;
            self.synced = self.offset;
        }
        Ok(())
    }

    /// Makes durable what an earlier process may have written without a sync: `tail`, the last
    /// bytes, is written again. After a sync that failed the system may show data that it will
    /// never write by itself, and a sync alone would succeed without writing it.
    ///
    /// Of the tail, a part may be durable and acknowledged: there is a copy of it meanwhile, unless
    /// the volume has no room for one.
    pub(crate) fn make_durable(
        &self,
        disk: &dyn Disk,
        layout: &Layout,
        tail: &[u8],
    ) -> io::Result<()> {
        if tail.is_empty() {
            return self.file.sync_data();
        }
        let start = self.offset - tail.len() as u64;
        match tail_copy::write(disk, layout, (self.number, self.file_id), start, tail) {
            Err(error) if error.kind() == ErrorKind::StorageFull => {}
            other => other?,
        }
        self.file.write_all_at(&mut [IoSlice::new(tail)], start)?;
        self.file.sync_data()?;
        tail_copy::remove(disk, layout)
    }

    /// Whether a mark would tell something: nothing vouches for the last frames, which are durable.
    pub(crate) fn wants_mark(&self) -> bool {
        let is_settled = self.synced == self.offset && self.offset > FILE_HEADER_BYTES;
        is_settled && self.marked != Some(self.offset) && self.has_room_for_seal()
    }

    /// Says that all so far is durable, for whoever finds the last frames damaged: without it they
    /// look like a torn tail. It need not be durable itself, and the next frames are written over
    /// it. An error is final.
    pub(crate) fn mark(&mut self, next_index: u64) -> io::Result<()> {
        let mark = self.end(FrameKind::Mark, next_index);
        self.file.write_all_at(&mut [IoSlice::new(&mark)], self.offset)?;
        self.marked = Some(self.offset);
        Ok(())
    }

    /// Makes the mark durable.
    pub(crate) fn sync_mark(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Ends the file. An error is final.
    pub(crate) fn seal(&mut self, next_index: u64) -> io::Result<()> {
        self.sync()?;
        let seal = self.end(FrameKind::Seal, next_index);
        self.write(&mut [IoSlice::new(&seal)])?;
        self.sync()
    }

    /// A frame without records at the end of what is durable.
    fn end(&self, kind: FrameKind, next_index: u64) -> [u8; FRAME_HEADER_BYTES] {
        let header = FrameHeader {
            kind,
            file_id: self.file_id,
            subject: 0,
            index: next_index,
            arrival_ms: 0,
            count: 0,
            body_len: 0,
            body_crc: 0,
            durable_bytes: self.synced,
            continues: false,
        };
        header.encode()
    }
}
