//! A disk some of whose directories are open from the start.
//!
//! A name is made durable through a descriptor of its directory. If none is left just then, a sync
//! would fail, and a sync that failed is final. So those that will be needed are taken early.

use crate::error::OpenError;
use anabranch_env::files::FileIdentity;
use anabranch_env::{Disk, DiskDirectory, DiskFile, DiskLock, SequentialFile};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A disk, with directories that stay open as long as this is there.
#[derive(Debug)]
pub(crate) struct OpenDirectories {
    disk: Arc<dyn Disk>,
    directories: Vec<(PathBuf, Arc<dyn DiskDirectory>)>,
}

impl OpenDirectories {
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        paths: impl IntoIterator<Item = PathBuf>,
    ) -> Result<Self, OpenError> {
        let mut directories = Vec::new();
        for path in paths {
            let directory = disk.open_dir(&path).map_err(|e| OpenError::io(&path, e))?;
            directories.push((path, directory));
        }
        Ok(Self { disk, directories })
    }
}

impl Disk for OpenDirectories {
    fn open_dir(&self, path: &Path) -> io::Result<Arc<dyn DiskDirectory>> {
        match self.directories.iter().find(|(open, _)| open == path) {
            Some((_, directory)) => Ok(directory.clone()),
            None => self.disk.open_dir(path),
        }
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir_all(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.create(path)
    }

    fn create_sequential(
        &self,
        path: &Path,
        bytes_min: u64,
    ) -> io::Result<Box<dyn SequentialFile>> {
        self.disk.create_sequential(path, bytes_min)
    }

    fn open(&self, path: &Path, writable: bool) -> io::Result<Arc<dyn DiskFile>> {
        self.disk.open(path, writable)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.disk.list(directory)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn lock(&self, path: &Path) -> io::Result<DiskLock> {
        self.disk.lock(path)
    }

    fn identity(&self, path: &Path) -> io::Result<FileIdentity> {
        self.disk.identity(path)
    }

    fn ask_to_write_in_place(&self, directory: &Path) -> bool {
        self.disk.ask_to_write_in_place(directory)
    }

    fn new_file_id(&self) -> u64 {
        self.disk.new_file_id()
    }
}
