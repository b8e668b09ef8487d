//! What storage needs of a file system.

use crate::disk_file::DiskFile;
use crate::files::{FileIdentity, beside, directory_of};
use crate::sequential::{Appending, SequentialFile};
use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::path::Path;
use std::sync::Arc;

/// A lock on a file and its directory, until it is dropped.
pub struct DiskLock {
    /// The file that is locked.
    pub file: FileIdentity,
    /// The directory that it was in.
    pub directory: FileIdentity,
    _guard: Box<dyn Send + Sync>,
}

impl DiskLock {
    /// A lock that `guard` holds.
    pub fn new(
        file: FileIdentity,
        directory: FileIdentity,
        guard: impl Send + Sync + 'static,
    ) -> Self {
        Self { file, directory, _guard: Box::new(guard) }
    }
}

/// An open directory.
pub trait DiskDirectory: Debug + Send + Sync {
    /// Makes the names in it durable.
    ///
    /// # Errors
    /// As the operating system has them. Not to be retried.
    fn sync(&self) -> io::Result<()>;
}

/// A directory tree. Paths are absolute or relative to the process.
///
/// A created, renamed or removed name is durable only after [`Disk::sync_dir`] of its directory.
pub trait Disk: Debug + Send + Sync + 'static {
    /// Creates a directory and its parents.
    ///
    /// # Errors
    /// As the operating system has them.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Creates a file, or empties an existing one, for reading and writing.
    ///
    /// # Errors
    /// As the operating system has them.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Creates a file, or empties an existing one, that is written once from end to end and not
    /// read soon. Space is reserved for `bytes_min`, which it must have when it is finished.
    ///
    /// # Errors
    /// `StorageFull` when the volume has no room, and as the operating system has them.
    fn create_sequential(
        &self,
        path: &Path,
        bytes_min: u64,
    ) -> io::Result<Box<dyn SequentialFile>> {
        let file = self.create(path)?;
        file.allocate(bytes_min)?;
        Ok(Box::new(Appending::new(file)))
    }

    /// Opens an existing file; for writing as well when `writable`.
    ///
    /// # Errors
    /// `NotFound` and as the operating system has them.
    fn open(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>>;

    /// File names (not paths) in a directory, in no order.
    ///
    /// # Errors
    /// As the operating system has them.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;

    /// Renames a file over whatever has the new name.
    ///
    /// # Errors
    /// As the operating system has them.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// As the operating system has them.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Opens a directory, whose names can then be made durable though nothing else can be opened.
    ///
    /// # Errors
    /// As the operating system has them.
    fn open_dir(&self, path: &Path) -> io::Result<Arc<dyn DiskDirectory>>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// As the operating system has them. Not to be retried, unless it could not be opened.
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.open_dir(path)?.sync()
    }

    /// Takes an exclusive lock on a file, and on the directory that it is in, since people remove lock
    /// files that they take for stale. It lasts as long as what is returned.
    ///
    /// # Errors
    /// `WouldBlock` when another process holds it.
    fn lock(&self, path: &Path) -> io::Result<DiskLock>;

    /// Which file or directory a path names at this moment. Opens nothing.
    ///
    /// # Errors
    /// `NotFound` and as the operating system has them.
    fn identity(&self, path: &Path) -> io::Result<FileIdentity>;

    /// Asks for files that are made in a directory from now on to be written in place, where the file
    /// system else writes again elsewhere. Returns whether it will; most do so anyhow.
    fn ask_to_write_in_place(&self, _directory: &Path) -> bool {
        false
    }

    /// A number that no other file has: what was left in a file that is used again is told from what
    /// is written to it now.
    fn new_file_id(&self) -> u64 {
        rand::random()
    }

    /// Writes a whole small file so that after a crash it is either the old or the new one: what
    /// [`replace_durably`](crate::files::replace_durably) is without a `Disk`.
    ///
    /// # Errors
    /// As the operating system has them.
    fn write_atomically(&self, path: &Path, parts: &[&[u8]]) -> io::Result<()> {
        let temporary = beside(path, ".tmp");
        let file = self.create(&temporary)?;
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        file.write_all_at(&mut slices, 0)?;
        file.sync_data()?;
        self.rename(&temporary, path)?;
        self.sync_dir(directory_of(path))
    }
}
