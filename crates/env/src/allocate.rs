//! Space for a file before it is written.

use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::fs::File;
use std::io;

/// Reserves space up to `len` and makes the file that long.
pub(crate) fn allocate(file: &File, len: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, len) {
        // The file system cannot reserve: then a full volume shows in a write.
        Err(Errno::OPNOTSUPP) => file.set_len(len),
        other => other.map_err(io::Error::from),
    }
}
