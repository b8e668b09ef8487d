//! The list of segments: `SEGMENTS`, which tells a segment that expired from one that is missing.
//!
//! A header of 64 bytes, little-endian, and 40 bytes for each segment, in order of chapters:
//!
//! | at | bytes | field |
//! |--:|--:|---|
//! | 0 | 4 | magic `ABL1` |
//! | 4 | 4 | zero |
//! | 8 | 8 | number of segments |
//! | 16 | 4 | CRC-32 of what follows the header |
//! | 20 | 40 | zero |
//! | 60 | 4 | CRC-32 of the 60 bytes before |
//!
//! | at | bytes | field |
//! |--:|--:|---|
//! | 0 | 8 | chapter |
//! | 8 | 8 | first index |
//! | 16 | 8 | end index |
//! | 24 | 8 | highest arrival time, epoch milliseconds |
//! | 32 | 1 | class: `d`, `w`, `y` |
//! | 33 | 7 | zero |
//!
//! A segment is listed before its chapter's journal file goes, and no longer listed before it is
//! removed. So every listed segment must be there, unless its chapter is still in the journal. One
//! that is not listed may be: its removal was interrupted. Without a list nothing is missed:
//! directories of older versions have none, and it is removed when a full volume has no room for
//! the next one, because expired segments must be able to go.

use crate::error::OpenError;
use crate::format::header::{FILE_HEADER_BYTES, SEGMENT_LIST_MAGIC, u32_at, u64_at};
use crate::format::layout::Layout;
use crate::format::segment::SegmentName;
use anabranch_env::Disk;
use anabranch_model::retention::RetentionClass;
use std::io::{self, ErrorKind};

const ENTRY_BYTES: usize = 40;

pub(crate) fn write(disk: &dyn Disk, layout: &Layout, names: &[SegmentName]) -> io::Result<()> {
    let entries: Vec<u8> = names.iter().flat_map(encode_entry).collect();
    let mut header = [0u8; FILE_HEADER_BYTES as usize];
    header[..4].copy_from_slice(&SEGMENT_LIST_MAGIC);
    header[8..16].copy_from_slice(&(names.len() as u64).to_le_bytes());
    header[16..20].copy_from_slice(&crc32fast::hash(&entries).to_le_bytes());
    let crc = crc32fast::hash(&header[..60]);
    header[60..].copy_from_slice(&crc.to_le_bytes());
    disk.write_atomically(&layout.segment_list(), &[&header, &entries])
}

/// Goes on without a list.
pub(crate) fn remove(disk: &dyn Disk, layout: &Layout) -> io::Result<()> {
    match disk.remove(&layout.segment_list()) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => disk.sync_dir(&layout.root),
    }
}

/// The segments that must be there. `None`: there is no list.
pub(crate) fn read(
    disk: &dyn Disk,
    layout: &Layout,
) -> Result<Option<Vec<SegmentName>>, OpenError> {
    let path = layout.segment_list();
    let io = |e| OpenError::io(&path, e);
    let file = match disk.open(&path, false) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(io)?,
    };
    let len = file.len().map_err(io)?;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, 0).map_err(io)?;
    decode(&bytes).map(Some).ok_or(OpenError::DamagedList(path))
}

/// What to say of the first segment that is listed, not in the journal any more, and not found.
pub(crate) fn missing(
    disk: &dyn Disk,
    layout: &Layout,
    first_journal: u64,
    found: impl Fn(&SegmentName) -> bool,
) -> Result<Option<OpenError>, OpenError> {
    let listed = read(disk, layout)?.unwrap_or_default();
    let missing = listed.iter().find(|name| name.chapter < first_journal && !found(name));
    Ok(missing.map(|name| OpenError::MissingSegment {
        path: layout.segment_dir().join(name.file_name()),
        list: layout.segment_list(),
    }))
}

fn encode_entry(name: &SegmentName) -> [u8; ENTRY_BYTES] {
    let mut entry = [0; ENTRY_BYTES];
    let SegmentName { chapter, class, first_index, end_index, last_ms } = *name;
    for (at, field) in [chapter, first_index, end_index, last_ms].into_iter().enumerate() {
        entry[at * 8..at * 8 + 8].copy_from_slice(&field.to_le_bytes());
    }
    entry[32] = match class {
        RetentionClass::Day => b'd',
        RetentionClass::Week => b'w',
        RetentionClass::Year => b'y',
    };
    entry
}

fn decode(bytes: &[u8]) -> Option<Vec<SegmentName>> {
    let (header, entries) = bytes.split_at_checked(FILE_HEADER_BYTES as usize)?;
    let intact = header[..4] == SEGMENT_LIST_MAGIC
        && crc32fast::hash(&header[..60]) == u32_at(header, 60)
        && u64_at(header, 8).checked_mul(ENTRY_BYTES as u64) == Some(entries.len() as u64)
        && u32_at(header, 16) == crc32fast::hash(entries);
    let entries = entries.chunks_exact(ENTRY_BYTES).map(decode_entry);
    if intact { entries.collect() } else { None }
}

fn decode_entry(entry: &[u8]) -> Option<SegmentName> {
    let class = match entry[32] {
        b'd' => RetentionClass::Day,
        b'w' => RetentionClass::Week,
        b'y' => RetentionClass::Year,
        _ => return None,
    };
    let [chapter, first_index, end_index, last_ms] = [0, 8, 16, 24].map(|at| u64_at(entry, at));
    Some(SegmentName { chapter, class, first_index, end_index, last_ms })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_env::FakeDisk;
    use std::path::Path;

    #[test]
    fn round_trips_and_notices_every_flipped_bit_and_missing_byte() {
        let (disk, layout) = (FakeDisk::default(), Layout::new(Path::new("/data")));
        assert_eq!(read(&disk, &layout).expect("none"), None);
        let class = [RetentionClass::Day, RetentionClass::Week, RetentionClass::Year];
        let names: Vec<SegmentName> = (0..3)
            .map(|n: u64| SegmentName {
                chapter: n + 1,
                class: class[n as usize],
                first_index: n << 40,
                end_index: (n + 1) << 40,
                last_ms: 1_700_000_000_000 + n,
            })
            .collect();
        for names in [&names[..0], &names[..1], &names[..]] {
            write(&disk, &layout, names).expect("written");
            assert_eq!(read(&disk, &layout).expect("whole").as_deref(), Some(names));
        }
        let path = layout.segment_list();
        for bit in 0..(64 + 3 * 40) * 8 {
            disk.corrupt(&path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            let error = read(&disk, &layout).expect_err("noticed");
            assert!(matches!(error, OpenError::DamagedList(_)), "bit {bit}: {error}");
            disk.corrupt(&path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        }
        for _ in 0..64 + 3 * 40 {
            disk.corrupt(&path, |bytes| bytes.truncate(bytes.len() - 1));
            assert!(read(&disk, &layout).is_err());
        }
        remove(&disk, &layout).expect("removed");
        remove(&disk, &layout).expect("already");
        assert_eq!(read(&disk, &layout).expect("none"), None);
    }
}
