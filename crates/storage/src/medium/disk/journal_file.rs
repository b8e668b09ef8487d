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
use crate::medium::journal::JournalError;
use anabranch_env::{Disk, DiskFile, WriteError, is_out_of_space};
use std::io::{self, IoSlice};
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
    /// Whether it takes no more.
    is_sealed: bool,
    capacity: u64,
}

impl JournalFile {
    /// Makes the next journal file of what [`crate::medium::disk::spare::prepare`] has prepared.
    pub(crate) fn begin(
        disk: &dyn Disk,
        layout: &Layout,
        header: &JournalHeader,
        spare: Arc<dyn DiskFile>,
    ) -> Result<Self, JournalError> {
        let file = Self::nameless(header, spare)?;
        file.put_in_place(disk, layout)?;
        Ok(file)
    }

    /// The next journal file but for its name, which comes with [`JournalFile::put_in_place`].
    pub(crate) fn nameless(
        header: &JournalHeader,
        spare: Arc<dyn DiskFile>,
    ) -> Result<Self, JournalError> {
        let header = &JournalHeader { file_bytes: spare.len()?, ..*header };
        // A spare file's content is of no meaning, half a header neither.
        spare
            .write_all_at(&mut [IoSlice::new(&header.encode())], 0)
            .map_err(|failed| full_or_failed(failed.error))?;
        spare.sync_data()?;
        Ok(Self::resume(spare, header, FILE_HEADER_BYTES)?)
    }

    /// Gives the file its name, durably. The one before is sealed.
    pub(crate) fn put_in_place(
        &self,
        disk: &dyn Disk,
        layout: &Layout,
    ) -> Result<(), JournalError> {
        disk.rename(&layout.spare(), &layout.journal(self.number)).map_err(full_or_failed)?;
        Ok(disk.sync_dir(&layout.journal_dir())?)
    }

    /// Goes on writing at `offset`.
    pub(crate) fn resume(
        file: Arc<dyn DiskFile>,
        header: &JournalHeader,
        offset: u64,
    ) -> io::Result<Self> {
        let capacity = file.len()?;
        let JournalHeader { number, file_id, .. } = *header;
        let (synced, marked, is_sealed) = (offset, None, false);
        Ok(Self { file, number, file_id, offset, synced, marked, is_sealed, capacity })
    }

    /// Bytes of frames that fit, with a seal after them.
    pub(crate) fn room(&self) -> u64 {
        match self.is_sealed {
            true => 0,
            false => self.capacity.saturating_sub(self.offset + FRAME_HEADER_BYTES as u64),
        }
    }

    fn has_room_for_seal(&self) -> bool {
        self.offset + FRAME_HEADER_BYTES as u64 <= self.capacity
    }

    /// Bytes known to be durable, for the frames that are written next.
    pub(crate) fn synced(&self) -> u64 {
        self.synced
    }

    /// Writes frames, before which the cell's next index is `next_index`. If there is no room for them
    /// on the volume, none of them will ever be found.
    pub(crate) fn write(
        &mut self,
        slices: &mut [IoSlice<'_>],
        next_index: u64,
    ) -> Result<(), JournalError> {
        let bytes: u64 = slices.iter().map(|slice| slice.len() as u64).sum();
        match self.file.write_all_at(slices, self.offset) {
            Ok(()) => {
                self.offset += bytes;
                Ok(())
            }
            Err(WriteError { taken, error }) => {
                let error = full_or_failed(error);
                if matches!(error, JournalError::Full(_)) {
                    self.cut(taken, next_index)?;
                }
                Err(error)
            }
        }
    }

    /// Cuts off the first `taken` bytes of frames that could not be written as a whole, durably, or
    /// fails for good. The file ends before them, as after a torn tail that recovery finds: the seal
    /// takes the place of the first of them, and nobody reads on behind a seal. With zeros in their
    /// place, what comes next would have to end where none of them begins.
    fn cut(&mut self, taken: u64, next_index: u64) -> Result<(), JournalError> {
        if taken < FRAME_HEADER_BYTES as u64 {
            // Not even one header is whole. There may have been a mark.
            self.marked = None;
            return Ok(());
        }
        // On a volume that copies on write, this makes room for the seal.
        self.file.sync_data()?;
        match self.seal(next_index) {
            Err(JournalError::Full(error)) => Err(JournalError::Failed(error)),
            other => other,
        }
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
            Err(error) if is_out_of_space(&error) => {}
            other => other?,
        }
        self.file.write_all_at(&mut [IoSlice::new(tail)], start)?;
        self.file.sync_data()?;
        tail_copy::remove(disk, layout)
    }

    /// Whether a mark would tell something: nothing vouches for the last frames, which are durable.
    pub(crate) fn wants_mark(&self) -> bool {
        let is_settled = self.synced == self.offset && self.offset > FILE_HEADER_BYTES;
        is_settled
            && !self.is_sealed
            && self.marked != Some(self.offset)
            && self.has_room_for_seal()
    }

    /// Says that all so far is durable, for whoever finds the last frames damaged: without it they
    /// look like a torn tail. It need not be durable itself, and the next frames are written over
    /// it. If the volume has no room for it, there is none for now. Any other error is final.
    pub(crate) fn mark(&mut self, next_index: u64) -> io::Result<()> {
        let mark = self.end(FrameKind::Mark, next_index);
        match self.file.write_all_at(&mut [IoSlice::new(&mark)], self.offset) {
            Ok(()) => self.marked = Some(self.offset),
            Err(failed) if is_out_of_space(&failed.error) => {}
            Err(failed) => return Err(failed.error),
        }
        Ok(())
    }

    /// Makes the mark durable.
    pub(crate) fn sync_mark(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Ends the file, if it has not ended. Without room for the seal it has not: less than a frame of it
    /// is there, and that is written over.
    pub(crate) fn seal(&mut self, next_index: u64) -> Result<(), JournalError> {
        if self.is_sealed {
            return Ok(());
        }
        self.sync()?;
        let seal = self.end(FrameKind::Seal, next_index);
        self.marked = None;
        self.file
            .write_all_at(&mut [IoSlice::new(&seal)], self.offset)
            .map_err(|failed| full_or_failed(failed.error))?;
        self.is_sealed = true;
        self.offset += FRAME_HEADER_BYTES as u64;
        Ok(self.sync()?)
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

/// What an error means for the journal that left everything as it was if there was no room.
fn full_or_failed(error: io::Error) -> JournalError {
    match is_out_of_space(&error) {
        true => JournalError::Full(error),
        false => JournalError::Failed(error),
    }
}
