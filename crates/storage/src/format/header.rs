//! What the headers of all files have in common: 64 bytes, a magic number at their start, a CRC-32
//! of the first 60 at their end, numbers little-endian.

/// First bytes of a journal file.
pub(crate) const JOURNAL_MAGIC: [u8; 4] = *b"ABJ1";
/// First bytes of a segment.
pub(crate) const SEGMENT_MAGIC: [u8; 4] = *b"ABS1";
/// First bytes of a segment's trailer.
pub(crate) const SEGMENT_TRAILER_MAGIC: [u8; 4] = *b"ABT1";
/// First bytes of a catalog snapshot.
pub(crate) const SNAPSHOT_MAGIC: [u8; 4] = *b"ABC1";
/// First bytes of the list of segments.
pub(crate) const SEGMENT_LIST_MAGIC: [u8; 4] = *b"ABL1";
pub(crate) const DELETION_TIME_MAGIC: [u8; 4] = *b"ABD1";
/// First bytes of the copy of a journal file's end.
pub(crate) const TAIL_COPY_MAGIC: [u8; 4] = *b"ABK1";
/// First bytes of a frame.
pub(crate) const FRAME_MAGIC: [u8; 4] = *b"ABF1";

/// Size of every file header.
pub(crate) const FILE_HEADER_BYTES: u64 = 64;

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
