//! Files that are written once, from beginning to end, and then synced.

use crate::disk_file::DiskFile;
use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// A new file that is written from its beginning to its end.
///
/// Nothing of it is durable before [`SequentialFile::finish`].
pub trait SequentialFile: Debug + Send {
    /// Writes all slices one after the other behind what was written before. Consumes `slices`.
    ///
    /// # Errors
    /// As the operating system has them; the file is then to be given up.
    fn append(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()>;

    /// Makes the data and the length durable.
    ///
    /// # Errors
    /// Final: what was written before may be lost whatever a later call says.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// Appends to any [`DiskFile`].
#[derive(Debug)]
pub(crate) struct Appending {
    file: Arc<dyn DiskFile>,
    offset: u64,
}

impl Appending {
    /// `file` is empty.
    pub(crate) fn new(file: Arc<dyn DiskFile>) -> Self {
        Self { file, offset: 0 }
    }
}

impl SequentialFile for Appending {
    fn append(&mut self, slices: &mut [IoSlice<'_>]) -> io::Result<()> {
        let bytes: u64 = slices.iter().map(|slice| slice.len() as u64).sum();
        self.file.write_all_at(slices, self.offset)?;
        self.offset += bytes;
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.file.sync_data()
    }
}
