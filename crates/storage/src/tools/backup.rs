//! A copy of a data directory, also while a server uses it.
//!
//! Nobody is told of it and nothing is held back, for the files of a directory allow it:
//!
//! * Segments and snapshots never change. A segment goes only when it has expired, a snapshot only
//!   when there is a newer one.
//! * A journal file only grows, and is written to under no other name than its own. It goes in
//!   order, oldest first, and only after its records are in segments and its commands in a snapshot.
//!
//! So a journal file that still has its name *after* it was read was not used for anything else
//! meanwhile. If it has gone, what it held is in segments, and those are copied later. The order is
//! therefore journal, then snapshot, then segments. The last journal file is copied up to its last
//! valid frame and sealed there, as recovery does.
//!
//! Guarantee: every record and every change that was acknowledged before [`backup`] was called is
//! in the copy (unless it expired before it was reached), and what came later is in it or not, in
//! journal order without holes; catalog changes may be further on than records. `FORMAT` is written
//! last: what was left half done is not taken for a data directory.

use crate::error::OpenError;
use crate::format::layout::Layout;
use crate::format::segment::SegmentName;
use crate::format::snapshot::{self, Snapshot};
use crate::format::{mark, segment_list};
use crate::medium::disk::journal_file::JournalFile;
use crate::medium::disk::scan::{Scan, check_end, list_journals, scan_file};
use anabranch_env::{Disk, DiskFile, DiskLock};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes copied at once.
const CHUNK_BYTES: u64 = 1 << 20;
/// How often the journal may be gone before it was copied.
const JOURNAL_TRIES_MAX: usize = 100;
/// How often a snapshot may be replaced while it is read.
const SNAPSHOT_TRIES_MAX: usize = 10;

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// What is copied cannot be read or is damaged.
    #[error(transparent)]
    Source(#[from] OpenError),
    /// There is something already.
    #[error("the target is not empty path={}; name a new directory", .0.display())]
    NotEmpty(PathBuf),
    /// The operating system refused.
    #[error("cannot write the copy path={} error={error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// Each journal file was retired before it was read to its end.
    #[error("the journal is replaced faster than it can be copied; try again under less load")]
    Overtaken,
}

impl BackupError {
    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        Self::Io { path: path.to_owned(), error }
    }
}

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Journal files.
    pub journals: u64,
    pub segments: u64,
    /// Files beside them.
    pub others: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// Copies the data directory `from` to the new directory `to`, durably; `beside` names small files
/// in it that are copied as they are, if they are there. `progress` is told the bytes copied so far.
///
/// # Errors
/// When the directory is damaged, the target is not empty, or the operating system refuses. What
/// was written so far stays, and is no data directory.
pub fn backup(
    disk: &dyn Disk,
    from: &Path,
    to: &Path,
    beside: &[&str],
    progress: &mut dyn FnMut(u64),
) -> Result<BackupReport, BackupError> {
    let (from, to) = (Layout::new(from), Layout::new(to));
    if !mark::read(disk, &from)? {
        return Err(OpenError::UnknownFormat(from.format()).into());
    }
    let _lock = begin_target(disk, &to)?;
    let copier = Copier { disk, bytes: 0, progress };
    let report = BackupReport::default();
    let mut backup = Backup { disk, copier, from, to, report, first_journal: 0 };
    backup.copy_journal()?;
    backup.copy_snapshot()?;
    backup.copy_segments()?;
    for name in beside {
        backup.copy_beside(name)?;
    }
    finish_target(disk, &backup.to)?;
    Ok(BackupReport { bytes: backup.copier.bytes, ..backup.report })
}

/// Makes the directories of a copy and locks it.
pub(crate) fn begin_target(disk: &dyn Disk, to: &Layout) -> Result<DiskLock, BackupError> {
    let io = |e| BackupError::io(&to.root, e);
    disk.create_dir_all(&to.root).map_err(io)?;
    if !disk.list(&to.root).map_err(io)?.is_empty() {
        return Err(BackupError::NotEmpty(to.root.clone()));
    }
    let lock = disk.lock(&to.lock()).map_err(io)?;
    for directory in [to.journal_dir(), to.segment_dir(), to.catalog_dir()] {
        disk.create_dir_all(&directory).map_err(io)?;
    }
    Ok(lock)
}

/// Makes the names of a copy durable, and marks it as a data directory.
pub(crate) fn finish_target(disk: &dyn Disk, to: &Layout) -> Result<(), BackupError> {
    for directory in [to.journal_dir(), to.segment_dir(), to.catalog_dir(), to.root.clone()] {
        disk.sync_dir(&directory).map_err(|e| BackupError::io(&directory, e))?;
    }
    let format = to.format();
    let marked = mark::write(disk, to);
    marked.map_err(|e| BackupError::io(&format, e))?;
    let parent = to.root.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    disk.sync_dir(parent).map_err(|e| BackupError::io(parent, e))
}

struct Backup<'a> {
    disk: &'a dyn Disk,
    copier: Copier<'a>,
    from: Layout,
    to: Layout,
    report: BackupReport,
    /// The oldest journal file in the copy: what was before is in segments.
    first_journal: u64,
}

impl Backup<'_> {
    /// Copies what there is of the journal, until at least its last file is there.
    fn copy_journal(&mut self) -> Result<(), BackupError> {
        for _ in 0..JOURNAL_TRIES_MAX {
            let numbers = list_journals(self.disk, &self.from)?;
            let Some((&first, &last)) = numbers.first().zip(numbers.last()) else {
                return Err(OpenError::Missing(self.from.journal_dir()).into());
            };
            self.first_journal = first;
            for number in first..=last {
                if !self.copy_journal_file(number, number == last)? {
                    self.check_order(number)?;
                    self.forget_copies(number)?;
                }
            }
            if self.first_journal <= last {
                return Ok(());
            }
        }
        Err(BackupError::Overtaken)
    }

    /// Copies one journal file. `false`: it was retired meanwhile.
    fn copy_journal_file(&mut self, number: u64, is_last: bool) -> Result<bool, BackupError> {
        let scan = match self.scan(number, is_last) {
            _ if !self.is_there(number)? => return Ok(false),
            scan => scan?,
        };
        let target = self.to.journal(number);
        let io = |e| BackupError::io(&target, e);
        let file = self.disk.create(&target).map_err(io)?;
        // These bytes do not change any more, unless the file is used again.
        self.copier.copy_bytes(
            &*scan.file,
            &self.from.journal(number),
            &file,
            &target,
            scan.valid_bytes,
        )?;
        if !scan.sealed {
            let mut copy =
                JournalFile::resume(file.clone(), &scan.header, scan.valid_bytes).map_err(io)?;
            copy.seal(scan.next_index).map_err(|error| io(error.into()))?;
        }
        file.sync_data().map_err(io)?;
        if !self.is_there(number)? {
            return Ok(false);
        }
        self.report.journals += 1;
        Ok(true)
    }

    /// Reads a journal file that somebody may be writing to.
    fn scan(&self, number: u64, is_last: bool) -> Result<Scan, OpenError> {
        let first = scan_file(self.disk, &self.from, number)?;
        let Err(damaged) = check_end(&self.from, &first, is_last) else {
            return Ok(first);
        };
        // Frames that came while the file was read may vouch for others that came into what had
        // been read already. What they vouch for is there when it is read once more.
        let second = scan_file(self.disk, &self.from, number)?;
        match second.sealed || (is_last && second.valid_bytes >= first.vouched_bytes) {
            true => Ok(second),
            false => Err(damaged),
        }
    }

    fn is_there(&self, number: u64) -> Result<bool, OpenError> {
        let path = self.from.journal(number);
        match self.disk.open(&path, false) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(OpenError::io(&path, error)),
        }
    }

    /// A file that was retired has none before it: else it is lost.
    fn check_order(&self, gone: u64) -> Result<(), OpenError> {
        let left = list_journals(self.disk, &self.from)?;
        match left.iter().any(|number| *number < gone) {
            true => Err(OpenError::Missing(self.from.journal(gone))),
            false => Ok(()),
        }
    }

    /// What was copied of the journal up to `last` is in segments now.
    fn forget_copies(&mut self, last: u64) -> Result<(), BackupError> {
        for number in self.first_journal..=last {
            let path = self.to.journal(number);
            match self.disk.remove(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(BackupError::io(&path, error));
                }
                _ => {}
            }
        }
        self.first_journal = last + 1;
        self.report.journals = 0;
        Ok(())
    }

    /// Copies the newest snapshot: it covers every journal file that has gone so far.
    fn copy_snapshot(&mut self) -> Result<(), BackupError> {
        let Some(snapshot) = self.read_snapshot()? else {
            return match self.first_journal {
                1 => Ok(()),
                _ => Err(OpenError::Missing(self.from.catalog_dir()).into()),
            };
        };
        let Snapshot { place, payload } = snapshot;
        let path = self.to.snapshot(place.command);
        let written = snapshot::write(self.disk, &self.to, place, &payload);
        written.map_err(|e| BackupError::io(&path, e))?;
        self.copier.add_bytes(payload.len() as u64);
        Ok(())
    }

    fn read_snapshot(&self) -> Result<Option<Snapshot>, OpenError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match snapshot::read_newest(self.disk, &self.from) {
                // A newer one has taken its place.
                Err(OpenError::Io { error, .. })
                    if error.kind() == ErrorKind::NotFound && tries < SNAPSHOT_TRIES_MAX => {}
                other => return other,
            }
        }
    }

    /// Copies the segments of what is not in the journal, and lists them.
    fn copy_segments(&mut self) -> Result<(), BackupError> {
        let directory = self.from.segment_dir();
        // The list first: what is on it and not found has expired since, or is lost.
        let listed = segment_list::read(self.disk, &self.from)?.unwrap_or_default();
        let mut segments: BTreeMap<_, SegmentName> = BTreeMap::new();
        for name in self.disk.list(&directory).map_err(|e| OpenError::io(&directory, e))? {
            match SegmentName::parse(&name) {
                Some(segment) => drop(segments.insert((segment.chapter, segment.class), segment)),
                None if name.ends_with(".tmp") => {}
                None => return Err(OpenError::UnknownName(directory.join(name)).into()),
            }
        }
        segments.extend(listed.into_iter().map(|name| ((name.chapter, name.class), name)));
        let mut copied = Vec::new();
        // The others are written from the journal that is in the copy, or not finished.
        let is_needed = |segment: &SegmentName| segment.chapter < self.first_journal;
        let needed: Vec<_> = segments.into_values().filter(is_needed).collect();
        for segment in needed {
            let name = segment.file_name();
            let (path, target) = (directory.join(&name), self.to.segment_dir().join(&name));
            if self.copier.copy_file(&path, &target)? {
                copied.push(segment);
            } else if self.must_be_there(&segment)? {
                let list = self.from.segment_list();
                return Err(OpenError::MissingSegment { path, list }.into());
            }
        }
        self.report.segments = copied.len() as u64;
        let list = self.to.segment_list();
        let written = segment_list::write(self.disk, &self.to, &copied);
        written.map_err(|e| BackupError::io(&list, e))
    }

    fn must_be_there(&self, segment: &SegmentName) -> Result<bool, OpenError> {
        let listed = segment_list::read(self.disk, &self.from)?;
        Ok(listed.is_some_and(|listed| listed.contains(segment)))
    }

    fn copy_beside(&mut self, name: &str) -> Result<(), BackupError> {
        let (path, target) = (self.from.root.join(name), self.to.root.join(name));
        if self.copier.copy_file(&path, &target)? {
            self.report.others += 1;
        }
        Ok(())
    }
}

/// Copies bytes, and says how many.
pub(crate) struct Copier<'a> {
    pub(crate) disk: &'a dyn Disk,
    pub(crate) bytes: u64,
    pub(crate) progress: &'a mut dyn FnMut(u64),
}

impl Copier<'_> {
    /// Copies a file that does not change. `false`: it is not there (any more).
    pub(crate) fn copy_file(&mut self, path: &Path, target: &Path) -> Result<bool, BackupError> {
        let source = match self.disk.open(path, false) {
            Ok(source) => source,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(OpenError::io(path, error).into()),
        };
        let len = source.len().map_err(|e| OpenError::io(path, e))?;
        let file = self.disk.create(target).map_err(|e| BackupError::io(target, e))?;
        self.copy_bytes(&*source, path, &file, target, len)?;
        file.sync_data().map_err(|e| BackupError::io(target, e))?;
        Ok(true)
    }

    fn copy_bytes(
        &mut self,
        source: &dyn DiskFile,
        path: &Path,
        file: &Arc<dyn DiskFile>,
        target: &Path,
        len: u64,
    ) -> Result<(), BackupError> {
        let mut offset = 0;
        while offset < len {
            let part = CHUNK_BYTES.min(len - offset);
            let mut chunk = vec![0; usize::try_from(part).unwrap_or(usize::MAX)];
            source.read_exact_at(&mut chunk, offset).map_err(|e| OpenError::io(path, e))?;
            let written = file.write_all_at(&mut [IoSlice::new(&chunk)], offset);
            written.map_err(|e| BackupError::io(target, e.into()))?;
            offset += part;
            self.add_bytes(part);
        }
        Ok(())
    }

    fn add_bytes(&mut self, bytes: u64) {
        self.bytes += bytes;
        (self.progress)(self.bytes);
    }
}
