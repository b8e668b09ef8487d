//! Up to which time data could be deleted: `DELETION`, so that the next process goes on from there
//! and not from what its wall clock says.
//!
//! A header of 64 bytes, little-endian, and nothing else:
//!
//! | at | bytes | field |
//! |--:|--:|---|
//! | 0 | 4 | magic `ABD1` |
//! | 4 | 4 | zero |
//! | 8 | 8 | time, epoch milliseconds |
//! | 16 | 44 | zero |
//! | 60 | 4 | CRC-32 of the 60 bytes before |
//!
//! Without the file, a process begins with the newest record. One that is damaged is as if nothing
//! may be deleted yet.

use crate::error::OpenError;
use crate::format::header::{DELETION_TIME_MAGIC, FILE_HEADER_BYTES, u32_at, u64_at};
use crate::format::layout::Layout;
use anabranch_env::Disk;
use std::io::{self, ErrorKind};

pub(crate) fn write(disk: &dyn Disk, layout: &Layout, ms: u64) -> io::Result<()> {
    let mut header = [0u8; FILE_HEADER_BYTES as usize];
    header[..4].copy_from_slice(&DELETION_TIME_MAGIC);
    header[8..16].copy_from_slice(&ms.to_le_bytes());
    let crc = crc32fast::hash(&header[..60]);
    header[60..].copy_from_slice(&crc.to_le_bytes());
    disk.write_atomically(&layout.deletion_time(), &[&header])
}

/// The time that was kept. `None`: there is no file.
pub(crate) fn read(disk: &dyn Disk, layout: &Layout) -> Result<Option<u64>, OpenError> {
    let path = layout.deletion_time();
    let io = |e| OpenError::io(&path, e);
    let file = match disk.open(&path, false) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(io)?,
    };
    let mut header = [0; FILE_HEADER_BYTES as usize];
    let is_whole = file.len().map_err(io)? == FILE_HEADER_BYTES;
    if is_whole {
        file.read_exact_at(&mut header, 0).map_err(io)?;
    }
    let intact = is_whole
        && header[..4] == DELETION_TIME_MAGIC
        && crc32fast::hash(&header[..60]) == u32_at(&header, 60);
    if !intact {
        tracing::warn!(
            path = %path.display(),
            "damaged; nothing is deleted until the wall clock has proven right"
        );
        return Ok(Some(0));
    }
    Ok(Some(u64_at(&header, 8)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_env::FakeDisk;
    use std::path::Path;

    #[test]
    fn it_is_read_as_it_was_written() {
        let (disk, layout) = (FakeDisk::default(), Layout::new(Path::new("/data")));
        disk.create_dir_all(&layout.root).expect("made");
        assert_eq!(read(&disk, &layout).expect("read"), None);
        for ms in [0, 1_700_000_000_000, u64::MAX] {
            write(&disk, &layout, ms).expect("written");
            assert_eq!(read(&disk, &layout).expect("read"), Some(ms));
        }
    }

    #[test]
    fn what_is_damaged_deletes_nothing() {
        let (disk, layout) = (FakeDisk::default(), Layout::new(Path::new("/data")));
        disk.create_dir_all(&layout.root).expect("made");
        write(&disk, &layout, 1_700_000_000_000).expect("written");
        let mut whole = [0; FILE_HEADER_BYTES as usize];
        let file = disk.open(&layout.deletion_time(), false).expect("open");
        file.read_exact_at(&mut whole, 0).expect("read");
        let put = |bytes: &[u8]| {
            disk.write_atomically(&layout.deletion_time(), &[bytes]).expect("written");
            read(&disk, &layout).expect("read")
        };
        for place in 0..whole.len() {
            let mut flipped = whole;
            flipped[place] ^= 4;
            assert_eq!(put(&flipped), Some(0), "byte {place}");
            assert_eq!(put(&whole[..place]), Some(0), "cut at {place}");
        }
        assert_eq!(put(&whole), Some(1_700_000_000_000));
    }
}
