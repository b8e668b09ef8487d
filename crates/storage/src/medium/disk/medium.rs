//! A data directory as a medium.

use crate::cell::common::Common;
use crate::error::OpenError;
use crate::format::deletion_time;
use crate::format::layout::Layout;
use crate::medium::disk::directory::Directory;
use crate::medium::disk::journal::DiskJournal;
use crate::medium::disk::lock_watch::LockWatch;
use crate::medium::disk::open_directories::OpenDirectories;
use crate::medium::disk::recovery::Recovery;
use crate::medium::disk::shelf::DiskShelf;
use crate::medium::disk::spare::Spares;
use crate::medium::opened::{Medium, Opened};
use crate::options::StoreOptions;
use anabranch_env::Disk;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// A data directory.
#[derive(Debug)]
pub(crate) struct DiskMedium {
    options: StoreOptions,
    disk: Arc<dyn Disk>,
    spares: Arc<Spares>,
}

impl DiskMedium {
    pub(crate) fn new(options: &StoreOptions, disk: Arc<dyn Disk>) -> Self {
        Self { options: options.clone(), disk, spares: Arc::default() }
    }

    /// For tests that wait until the writer waits.
    #[cfg(test)]
    pub(crate) fn spares(&self) -> &Arc<Spares> {
        &self.spares
    }
}

impl Medium for DiskMedium {
    fn open(&self, common: &Common) -> Result<Opened, OpenError> {
        let (options, disk) = (&self.options, &*self.disk);
        let layout = Layout::new(&options.directory);
        let directories =
            [layout.root.clone(), layout.journal_dir(), layout.segment_dir(), layout.catalog_dir()];
        for directory in &directories {
            disk.create_dir_all(directory).map_err(|e| OpenError::io(directory, e))?;
        }
        let lock = disk.lock(&layout.lock()).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => OpenError::Locked(layout.root.clone()),
            _ => OpenError::io(&layout.lock(), error),
        })?;
        disk.ask_to_write_in_place(&layout.journal_dir());
        let lock_watch = LockWatch::new(self.disk.clone(), layout.clone(), &lock);
        let disk = Arc::new(OpenDirectories::open(self.disk.clone(), directories)?);
        // A name that the last process saw need not have been durable; what follows relies on it.
        for directory in [layout.journal_dir(), layout.segment_dir(), layout.catalog_dir()] {
            disk.sync_dir(&directory).map_err(|e| OpenError::io(&directory, e))?;
        }
        for directory in layout.root.ancestors() {
            sync_ancestor(&layout, &*disk, directory)?;
        }
        let (mut found, file) = Recovery::new(options, &layout, &*disk).recover_or_initialise()?;
        found.deletion_ms = deletion_time::read(&*disk, &layout)?;
        let directory = Arc::new(Directory {
            options: options.clone(),
            layout,
            disk,
            common: common.clone(),
            lock: lock_watch,
            spares: self.spares.clone(),
        });
        let journal = Box::new(DiskJournal::new(directory.clone(), file));
        let shelf = Arc::new(DiskShelf::new(directory));
        Ok(Opened { found, journal, shelf, lock: Some(lock) })
    }
}

/// Makes durable the names in a directory that holds the data directory, or is it.
fn sync_ancestor(layout: &Layout, disk: &dyn Disk, directory: &Path) -> Result<(), OpenError> {
    use ErrorKind::{InvalidInput, PermissionDenied, ReadOnlyFilesystem, Unsupported};
    let is_here = directory.as_os_str().is_empty();
    let directory = if is_here { Path::new(".") } else { directory };
    let synced = disk.sync_dir(directory);
    // What stands further up was hardly made by us, and may be closed to us.
    let is_near = layout.root.ancestors().take(2).any(|near| near == directory) || is_here;
    match synced {
        Err(error) if is_near => Err(OpenError::io(directory, error)),
        Err(error) => match error.kind() {
            InvalidInput | PermissionDenied | ReadOnlyFilesystem | Unsupported => Ok(()),
            _ => Err(OpenError::io(directory, error)),
        },
        Ok(()) => Ok(()),
    }
}
