//! What a journal file starts with: a header of 64 bytes, little-endian.
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

use crate::format::header::{FILE_HEADER_BYTES, JOURNAL_MAGIC, u32_at, u64_at};
use anabranch_env::Disk;
use anabranch_model::sequence_number::INDEX_CLOSED;

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
    /// The header of a file that is about to be used on this disk.
    pub(crate) fn new(disk: &dyn Disk, number: u64, next_index: u64, last_ms: u64) -> Self {
        let file_id = disk.new_file_id();
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
