//! Writing past the page cache, for much data that is not read soon.
//!
//! A page of the cache costs more than the copy into it: it is allocated, put into lists, and
//! written back by the kernel whenever it sees fit, which holds up the syncs of other files. So
//! the data is gathered in one aligned buffer and goes to the device from there, in pieces that
//! the caller paces. Where a file system cannot do that, the same writes go through the cache.

use crate::allocate::allocate;
use crate::sequential::SequentialFile;
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// Bytes of one write. A device is as fast with it as with more.
const BUFFER_BYTES: usize = 1 << 20;
/// Alignment of memory, offset and length of direct writes that every common device takes.
const BLOCK_BYTES: usize = 4096;

/// A file whose content bypasses the page cache.
#[derive(Debug)]
pub(crate) struct DirectFile {
    file: File,
    /// [`BUFFER_BYTES`] from [`DirectFile::start`] on are used.
    buffer: Vec<u8>,
    start: usize,
    filled: usize,
    /// Bytes of the file before the buffer's.
    offset: u64,
}

impl DirectFile {
    /// Creates a file, or empties an existing one, with space for `bytes_min`.
    ///
    /// Space that is reserved beforehand is in one piece and takes no change of the file's length
    /// with each write.
    pub(crate) fn create(path: &Path, mode: u32, bytes_min: u64) -> io::Result<Self> {
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(mode);
        let direct = i32::try_from(OFlags::DIRECT.bits()).expect("a flag of open(2)");
        let file = match options.clone().custom_flags(direct).open(path) {
            Err(error) if error.kind() == ErrorKind::InvalidInput => options.open(path)?,
            other => other?,
        };
        if bytes_min > 0 {
            allocate(&file, bytes_min)?;
        }
        let buffer = vec![0; BUFFER_BYTES + BLOCK_BYTES];
        let start = buffer.as_ptr().align_offset(BLOCK_BYTES);
        Ok(Self { file, buffer, start, filled: 0, offset: 0 })
    }

    /// Writes what has gathered, up to a multiple of the block that it fills.
    fn flush(&mut self) -> io::Result<()> {
        let bytes = self.filled.next_multiple_of(BLOCK_BYTES);
        self.buffer[self.start + self.filled..self.start + bytes].fill(0);
        let data = &self.buffer[self.start..self.start + bytes];
        match self.file.write_all_at(data, self.offset) {
            Err(error) if error.kind() == ErrorKind::InvalidInput => {
                // The device wants another alignment: the same through the cache.
                let flags = rustix::fs::fcntl_getfl(&self.file)?;
                rustix::fs::fcntl_setfl(&self.file, flags - OFlags::DIRECT)?;
                self.file.write_all_at(data, self.offset)?;
            }
            other => other?,
        }
        self.offset += self.filled as u64;
        self.filled = 0;
        Ok(())
    }
}

impl SequentialFile for DirectFile {
    fn append(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        for slice in slices {
            let mut rest: &[u8] = slice;
            while !rest.is_empty() {
                let (part, after) = rest.split_at(rest.len().min(BUFFER_BYTES - self.filled));
                let at = self.start + self.filled;
                self.buffer[at..at + part.len()].copy_from_slice(part);
                self.filled += part.len();
                rest = after;
                if self.filled == BUFFER_BYTES {
                    self.flush()?;
                }
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> io::Result<()> {
        if self.filled > 0 {
            self.flush()?;
            // Without what filled up the last block.
            self.file.set_len(self.offset)?;
        }
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_appended_whatever_the_sizes() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f");
        let bytes: Vec<u8> = (0..800_000u32).flat_map(u32::to_le_bytes).collect();
        for total in [0, 1, BLOCK_BYTES, BUFFER_BYTES - 1, BUFFER_BYTES, bytes.len()] {
            for step in [1000, BUFFER_BYTES + 1] {
                let mut file =
                    Box::new(DirectFile::create(&path, 0o600, total as u64 / 2).expect("created"));
                for piece in bytes[..total].chunks(step) {
                    let (head, tail) = piece.split_at(piece.len() / 3);
                    let mut slices = [IoSlice::new(head), IoSlice::new(tail)];
                    file.append(&mut slices).expect("appended");
                }
                file.finish().expect("synced");
                assert_eq!(std::fs::read(&path).expect("read"), bytes[..total]);
            }
        }
    }

    #[test]
    fn writes_through_the_cache_where_it_must() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("f");
        let mut file = Box::new(DirectFile::create(&path, 0o600, 0).expect("created"));
        // Another start is not aligned, which direct writes refuse.
        file.start = (file.start + 1) % BLOCK_BYTES;
        let bytes = vec![7; 5000];
        file.append(&mut [IoSlice::new(&bytes)]).expect("appended");
        file.finish().expect("synced");
        assert_eq!(std::fs::read(&path).expect("read"), bytes);
    }
}
