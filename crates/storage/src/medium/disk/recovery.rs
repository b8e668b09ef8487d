//! Opening a store: what the last process left behind.
//!
//! Journal files are read forward from the oldest one, every checksum is verified. What a file
//! may look like where reading stops, and what follows:
//!
//! | case | file | reading stops at | later frames of this file say | verdict |
//! |---|---|---|---|---|
//! | A | not the last | a seal | – | go on with the next file |
//! | B | not the last | anything else | – | damaged: refuse |
//! | C | last | a seal | – | begin the next file |
//! | D | last | no valid frame | there are none | go on with this file |
//! | E | last | no valid frame | durable up to here at most | torn tail: cut |
//! | F | last | no valid frame | durable beyond here | damaged: refuse |
//! | G | last | its end, and it is shorter than it was | – | damaged: refuse |
//!
//! Every frame tells how much of its file was durable when it was written, which is what tells
//! E from F: a torn tail was never acknowledged, so no later frame vouches for it. After E the
//! file is sealed at the cut and a new one begun, so that leftovers behind the cut are never taken
//! for frames. Reading stops before a request whose last frame is not there: its frames count together.
//!
//! What is readable need not be durable, not even after a sync: one that failed in the process
//! before may have left data in the system's memory that are marked as written. So the end of the
//! last file is written again, from the place on that no frame vouches for, with a copy of it aside.

use crate::cell::chapter::{Chapter, ChapterState};
use crate::error::OpenError;
use crate::format::journal_header::JournalHeader;
use crate::format::layout::Layout;
use crate::format::segment::SegmentName;
use crate::format::{mark, segment_list, snapshot};
use crate::medium::disk::journal_file::{FIRST_FILE_BYTES, JournalFile};
use crate::medium::disk::scan::{Scan, check_end, list_journals, scan_file};
use crate::medium::disk::spare;
use crate::options::{Durability, StoreOptions};
use crate::recovered::Recovered;
use anabranch_env::Disk;
use parking_lot::RwLock;
use std::collections::{BTreeMap, VecDeque};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// Everything that [`crate::Store`] starts with.
#[derive(Default)]
pub(crate) struct Opened {
    pub(crate) recovered: Recovered,
    pub(crate) chapters: VecDeque<Arc<Chapter>>,
    pub(crate) journal: Option<JournalFile>,
    pub(crate) next_index: u64,
    pub(crate) next_command: u64,
    /// Number of the last command in the snapshot.
    pub(crate) covered_command: Option<u64>,
    pub(crate) last_ms: u64,
    pub(crate) lock: Option<Box<dyn Send + Sync>>,
}

/// More indices than a power cut can take with records that were not synced. They are not given out
/// again: a reader that goes on behind the last number it saw would miss the records.
pub(crate) const LOST_INDICES_MAX: u64 = 1 << 32;
/// The first record's index: 0 is the shard's own starting number.
const FIRST_INDEX: u64 = 1;

pub(crate) fn open(
    options: &StoreOptions,
    layout: &Layout,
    disk: &dyn Disk,
) -> Result<Opened, OpenError> {
    if options.durability == Durability::Memory {
        return Ok(Opened {
            chapters: VecDeque::from([Chapter::active(1, FIRST_INDEX)]),
            next_index: FIRST_INDEX,
            next_command: 1,
            ..Opened::default()
        });
    }
    for directory in
        [layout.root.clone(), layout.journal_dir(), layout.segment_dir(), layout.catalog_dir()]
    {
        disk.create_dir_all(&directory).map_err(|e| OpenError::io(&directory, e))?;
    }
    let lock = disk.lock(&layout.lock()).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock => OpenError::Locked(layout.root.clone()),
        _ => OpenError::io(&layout.lock(), error),
    })?;
    // A name that the last process saw need not have been durable; what follows relies on it.
    for directory in [layout.journal_dir(), layout.segment_dir(), layout.catalog_dir()] {
        disk.sync_dir(&directory).map_err(|e| OpenError::io(&directory, e))?;
    }
    for directory in layout.root.ancestors() {
        sync_ancestor(layout, disk, directory)?;
    }
    let recovery = Recovery { options, layout, disk, opened: Opened::default() };
    let opened = match mark::read(disk, layout)? {
        true => recovery.recover()?,
        false => recovery.initialise()?,
    };
    Ok(Opened { lock: Some(lock), ..opened })
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

/// A directory that is being opened, and what has been found in it so far.
struct Recovery<'a> {
    options: &'a StoreOptions,
    layout: &'a Layout,
    disk: &'a dyn Disk,
    opened: Opened,
}

impl Recovery<'_> {
    fn initialise(mut self) -> Result<Opened, OpenError> {
        let (disk, layout) = (self.disk, self.layout);
        let journal_dir = layout.journal_dir();
        let io = |e| OpenError::io(&journal_dir, e);
        // Without the mark nothing was ever served from here: more than one empty journal file means
        // that the mark was lost, not that it was never made.
        let journals = list_journals(disk, layout)?;
        let segments = disk.list(&layout.segment_dir()).map_err(io)?;
        let snapshots = disk.list(&layout.catalog_dir()).map_err(io)?;
        let empty = journals.iter().try_fold(true, |empty, number| {
            let scan = scan_file(disk, layout, *number)?;
            Ok::<_, OpenError>(empty && scan.frames == 0 && !scan.has_leftover_frames)
        })?;
        if journals.len() > 1 || !segments.is_empty() || !snapshots.is_empty() || !empty {
            return Err(OpenError::Missing(layout.format()));
        }
        self.opened.next_index = FIRST_INDEX;
        self.opened.next_command = 1;
        self.begin_journal(1)?;
        mark::write(disk, layout).map_err(|e| OpenError::io(&layout.format(), e))?;
        Ok(self.opened)
    }

    fn recover(mut self) -> Result<Opened, OpenError> {
        let (disk, layout) = (self.disk, self.layout);
        spare::remove_unfinished(disk, layout)
            .map_err(|error| OpenError::io(&layout.journal_dir(), error))?;
        let snapshot = snapshot::read_newest(disk, layout)?;
        let journals = list_journals(disk, layout)?;
        let Some((&first, &last)) = journals.first().zip(journals.last()) else {
            return Err(OpenError::Missing(layout.journal_dir()));
        };
        if let Some(missing) = (first..=last).find(|number| !journals.contains(number)) {
            return Err(OpenError::Missing(layout.journal(missing)));
        }
        // A retired file leaves a snapshot.
        if first > 1 && snapshot.is_none() {
            return Err(OpenError::Missing(layout.catalog_dir()));
        }
        let place = snapshot.as_ref().map(|snapshot| snapshot.place);
        self.opened = Opened {
            chapters: self.segment_chapters(first)?,
            next_command: place.map_or(0, |place| place.command) + 1,
            covered_command: place.map(|place| place.command),
            next_index: place.map_or(0, |place| place.next_index),
            last_ms: place.map_or(0, |place| place.last_ms),
            ..Opened::default()
        };
        for number in journals {
            let scan = scan_file(disk, layout, number)?;
            check_end(layout, &scan, number == last)?;
            self.take(scan, number == last)?;
        }
        self.opened.recovered.snapshot = snapshot.map(|snapshot| snapshot.payload);
        Ok(self.opened)
    }

    /// Takes what a journal file holds.
    fn take(&mut self, mut scan: Scan, is_last: bool) -> Result<(), OpenError> {
        let opened = &mut self.opened;
        let last_command = scan.commands.last().map_or(0, |command| command.number);
        opened.next_index = opened.next_index.max(scan.next_index);
        opened.next_command = opened.next_command.max(last_command + 1);
        opened.last_ms = opened.last_ms.max(scan.last_ms);
        opened.recovered.records += scan.records;
        opened.recovered.journal_bytes += scan.valid_bytes;
        let covered = opened.covered_command.unwrap_or(0);
        let new = scan.commands.drain(..).filter(|command| command.number > covered);
        opened.recovered.commands.extend(new);

        let goes_on = is_last && self.goes_on(&scan);
        let state = ChapterState {
            end_index: (!goes_on).then_some(scan.next_index),
            last_ms: scan.last_ms,
            memtable: Some(std::mem::take(&mut scan.memtable)),
            segments: None,
            was_tried: false,
            has_journal: true,
            last_command,
        };
        let JournalHeader { number, next_index: first_index, .. } = scan.header;
        let chapter = Chapter { number, first_index, state: RwLock::new(state) };
        self.opened.chapters.push_back(Arc::new(chapter));
        if is_last { self.take_end(&scan) } else { Ok(()) }
    }

    /// Whether the last file goes on being used.
    fn goes_on(&self, scan: &Scan) -> bool {
        !scan.sealed && !scan.has_leftover_frames && !self.may_have_lost(scan)
    }

    /// Whether a power cut may have taken what was acknowledged. The setting may be another one by
    /// now. Older versions did not say which it was; and the header of what is written next must
    /// say it.
    fn may_have_lost(&self, scan: &Scan) -> bool {
        scan.header.acknowledges_early || self.options.durability.acknowledges_early()
    }

    /// Makes the last file's end durable, and goes on with it or begins the next one.
    fn take_end(&mut self, scan: &Scan) -> Result<(), OpenError> {
        let number = scan.header.number;
        let io = |e| OpenError::io(&self.layout.journal(number), e);
        let resumed = JournalFile::resume(scan.file.clone(), &scan.header, scan.valid_bytes);
        let mut journal = resumed.map_err(io)?;
        journal.make_durable(self.disk, self.layout, &scan.unvouched).map_err(io)?;
        if self.goes_on(scan) {
            self.opened.journal = Some(journal);
            return Ok(());
        }
        if !scan.sealed {
            self.opened.recovered.torn_bytes = scan.leftover_bytes;
            journal.seal(scan.next_index).map_err(io)?;
        }
        // The header keeps the gap: what comes behind it may be lost, too, and needs another one.
        self.opened.next_index += if self.may_have_lost(scan) { LOST_INDICES_MAX } else { 0 };
        self.begin_journal(number + 1)
    }

    /// Begins a journal file, and its chapter.
    fn begin_journal(&mut self, number: u64) -> Result<(), OpenError> {
        let (disk, layout) = (self.disk, self.layout);
        let first_index = self.opened.next_index;
        let header = JournalHeader {
            acknowledges_early: self.options.durability.acknowledges_early(),
            ..JournalHeader::new(number, first_index, self.opened.last_ms)
        };
        let bytes = self.options.journal_file_bytes.min(FIRST_FILE_BYTES);
        let begun = spare::prepare(disk, layout, bytes)
            .and_then(|spare| JournalFile::begin(disk, layout, &header, spare));
        self.opened.journal = Some(begun.map_err(|e| OpenError::io(&layout.journal(number), e))?);
        self.opened.chapters.push_back(Chapter::active(number, first_index));
        Ok(())
    }

    /// Chapters that are only in segments. Removes unfinished segments and those of chapters whose
    /// journal is still there: they are written again.
    fn segment_chapters(&self, first_journal: u64) -> Result<VecDeque<Arc<Chapter>>, OpenError> {
        let directory = self.layout.segment_dir();
        let io = |e| OpenError::io(&directory, e);
        let remove = |name: &str| self.disk.remove(&directory.join(name)).map_err(io);
        let mut chapters: BTreeMap<u64, Vec<SegmentName>> = BTreeMap::new();
        for name in self.disk.list(&directory).map_err(io)? {
            match SegmentName::parse(&name) {
                Some(segment) if segment.chapter < first_journal => {
                    chapters.entry(segment.chapter).or_default().push(segment);
                }
                Some(_) => remove(&name)?,
                None if name.ends_with(".tmp") => remove(&name)?,
                None => return Err(OpenError::UnknownName(directory.join(name))),
            }
        }
        let found = |name: &SegmentName| {
            chapters.get(&name.chapter).is_some_and(|segments| segments.contains(name))
        };
        match segment_list::missing(self.disk, self.layout, first_journal, found)? {
            Some(error) => Err(error),
            None => Ok(chapters.into_values().map(segment_chapter).collect()),
        }
    }
}

fn segment_chapter(segments: Vec<SegmentName>) -> Arc<Chapter> {
    let SegmentName { chapter: number, first_index, end_index, .. } = segments[0];
    let last_ms = segments.iter().map(|segment| segment.last_ms).max().unwrap_or(0);
    let state = ChapterState {
        end_index: Some(end_index),
        last_ms,
        memtable: None,
        segments: Some(segments),
        was_tried: true,
        has_journal: false,
        last_command: 0,
    };
    Arc::new(Chapter { number, first_index, state: RwLock::new(state) })
}
