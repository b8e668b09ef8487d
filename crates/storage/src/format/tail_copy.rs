//! A copy of the end of the last journal file: `journal/tail.copy`.
//!
//! Recovery writes that end again where it is (`JournalFile::make_durable`), and records in it may
//! have been acknowledged: a power cut in that moment must not take them. So they are written here
//! first, and [`overlay`] puts them back. A header of 64 bytes, little-endian, and the bytes:
//!
//! | at | bytes | field |
//! |--:|--:|---|
//! | 0 | 4 | magic `ABK1` |
//! | 4 | 4 | zero |
//! | 8 | 8 | number of the journal file |
//! | 16 | 8 | identity of the journal file |
//! | 24 | 8 | offset in it |
//! | 32 | 8 | number of bytes |
//! | 40 | 4 | CRC-32 of the bytes |
//! | 44 | 16 | zero |
//! | 60 | 4 | CRC-32 of the 60 bytes before |
//!
//! What a copy holds does not change in its file any more. So one that was left behind does no harm:
//! it says what the file says, or is of a file that is gone.

use crate::error::OpenError;
use crate::format::header::{FILE_HEADER_BYTES, TAIL_COPY_MAGIC, u32_at, u64_at};
use crate::format::journal_header::JournalHeader;
use crate::format::layout::Layout;
use anabranch_env::Disk;
use std::io::{self, ErrorKind};

const HEADER_BYTES: usize = FILE_HEADER_BYTES as usize;

/// Makes a durable copy of `tail`, which stands at `offset`.
pub(crate) fn write(
    disk: &dyn Disk,
    layout: &Layout,
    journal: (u64, u64),
    offset: u64,
    tail: &[u8],
) -> io::Result<()> {
    let (number, file_id) = journal;
    let mut header = [0u8; HEADER_BYTES];
    header[..4].copy_from_slice(&TAIL_COPY_MAGIC);
    for (at, field) in [(8, number), (16, file_id), (24, offset), (32, tail.len() as u64)] {
        header[at..at + 8].copy_from_slice(&field.to_le_bytes());
    }
    header[40..44].copy_from_slice(&crc32fast::hash(tail).to_le_bytes());
    let crc = crc32fast::hash(&header[..60]);
    header[60..].copy_from_slice(&crc.to_le_bytes());
    disk.write_atomically(&layout.tail_copy(), &[&header, tail])
}

pub(crate) fn remove(disk: &dyn Disk, layout: &Layout) -> io::Result<()> {
    match disk.remove(&layout.tail_copy()) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Puts what was copied over what the journal file with this header has there.
pub(crate) fn overlay(
    disk: &dyn Disk,
    layout: &Layout,
    header: &JournalHeader,
    bytes: &mut [u8],
) -> Result<(), OpenError> {
    let path = layout.tail_copy();
    let io = |e| OpenError::io(&path, e);
    let file = match disk.open(&path, false) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(io)?,
    };
    let len = file.len().map_err(io)?;
    let mut copy = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut copy, 0).map_err(io)?;
    // One that is damaged is worth nothing, and was most likely not needed.
    if let Some((offset, tail)) = decode(&copy, header)
        && let Some(place) = bytes.get_mut(offset..).and_then(|rest| rest.get_mut(..tail.len()))
    {
        place.copy_from_slice(tail);
    }
    Ok(())
}

/// Offset and bytes, if the copy is whole and of this file.
fn decode<'a>(copy: &'a [u8], journal: &JournalHeader) -> Option<(usize, &'a [u8])> {
    let (header, tail) = copy.split_at_checked(HEADER_BYTES)?;
    let intact = header[..4] == TAIL_COPY_MAGIC
        && crc32fast::hash(&header[..60]) == u32_at(header, 60)
        && u64_at(header, 32) == tail.len() as u64
        && u32_at(header, 40) == crc32fast::hash(tail);
    let is_of_file = u64_at(header, 8) == journal.number && u64_at(header, 16) == journal.file_id;
    let offset = usize::try_from(u64_at(header, 24)).ok()?;
    (intact && is_of_file).then_some((offset, tail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_env::FakeDisk;
    use std::path::Path;

    #[test]
    fn is_put_back_into_its_file_alone_and_only_when_whole() {
        let (disk, layout) = (FakeDisk::default(), Layout::new(Path::new("/data")));
        let header = JournalHeader { file_id: 77, ..JournalHeader::new(&disk, 3, 1, 2) };
        let overlaid = |header: &JournalHeader| {
            let mut bytes = *b"0123456789";
            overlay(&disk, &layout, header, &mut bytes).expect("read");
            bytes
        };
        assert_eq!(&overlaid(&header), b"0123456789", "there is no copy");
        write(&disk, &layout, (3, 77), 4, b"tail").expect("written");
        assert_eq!(&overlaid(&header), b"0123tail89");
        assert_eq!(&overlaid(&JournalHeader { file_id: 78, ..header }), b"0123456789");
        assert_eq!(&overlaid(&JournalHeader { number: 4, ..header }), b"0123456789");
        for bit in 0..(HEADER_BYTES + 4) * 8 {
            let flip = || {
                disk.corrupt(&layout.tail_copy(), |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            };
            flip();
            assert_eq!(&overlaid(&header), b"0123456789", "bit {bit}");
            flip();
        }
        remove(&disk, &layout).expect("removed");
        remove(&disk, &layout).expect("already");
        assert_eq!(&overlaid(&header), b"0123456789");
    }
}
