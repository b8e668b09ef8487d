//! Looking at a data directory without opening it: everything is read, nothing is changed.

use crate::error::OpenError;
use crate::format::layout::Layout;
use crate::format::mark;
use crate::format::segment::{CHUNK_BYTES_MAX, OpenSegment, SegmentName};
use crate::format::segment_list;
use crate::format::snapshot;
use crate::medium::disk::scan::{Scan, check_end, list_journals, scan_file};
use crate::recovered::RecoveredCommand;
use anabranch_env::Disk;
use bytes::Bytes;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A journal file.
#[derive(Clone, Debug)]
pub struct JournalReport {
    pub path: PathBuf,
    /// Valid frames.
    pub frames: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes up to the end of the last valid frame.
    pub valid_bytes: u64,
    /// Whether it ends with a seal.
    pub sealed: bool,
    /// Bytes behind the valid ones that opening the directory would cut as a torn tail.
    pub torn_bytes: u64,
}

/// A segment.
#[derive(Clone, Debug)]
pub struct SegmentReport {
    pub path: PathBuf,
    /// Shards in it.
    pub shards: usize,
    /// Records in it.
    pub records: u64,
    /// Bytes of frames.
    pub bytes: u64,
}

/// Something that does not hold.
#[derive(Clone, Debug)]
pub struct Damage {
    /// What, with file and offset.
    pub what: String,
}

/// What a data directory holds.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Journal files, oldest first.
    pub journals: Vec<JournalReport>,
    /// Segments in chapter order.
    pub segments: Vec<SegmentReport>,
    /// The catalog's snapshot.
    pub snapshot: Option<Bytes>,
    /// Commands that are in the journal and not in the snapshot.
    pub commands: Vec<RecoveredCommand>,
    /// The index that the next record would get.
    pub next_index: u64,
    /// Everything that is wrong. Empty: the directory can be opened and read to the last byte.
    pub damage: Vec<Damage>,
}

/// Reads and verifies a data directory. A process that has it open is not disturbed, but may
/// change it meanwhile.
///
/// # Errors
/// When it is no data directory or cannot be read at all.
pub fn inspect(disk: &dyn Disk, directory: &Path) -> Result<Report, OpenError> {
    let layout = Layout::new(directory);
    if !mark::read(disk, &layout)? {
        return Err(OpenError::UnknownFormat(directory.to_owned()));
    }
    let mut report = Report::default();
    let mut known_command = 0;
    match snapshot::read_newest(disk, &layout) {
        Ok(Some(snapshot)) => {
            known_command = snapshot.place.command;
            report.snapshot = Some(snapshot.payload);
        }
        Ok(None) => {}
        Err(error) => report.add_damage(&error),
    }
    inspect_journals(disk, &layout, known_command, &mut report)?;
    inspect_segments(disk, &layout, &mut report)?;
    Ok(report)
}

impl Report {
    fn add_damage(&mut self, error: &dyn std::fmt::Display) {
        self.damage.push(Damage { what: error.to_string() });
    }
}

fn inspect_journals(
    disk: &dyn Disk,
    layout: &Layout,
    known_command: u64,
    report: &mut Report,
) -> Result<(), OpenError> {
    let journals = list_journals(disk, layout)?;
    let (Some(&first), Some(&last)) = (journals.first(), journals.last()) else {
        report.add_damage(&OpenError::Missing(layout.journal_dir()));
        return Ok(());
    };
    for number in first..=last {
        if !journals.contains(&number) {
            report.add_damage(&OpenError::Missing(layout.journal(number)));
            continue;
        }
        match scan_file(disk, layout, number) {
            Ok(scan) => report.add_journal(layout, scan, number == last, known_command),
            Err(error) => report.add_damage(&error),
        }
    }
    if first > 1 && report.snapshot.is_none() && report.damage.is_empty() {
        report.add_damage(&OpenError::Missing(layout.catalog_dir()));
    }
    Ok(())
}

impl Report {
    fn add_journal(&mut self, layout: &Layout, scan: Scan, is_last: bool, known_command: u64) {
        if let Err(error) = check_end(layout, &scan, is_last) {
            self.add_damage(&error);
        }
        self.next_index = self.next_index.max(scan.next_index);
        let new = scan.commands.into_iter().filter(|command| command.number > known_command);
        self.commands.extend(new);
        self.journals.push(JournalReport {
            path: layout.journal(scan.header.number),
            frames: scan.frames,
            records: scan.records,
            valid_bytes: scan.valid_bytes,
            sealed: scan.sealed,
            torn_bytes: if scan.has_leftover_frames { scan.leftover_bytes } else { 0 },
        });
    }
}

fn inspect_segments(
    disk: &dyn Disk,
    layout: &Layout,
    report: &mut Report,
) -> Result<(), OpenError> {
    let directory = layout.segment_dir();
    let mut names: Vec<SegmentName> = disk
        .list(&directory)
        .map_err(|e| OpenError::io(&directory, e))?
        .iter()
        .filter_map(|name| SegmentName::parse(name))
        .collect();
    names.sort_by_key(|name| (name.chapter, name.class));
    let first_journal = list_journals(disk, layout)?.first().copied().unwrap_or(0);
    let found = |name: &SegmentName| names.contains(name);
    match segment_list::missing(disk, layout, first_journal, found) {
        Ok(None) => {}
        Ok(Some(error)) | Err(error) => report.add_damage(&error),
    }
    for name in names {
        let path = directory.join(name.file_name());
        match inspect_segment(disk, &path, name.chapter) {
            Ok(segment) => report.segments.push(segment),
            Err(error) => report.add_damage(&error),
        }
    }
    Ok(())
}

fn inspect_segment(
    disk: &dyn Disk,
    path: &Path,
    chapter: u64,
) -> Result<SegmentReport, crate::format::segment::SegmentError> {
    let segment = OpenSegment::open(disk, path.to_owned(), chapter)?;
    let (mut records, mut bytes) = (0, 0);
    for entry in segment.directory() {
        segment.read_runs(entry, 0, 0, CHUNK_BYTES_MAX, |run| {
            records += u64::from(run.count);
            ControlFlow::Continue(CHUNK_BYTES_MAX)
        })?;
        bytes += entry.len;
    }
    Ok(SegmentReport { path: path.to_owned(), shards: segment.directory().len(), records, bytes })
}
