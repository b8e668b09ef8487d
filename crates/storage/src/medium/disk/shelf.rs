//! The shelf of a data directory.

use crate::cell::common::Common;
use crate::format::deletion_time;
use crate::format::segment::{self, SegmentContent, SegmentFile, SegmentName};
use crate::format::segment_list;
use crate::format::snapshot::{self, SnapshotPlace};
use crate::medium::disk::directory::Directory;
use crate::medium::disk::spare;
use crate::medium::shelf::Shelf;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The segments and the snapshot of a data directory.
#[derive(Debug)]
pub(crate) struct DiskShelf(Arc<Directory>);

impl DiskShelf {
    pub(crate) fn new(directory: Arc<Directory>) -> Self {
        Self(directory)
    }

    /// Makes a journal file ahead of time, so that the writer need not: one is always there, and
    /// more if that was not enough.
    fn make_spare(&self) -> io::Result<()> {
        let Directory { options, layout, disk, spares, .. } = &*self.0;
        self.0.check_lock()?;
        let bytes = options.journal_file_bytes;
        let count = spare::count(&**disk, layout, bytes)?;
        let wanted_max = options.backlog_chapters_max();
        let is_wanted = count < wanted_max && spares.was_lacking.swap(false, Ordering::Relaxed);
        if count > 0 && !is_wanted {
            return Ok(());
        }
        spares.is_making.store(true, Ordering::Relaxed);
        let added = spare::add(&**disk, layout, bytes);
        spares.is_making.store(false, Ordering::Relaxed);
        added
    }
}

impl Shelf for DiskShelf {
    fn publish(&self, name: &SegmentName, content: &SegmentContent<'_>) -> io::Result<()> {
        self.0.check_lock()?;
        segment::write(&*self.0.disk, &self.0.layout.segment_dir(), name, content)
    }

    fn settle(&self) -> io::Result<()> {
        self.0.disk.sync_dir(&self.0.layout.segment_dir())
    }

    fn declare(&self, names: &[SegmentName]) -> io::Result<()> {
        self.0.check_lock()?;
        segment_list::write(&*self.0.disk, &self.0.layout, names)
    }

    fn undeclare(&self) -> io::Result<()> {
        self.0.check_lock()?;
        segment_list::remove(&*self.0.disk, &self.0.layout)
    }

    fn list(&self) -> io::Result<Vec<SegmentName>> {
        let names = self.0.disk.list(&self.0.layout.segment_dir())?;
        Ok(names.iter().filter_map(|name| SegmentName::parse(name)).collect())
    }

    fn open(&self, name: &SegmentName) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(self.0.disk.open(&self.path(name), false)?))
    }

    fn path(&self, name: &SegmentName) -> PathBuf {
        self.0.layout.segment_dir().join(name.file_name())
    }

    fn remove(&self, name: &SegmentName) -> io::Result<()> {
        self.0.check_lock()?;
        self.0.disk.remove(&self.path(name))
    }

    fn put_snapshot(&self, place: SnapshotPlace, catalog: &[u8]) -> io::Result<()> {
        self.0.check_lock()?;
        snapshot::write(&*self.0.disk, &self.0.layout, place, catalog)
    }

    /// Keeps the journal file as a spare one, as many as may be in use at once, or removes it.
    fn release(&self, chapter: u64) -> io::Result<()> {
        let Directory { options, layout, disk, common, spares, .. } = &*self.0;
        let Common { health, .. } = common;
        let _sole = spares.sole.lock();
        self.0.check_lock()?;
        let kept_max = options.backlog_chapters_max();
        spare::keep(&**disk, layout, chapter, options.journal_file_bytes, kept_max)?;
        let synced = disk.sync_dir(&layout.journal_dir());
        if synced.is_err() {
            // The file may come back under its old name: it must never be written to again.
            health.fail();
        }
        synced
    }

    fn keep_deletion_time(&self, ms: u64) -> io::Result<()> {
        self.0.check_lock()?;
        deletion_time::write(&*self.0.disk, &self.0.layout, ms)
    }

    fn idle(&self) {
        if let Err(error) = self.make_spare() {
            // The writer tries again when it needs the file, and refuses writes if it must.
            tracing::debug!(%error, "the next journal file could not be made ahead of time");
        }
    }
}
