//! Journal files: `journal/<number>.journal`.
//!
//! A file is preallocated and filled with zeros before it is used, so that a full volume is met
//! before a write and a sync moves data instead of metadata: a sync into space that was reserved
//! but never written makes the file system commit its own journal first, which measured some 30
//! times slower. Retired files are used again. It starts with a header of 64 bytes,
//! little-endian; frames follow, the last of a full file is a seal:
//!
//! | at | bytes | field |
//! |--:|--:|---|
//! | 0 | 4 | magic `ABJ1` |
//! | 4 | 4 | zero |
//! | 8 | 8 | number of the file |
//! | 16 | 8 | the cell's next index when the file was begun |
//! | 24 | 8 | the highest arrival time before, epoch milliseconds |
//! | 32 | 8 | identity of the file: random, anew each time a file is used |
//! | 40 | 8 | length of the file when it was begun; 0 in files of older versions |
//! | 48 | 1 | 1: what is in it was acknowledged before it was synced; else 0 |
//! | 49 | 11 | zero |
//! | 60 | 4 | CRC-32 of the 60 bytes before |
//!
//! Every frame carries the file's identity. Old content of a recycled file, and records whose data
//! look like frames, are told from frames by it: producers cannot know it.

use crate::format::{FILE_HEADER_BYTES, JOURNAL_MAGIC, Layout, u32_at, u64_at};
use crate::frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind};
use crate::tail_copy;
use anabranch_env::{Disk, DiskFile};
use anabranch_model::sequence_number::INDEX_CLOSED;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;

/// Size of a journal file that is made while somebody waits for the store to open; later ones
/// are made ahead of time and have the full size. Any request fits into it.
pub(crate) const FIRST_FILE_BYTES: u64 = 16 << 20;

/// What a journal file starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct JournalHeader {
    pub(crate) number: u64,
    pub(crate) next_index: u64,
    pub(crate) last_ms: u64,
    pub(crate) file_id: u64,
    /// Length of the file when it was begun: a shorter one was cut. 0: not known.
    pub(crate) file_bytes: u64,
    /// Whether what is in it was acknowledged before it was synced: a power cut may have taken some.
    pub(crate) acknowledges_early: bool,
}

impl JournalHeader {
    /// The header of a file that is about to be used.
    pub(crate) fn new(number: u64, next_index: u64, last_ms: u64) -> Self {
        let mut file_id = [0; 8];
        anabranch_env::fill_random(&mut file_id);
        let file_id = u64::from_le_bytes(file_id);
        Self { number, next_index, last_ms, file_id, file_bytes: 0, acknowledges_early: false }
    }

    pub(crate) fn encode(&self) -> [u8; FILE_HEADER_BYTES as usize] {
        let mut out = [0u8; FILE_HEADER_BYTES as usize];
        out[..4].copy_from_slice(&JOURNAL_MAGIC);
        out[8..16].copy_from_slice(&self.number.to_le_bytes());
        out[16..24].copy_from_slice(&self.next_index.to_le_bytes());
        out[24..32].copy_from_slice(&self.last_ms.to_le_bytes());
        out[32..40].copy_from_slice(&self.file_id.to_le_bytes());
        out[40..48].copy_from_slice(&self.file_bytes.to_le_bytes());
        out[48] = u8::from(self.acknowledges_early);
        let crc = crc32fast::hash(&out[..60]);
        out[60..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..FILE_HEADER_BYTES as usize)?;
        // A checksum that holds does not make the numbers ones that can be counted on from.
        let intact = bytes[..4] == JOURNAL_MAGIC
            && crc32fast::hash(&bytes[..60]) == u32_at(bytes, 60)
            && u64_at(bytes, 8).max(u64_at(bytes, 16)) <= INDEX_CLOSED;
        intact.then(|| Self {
            number: u64_at(bytes, 8),
            next_index: u64_at(bytes, 16),
            last_ms: u64_at(bytes, 24),
            file_id: u64_at(bytes, 32),
            file_bytes: u64_at(bytes, 40),
            acknowledges_early: bytes[48] != 0,
        })
    }
}

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
    /// [`crate::spare::prepare`] for the part that may fail for want of space.
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

    /// Whether frames of `bytes` fit, and a seal after them.
    pub(crate) fn has_room(&self, bytes: u64) -> bool {
        self.offset + bytes + FRAME_HEADER_BYTES as u64 <= self.capacity
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
        is_settled && self.marked != Some(self.offset) && self.has_room(0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_round_trips_and_notices_every_flipped_bit() {
        let header = JournalHeader {
            number: 3,
            next_index: 1 << 40,
            last_ms: 77,
            file_id: 5,
            file_bytes: 1 << 20,
            acknowledges_early: true,
        };
        let mut bytes = header.encode();
        assert_eq!(JournalHeader::decode(&bytes), Some(header));
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(JournalHeader::decode(&bytes), None, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for endless in [
            JournalHeader { number: u64::MAX, ..header },
            JournalHeader { next_index: u64::MAX, ..header },
        ] {
            assert_eq!(JournalHeader::decode(&endless.encode()), None);
        }
    }
}
