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
use crate::medium::opened::Found;
use crate::options::StoreOptions;
use anabranch_env::Disk;
use parking_lot::RwLock;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// More indices than a power cut can take with records that were not synced. They are not given out
/// again: a reader that goes on behind the last number it saw would miss the records.
pub(crate) const LOST_INDICES_MAX: u64 = 1 << 32;

/// A directory that is being opened, and what has been found in it so far.
#[derive(Debug)]
pub(crate) struct Recovery<'a> {
    options: &'a StoreOptions,
    layout: &'a Layout,
    disk: &'a dyn Disk,
    found: Found,
}

impl<'a> Recovery<'a> {
    pub(crate) fn new(options: &'a StoreOptions, layout: &'a Layout, disk: &'a dyn Disk) -> Self {
        Self { options, layout, disk, found: Found::nothing() }
    }

    /// What was found, and the journal file to go on with.
    pub(crate) fn recover_or_initialise(self) -> Result<(Found, JournalFile), OpenError> {
        match mark::read(self.disk, self.layout)? {
            true => self.recover(),
            false => self.initialise(),
        }
    }

    fn initialise(mut self) -> Result<(Found, JournalFile), OpenError> {
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
        let file = self.begin_journal(1)?;
        mark::write(disk, layout).map_err(|e| OpenError::io(&layout.format(), e))?;
        Ok((self.found, file))
    }

    fn recover(mut self) -> Result<(Found, JournalFile), OpenError> {
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
        self.found = Found {
            chapters: self.segment_chapters(first)?,
            next_command: place.map_or(0, |place| place.command) + 1,
            covered_command: place.map(|place| place.command),
            next_index: place.map_or(0, |place| place.next_index),
            last_ms: place.map_or(0, |place| place.last_ms),
            ..Found::default()
        };
        self.found.recovered.snapshot = snapshot.map(|snapshot| snapshot.payload);
        for number in first..last {
            let mut scan = scan_file(disk, layout, number)?;
            check_end(layout, &scan, false)?;
            self.take(&mut scan, false);
        }
        let mut scan = scan_file(disk, layout, last)?;
        check_end(layout, &scan, true)?;
        let goes_on = self.goes_on(&scan);
        self.take(&mut scan, goes_on);
        let file = self.take_end(scan, goes_on)?;
        Ok((self.found, file))
    }

    /// Takes what a journal file holds.
    fn take(&mut self, scan: &mut Scan, goes_on: bool) {
        let found = &mut self.found;
        let last_command = scan.commands.last().map_or(0, |command| command.number);
        found.next_index = found.next_index.max(scan.next_index);
        found.next_command = found.next_command.max(last_command + 1);
        found.last_ms = found.last_ms.max(scan.last_ms);
        found.recovered.records += scan.records;
        found.recovered.journal_bytes += scan.valid_bytes;
        let covered = found.covered_command.unwrap_or(0);
        let new = scan.commands.drain(..).filter(|command| command.number > covered);
        found.recovered.commands.extend(new);

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
        self.found.chapters.push_back(Arc::new(chapter));
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
    fn take_end(&mut self, scan: Scan, goes_on: bool) -> Result<JournalFile, OpenError> {
        let may_have_lost = self.may_have_lost(&scan);
        let number = scan.header.number;
        let io = |e| OpenError::io(&self.layout.journal(number), e);
        let resumed = JournalFile::resume(scan.file, &scan.header, scan.valid_bytes);
        let mut file = resumed.map_err(io)?;
        file.make_durable(self.disk, self.layout, &scan.unvouched).map_err(io)?;
        if goes_on {
            return Ok(file);
        }
        if !scan.sealed {
            self.found.recovered.torn_bytes = scan.leftover_bytes;
            file.seal(scan.next_index).map_err(|error| io(error.into()))?;
        }
        // The header keeps the gap: what comes behind it may be lost, too, and needs another one.
        self.found.next_index += if may_have_lost { LOST_INDICES_MAX } else { 0 };
        self.begin_journal(number + 1)
    }

    /// Begins a journal file, and its chapter.
    fn begin_journal(&mut self, number: u64) -> Result<JournalFile, OpenError> {
        let (disk, layout) = (self.disk, self.layout);
        let first_index = self.found.next_index;
        let header = JournalHeader {
            acknowledges_early: self.options.durability.acknowledges_early(),
            ..JournalHeader::new(disk, number, first_index, self.found.last_ms)
        };
        let bytes = self.options.journal_file_bytes.min(FIRST_FILE_BYTES);
        let begun = spare::prepare(disk, layout, bytes)
            .and_then(|spare| Ok(JournalFile::begin(disk, layout, &header, spare)?));
        let file = begun.map_err(|e| OpenError::io(&layout.journal(number), e))?;
        self.found.chapters.push_back(Chapter::active(number, first_index));
        Ok(file)
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
