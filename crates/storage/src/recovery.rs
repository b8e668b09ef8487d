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

use crate::chapter::{Chapter, ChapterState};
use crate::error::OpenError;
use crate::format::frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind};
use crate::format::header::{FILE_HEADER_BYTES, FRAME_MAGIC};
use crate::format::journal_header::JournalHeader;
use crate::format::layout::{Layout, number_in};
use crate::format::mark::{self};
use crate::format::run::MemRun;
use crate::format::segment::SegmentName;
use crate::format::{segment_list, snapshot, tail_copy};
use crate::journal::{FIRST_FILE_BYTES, JournalFile};
use crate::memtable::Memtable;
use crate::options::{Durability, StoreOptions};
use crate::recovered::{Recovered, RecoveredCommand};
use crate::spare;
use anabranch_env::{Disk, DiskFile};
use anabranch_model::ShardKey;
use anabranch_model::sequence_number::INDEX_CLOSED;
use bytes::Bytes;
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
    let mut opened = match mark::read(disk, layout)? {
        true => recover(options, layout, disk)?,
        false => initialise(options, layout, disk)?,
    };
    opened.lock = Some(lock);
    Ok(opened)
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

fn initialise(
    options: &StoreOptions,
    layout: &Layout,
    disk: &dyn Disk,
) -> Result<Opened, OpenError> {
    let journal_dir = layout.journal_dir();
    let io = |e| OpenError::io(&journal_dir, e);
    // Without the mark nothing was ever served from here: more than one empty journal file means
    // that the mark was lost, not that it was never made.
    let journals = list_journals(layout, disk)?;
    let segments = disk.list(&layout.segment_dir()).map_err(io)?;
    let snapshots = disk.list(&layout.catalog_dir()).map_err(io)?;
    let empty = journals.iter().try_fold(true, |empty, number| {
        let scan = scan_file(layout, disk, *number)?;
        Ok::<_, OpenError>(empty && scan.frames == 0 && !scan.has_leftover_frames)
    })?;
    if journals.len() > 1 || !segments.is_empty() || !snapshots.is_empty() || !empty {
        return Err(OpenError::Missing(layout.format()));
    }
    let journal = begin_journal(options, layout, disk, 1, FIRST_INDEX, 0)?;
    mark::write(disk, layout).map_err(|e| OpenError::io(&layout.format(), e))?;
    Ok(Opened {
        chapters: VecDeque::from([Chapter::active(1, FIRST_INDEX)]),
        journal: Some(journal),
        next_index: FIRST_INDEX,
        next_command: 1,
        ..Opened::default()
    })
}

fn begin_journal(
    options: &StoreOptions,
    layout: &Layout,
    disk: &dyn Disk,
    number: u64,
    next_index: u64,
    last_ms: u64,
) -> Result<JournalFile, OpenError> {
    let header = JournalHeader {
        acknowledges_early: options.durability.acknowledges_early(),
        ..JournalHeader::new(number, next_index, last_ms)
    };
    let bytes = options.journal_file_bytes.min(FIRST_FILE_BYTES);
    spare::prepare(disk, layout, bytes)
        .and_then(|spare| JournalFile::begin(disk, layout, &header, spare))
        .map_err(|e| OpenError::io(&layout.journal(number), e))
}

fn recover(options: &StoreOptions, layout: &Layout, disk: &dyn Disk) -> Result<Opened, OpenError> {
    spare::remove_unfinished(disk, layout)
        .map_err(|error| OpenError::io(&layout.journal_dir(), error))?;
    let snapshot = snapshot::read_newest(disk, layout)?;
    let journals = list_journals(layout, disk)?;
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
    let mut opened = Opened {
        chapters: segment_chapters(layout, disk, first)?,
        next_command: place.map_or(0, |place| place.command) + 1,
        covered_command: place.map(|place| place.command),
        next_index: place.map_or(0, |place| place.next_index),
        last_ms: place.map_or(0, |place| place.last_ms),
        ..Opened::default()
    };
    let known_command = opened.next_command - 1;
    for number in journals {
        let scan = scan_file(layout, disk, number)?;
        check_end(layout, &scan, number == last)?;
        take_scan(&mut opened, scan, known_command, number == last, options, layout, disk)?;
    }
    opened.recovered.snapshot = snapshot.map(|snapshot| snapshot.payload);
    Ok(opened)
}

/// Refuses cases B, F and G.
pub(crate) fn check_end(layout: &Layout, scan: &Scan, is_last: bool) -> Result<(), OpenError> {
    let path = layout.journal(scan.header.number);
    if scan.sealed {
        return Ok(());
    }
    if !is_last || scan.vouched_bytes > scan.valid_bytes {
        return Err(OpenError::damaged(&path, scan.valid_bytes));
    }
    if scan.file_bytes < scan.header.file_bytes {
        return Err(OpenError::damaged(&path, scan.file_bytes));
    }
    Ok(())
}

fn take_scan(
    opened: &mut Opened,
    scan: Scan,
    known_command: u64,
    is_last: bool,
    options: &StoreOptions,
    layout: &Layout,
    disk: &dyn Disk,
) -> Result<(), OpenError> {
    let number = scan.header.number;
    let (next_index, last_ms) = (scan.next_index, scan.last_ms.max(opened.last_ms));
    let last_command = scan.commands.last().map_or(0, |command| command.number);
    opened.next_index = opened.next_index.max(next_index);
    opened.next_command = opened.next_command.max(last_command + 1);
    opened.last_ms = last_ms;
    opened.recovered.records += scan.records;
    opened.recovered.journal_bytes += scan.valid_bytes;
    let new = scan.commands.into_iter().filter(|command| command.number > known_command);
    opened.recovered.commands.extend(new);

    // The setting may be another one by now. Older versions did not say which it was; and the header
    // of what is written next must say it.
    let may_have_lost = scan.header.acknowledges_early || options.durability.acknowledges_early();
    let is_whole = !scan.sealed && !scan.has_leftover_frames;
    let goes_on = is_last && is_whole && !may_have_lost;
    let end_index = (!goes_on).then_some(next_index);
    let state = ChapterState {
        end_index,
        last_ms: scan.last_ms,
        memtable: Some(scan.memtable),
        segments: None,
        was_tried: false,
        has_journal: true,
        last_command,
    };
    let first_index = scan.header.next_index;
    opened.chapters.push_back(Arc::new(Chapter { number, first_index, state: RwLock::new(state) }));
    if !is_last {
        return Ok(());
    }
    let io = |e| OpenError::io(&layout.journal(number), e);
    let resumed = JournalFile::resume(scan.file, &scan.header, scan.valid_bytes);
    let mut journal = resumed.map_err(io)?;
    journal.make_durable(disk, layout, &scan.unvouched).map_err(io)?;
    if goes_on {
        opened.journal = Some(journal);
        return Ok(());
    }
    if !scan.sealed {
        opened.recovered.torn_bytes = scan.leftover_bytes;
        journal.seal(next_index).map_err(io)?;
    }
    // The header keeps the gap: what comes behind it may be lost, too, and needs another one.
    opened.next_index += if may_have_lost { LOST_INDICES_MAX } else { 0 };
    let first_index = opened.next_index;
    let next = begin_journal(options, layout, disk, number + 1, first_index, last_ms)?;
    opened.journal = Some(next);
    opened.chapters.push_back(Chapter::active(number + 1, first_index));
    Ok(())
}

pub(crate) fn list_journals(layout: &Layout, disk: &dyn Disk) -> Result<Vec<u64>, OpenError> {
    let directory = layout.journal_dir();
    let names = disk.list(&directory).map_err(|e| OpenError::io(&directory, e))?;
    let mut numbers = Vec::new();
    for name in names {
        match number_in(&name, "journal") {
            Some(number) => numbers.push(number),
            // One that is not seen would be missing, and perhaps without anybody noticing.
            None if !is_beside_journal(&name) => {
                return Err(OpenError::UnknownName(directory.join(name)));
            }
            None => {}
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Whether a file in the journal's directory is known and no journal file.
pub(crate) fn is_beside_journal(name: &str) -> bool {
    let is_known = [".spare", ".copy", ".tmp"].iter().any(|end| name.ends_with(end));
    is_known || name.starts_with('.')
}

/// Chapters that are only in segments. Removes unfinished segments and those of chapters whose
/// journal is still there: they are written again.
fn segment_chapters(
    layout: &Layout,
    disk: &dyn Disk,
    first_journal: u64,
) -> Result<VecDeque<Arc<Chapter>>, OpenError> {
    let directory = layout.segment_dir();
    let io = |e| OpenError::io(&directory, e);
    let mut chapters: BTreeMap<u64, Vec<SegmentName>> = BTreeMap::new();
    for name in disk.list(&directory).map_err(io)? {
        match SegmentName::parse(&name) {
            Some(segment) if segment.chapter < first_journal => {
                chapters.entry(segment.chapter).or_default().push(segment);
            }
            Some(_) => disk.remove(&directory.join(name)).map_err(io)?,
            None if name.ends_with(".tmp") => disk.remove(&directory.join(name)).map_err(io)?,
            None => return Err(OpenError::UnknownName(directory.join(name))),
        }
    }
    let found = |name: &SegmentName| {
        chapters.get(&name.chapter).is_some_and(|segments| segments.contains(name))
    };
    match missing_segment(layout, disk, first_journal, found)? {
        Some(error) => Err(error),
        None => Ok(chapters.into_values().map(segment_chapter).collect()),
    }
}

/// What to say of the first segment that is listed, not in the journal any more, and not found.
pub(crate) fn missing_segment(
    layout: &Layout,
    disk: &dyn Disk,
    first_journal: u64,
    found: impl Fn(&SegmentName) -> bool,
) -> Result<Option<OpenError>, OpenError> {
    let listed = segment_list::read(disk, layout)?.unwrap_or_default();
    let missing = listed.iter().find(|name| name.chapter < first_journal && !found(name));
    Ok(missing.map(|name| OpenError::MissingSegment {
        path: layout.segment_dir().join(name.file_name()),
        list: layout.segment_list(),
    }))
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

/// What reading one journal file forward found.
pub(crate) struct Scan {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) header: JournalHeader,
    pub(crate) memtable: Memtable,
    pub(crate) commands: Vec<RecoveredCommand>,
    pub(crate) frames: u64,
    pub(crate) records: u64,
    pub(crate) next_index: u64,
    pub(crate) last_ms: u64,
    /// Bytes up to the end of the last valid frame.
    pub(crate) valid_bytes: u64,
    pub(crate) sealed: bool,
    /// Whether there are frames of this use of the file behind the valid ones.
    pub(crate) has_leftover_frames: bool,
    /// The end of the valid bytes, from the place on that no valid frame calls durable.
    pub(crate) unvouched: Bytes,
    /// Highest durable position that frames behind the valid ones tell of.
    pub(crate) vouched_bytes: u64,
    /// Bytes behind the valid ones up to the last that is not zero.
    pub(crate) leftover_bytes: u64,
    /// Length of the file.
    pub(crate) file_bytes: u64,
}

pub(crate) fn scan_file(layout: &Layout, disk: &dyn Disk, number: u64) -> Result<Scan, OpenError> {
    let path = layout.journal(number);
    let io = |e| OpenError::io(&path, e);
    let file = disk.open(&path, true).or_else(|_| disk.open(&path, false)).map_err(io)?;
    let len = usize::try_from(file.len().map_err(io)?).unwrap_or(usize::MAX);
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, 0).map_err(io)?;
    let header = JournalHeader::decode(&bytes)
        .filter(|header| header.number == number)
        .ok_or_else(|| OpenError::damaged(&path, 0))?;
    tail_copy::overlay(disk, layout, &header, &mut bytes)?;
    let mut scan = Scan {
        file,
        memtable: Memtable::default(),
        commands: Vec::new(),
        frames: 0,
        records: 0,
        next_index: header.next_index,
        last_ms: header.last_ms,
        valid_bytes: FILE_HEADER_BYTES,
        sealed: false,
        has_leftover_frames: false,
        unvouched: Bytes::new(),
        vouched_bytes: 0,
        leftover_bytes: 0,
        file_bytes: len as u64,
        header,
    };
    scan.read_frames(&Bytes::from(bytes));
    Ok(scan)
}

impl Scan {
    fn read_frames(&mut self, bytes: &Bytes) {
        // Frames of a request whose last one has not come yet.
        let mut request = Vec::new();
        let (mut at, mut next_index) = (self.valid_bytes, self.next_index);
        let (mut durable_bytes, mut mark_bytes) = (FILE_HEADER_BYTES, 0);
        while !self.sealed {
            let rest = &bytes[at as usize..];
            let header = FrameHeader::decode(rest).filter(|h| self.follows(h, next_index));
            let Some(header) = header.filter(|header| header.body_in(rest).is_some()) else {
                break;
            };
            if header.kind == FrameKind::Mark {
                // It vouches for all before it, and what was written over it for nothing.
                durable_bytes = durable_bytes.max(header.durable_bytes);
                mark_bytes = FRAME_HEADER_BYTES;
                break;
            }
            let body_at = at as usize + FRAME_HEADER_BYTES;
            let body = bytes.slice(body_at..body_at + header.body_len as usize);
            at += header.frame_bytes();
            next_index = header.index + u64::from(header.count);
            durable_bytes = durable_bytes.max(header.durable_bytes);
            request.push((header, body));
            // A seal ends what an older version has cut and gone on behind.
            if !header.continues || header.kind == FrameKind::Seal {
                request.drain(..).for_each(|(header, body)| self.take_frame(&header, body));
            }
        }
        let valid_bytes = self.valid_bytes as usize;
        let durable_bytes = usize::try_from(durable_bytes).unwrap_or(valid_bytes);
        self.unvouched = bytes.slice(durable_bytes.min(valid_bytes)..valid_bytes);
        if !self.sealed {
            // Behind the mark, unless it ends a request that is not whole.
            let mark_bytes = if at == self.valid_bytes { mark_bytes } else { 0 };
            self.look_behind(&bytes[valid_bytes + mark_bytes..]);
        }
    }

    fn follows(&self, header: &FrameHeader, next_index: u64) -> bool {
        header.file_id == self.header.file_id
            && header.index >= next_index
            && header.index <= INDEX_CLOSED
            // The number of a command, which counts as high as indices at most.
            && (header.kind != FrameKind::Command || header.subject <= INDEX_CLOSED)
    }

    fn take_frame(&mut self, header: &FrameHeader, body: Bytes) {
        self.valid_bytes += header.frame_bytes();
        self.next_index = header.index;
        if header.kind == FrameKind::Seal {
            self.sealed = true;
            return;
        }
        self.frames += 1;
        self.last_ms = self.last_ms.max(header.arrival_ms);
        if header.kind == FrameKind::Command {
            self.commands.push(RecoveredCommand {
                number: header.subject,
                index: header.index,
                arrival_ms: header.arrival_ms,
                payload: body,
            });
            return;
        }
        self.next_index += u64::from(header.count);
        self.records += u64::from(header.count);
        self.memtable.push(ShardKey(header.subject), MemRun::of(header, body));
    }

    /// Looks for frames of this file behind the place where reading stopped.
    fn look_behind(&mut self, rest: &[u8]) {
        for at in memchr::memmem::find_iter(rest, &FRAME_MAGIC) {
            let header = FrameHeader::decode(&rest[at..]);
            if let Some(header) = header.filter(|h| h.file_id == self.header.file_id) {
                self.has_leftover_frames = true;
                self.vouched_bytes = self.vouched_bytes.max(header.durable_bytes);
            }
        }
        let last = rest.iter().rposition(|byte| *byte != 0);
        self.leftover_bytes = last.map_or(0, |at| at as u64 + 1);
    }
}
