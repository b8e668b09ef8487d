//! Frames: the unit that is checksummed. The journal and the segments consist of them.
//!
//! A frame is a header of 64 bytes, little-endian, and a body:
//!
//! | at | bytes | field |
//! |--:|--:|---|
//! | 0 | 4 | magic `ABF1` |
//! | 4 | 1 | kind: 1 run, 2 command, 3 seal, 4 mark |
//! | 5 | 1 | 1: the next frame belongs to the same request; else 0 |
//! | 6 | 2 | zero |
//! | 8 | 8 | identity of the file it was written to (random, see `journal_header.rs`); of a segment, the chapter |
//! | 16 | 8 | shard key of a run; number of a command; 0 |
//! | 24 | 8 | index of the run's first record; the cell's next index for the others |
//! | 32 | 8 | arrival time, epoch milliseconds |
//! | 40 | 4 | records of a run; 0 |
//! | 44 | 4 | length of the body |
//! | 48 | 4 | CRC-32 of the body |
//! | 52 | 8 | bytes of the file that were durable when the frame was written |
//! | 60 | 4 | CRC-32 of the 60 bytes before |
//!
//! The frames of a request count together or not at all: recovery cuts those of one whose last frame
//! is missing. Older versions wrote 0 at 5, so that each frame counted by itself.

use crate::format::header::{FRAME_MAGIC, u32_at, u64_at};

/// Size of a frame's header.
pub(crate) const FRAME_HEADER_BYTES: usize = 64;
/// Headers that are made together before any goes to its frame. A checksum reads what was just
/// stored, and waits for all stores before it: also for those that miss the cache.
pub(crate) const HEADERS_AT_ONCE: usize = 32;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// Records of one shard.
    Run,
    /// A change of the catalog.
    Command,
    /// The end of a journal file: the next one follows.
    Seal,
    /// The end so far: all before it is durable. What follows is written over it.
    Mark,
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub(crate) kind: FrameKind,
    pub(crate) file_id: u64,
    /// Shard key of a run, number of a command.
    pub(crate) subject: u64,
    pub(crate) index: u64,
    pub(crate) arrival_ms: u64,
    pub(crate) count: u32,
    pub(crate) body_len: u32,
    pub(crate) body_crc: u32,
    pub(crate) durable_bytes: u64,
    /// Whether the next frame belongs to the same request.
    pub(crate) continues: bool,
}

impl FrameHeader {
    pub(crate) fn encode(&self) -> [u8; FRAME_HEADER_BYTES] {
        let mut out = [0u8; FRAME_HEADER_BYTES];
        out[..4].copy_from_slice(&FRAME_MAGIC);
        out[4] = match self.kind {
            FrameKind::Run => 1,
            FrameKind::Command => 2,
            FrameKind::Seal => 3,
            FrameKind::Mark => 4,
        };
        out[5] = u8::from(self.continues);
        out[8..16].copy_from_slice(&self.file_id.to_le_bytes());
        out[16..24].copy_from_slice(&self.subject.to_le_bytes());
        out[24..32].copy_from_slice(&self.index.to_le_bytes());
        out[32..40].copy_from_slice(&self.arrival_ms.to_le_bytes());
        out[40..44].copy_from_slice(&self.count.to_le_bytes());
        out[44..48].copy_from_slice(&self.body_len.to_le_bytes());
        out[48..52].copy_from_slice(&self.body_crc.to_le_bytes());
        out[52..60].copy_from_slice(&self.durable_bytes.to_le_bytes());
        let crc = crc32fast::hash(&out[..60]);
        out[60..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a header at the start of `bytes`. `None`: there is no valid one.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..FRAME_HEADER_BYTES)?;
        if bytes[..4] != FRAME_MAGIC || crc32fast::hash(&bytes[..60]) != u32_at(bytes, 60) {
            return None;
        }
        let kind = match bytes[4] {
            1 => FrameKind::Run,
            2 => FrameKind::Command,
            3 => FrameKind::Seal,
            4 => FrameKind::Mark,
            _ => return None,
        };
        Some(Self {
            kind,
            file_id: u64_at(bytes, 8),
            subject: u64_at(bytes, 16),
            index: u64_at(bytes, 24),
            arrival_ms: u64_at(bytes, 32),
            count: u32_at(bytes, 40),
            body_len: u32_at(bytes, 44),
            body_crc: u32_at(bytes, 48),
            durable_bytes: u64_at(bytes, 52),
            continues: bytes[5] & 1 == 1,
        })
    }

    /// Bytes of the whole frame.
    pub(crate) fn frame_bytes(&self) -> u64 {
        FRAME_HEADER_BYTES as u64 + u64::from(self.body_len)
    }

    /// The body that follows the header at the start of `bytes`, if it is whole and intact.
    pub(crate) fn body_in<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let end = FRAME_HEADER_BYTES + self.body_len as usize;
        let body = bytes.get(FRAME_HEADER_BYTES..end)?;
        (crc32fast::hash(body) == self.body_crc).then_some(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_header() -> impl Strategy<Value = FrameHeader> {
        let kinds = [FrameKind::Run, FrameKind::Command, FrameKind::Seal, FrameKind::Mark];
        let fields = (0..4usize, any::<[u64; 5]>(), any::<[u32; 3]>(), any::<bool>());
        fields.prop_map(move |(kind, long, short, continues)| FrameHeader {
            kind: kinds[kind],
            file_id: long[0],
            subject: long[1],
            index: long[2],
            arrival_ms: long[3],
            durable_bytes: long[4],
            count: short[0],
            body_len: short[1],
            body_crc: short[2],
            continues,
        })
    }

    proptest! {
        #[test]
        fn round_trips(header in any_header()) {
            prop_assert_eq!(FrameHeader::decode(&header.encode()), Some(header));
        }

        #[test]
        fn any_changed_bit_is_noticed(header in any_header(), bit in 0..FRAME_HEADER_BYTES * 8) {
            let mut bytes = header.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(FrameHeader::decode(&bytes), None);
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Some(header) = FrameHeader::decode(&bytes) {
                header.body_in(&bytes);
            }
        }
    }
}
