//! Segments that may be damaged.

use super::scan::{Found, Frame, Hole, likely_file_id, read_lossy, scan};
use super::{Lost, Salvage, ShardExtent, list};
use crate::error::OpenError;
use crate::format::frame::{FrameHeader, FrameKind};
use crate::format::header::{
    FILE_HEADER_BYTES, SEGMENT_MAGIC, SEGMENT_TRAILER_MAGIC, u32_at, u64_at,
};
use crate::format::record::Records;
use crate::format::run::MemRun;
use crate::format::segment::{
    CHUNK_BYTES_MAX, DIRECTORY_ENTRY_BYTES, DirectoryEntry, OpenSegment, SegmentName, frame_header,
};
use crate::format::segment_list;
use anabranch_env::Disk;
use anabranch_model::ShardKey;
use anabranch_model::retention::RetentionClass;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A segment of the new directory.
#[derive(Debug)]
pub(super) struct SegmentPart {
    pub(super) path: PathBuf,
    pub(super) name: SegmentName,
    /// Whether it is copied as it is.
    pub(super) is_intact: bool,
}

/// The runs that were found in a segment, by shard and in order.
pub(super) type Runs = BTreeMap<ShardKey, Vec<MemRun>>;

impl Frame {
    pub(super) fn of(shard: ShardKey, run: &MemRun) -> Self {
        Self { header: frame_header(0, shard, run), body: run.body.clone() }
    }

    pub(super) fn run(&self) -> MemRun {
        MemRun::of(&self.header, self.body.clone())
    }
}

impl Salvage {
    pub(super) fn read_segments(
        &mut self,
        disk: &dyn Disk,
        progress: &mut dyn FnMut(&Path),
    ) -> Result<(), OpenError> {
        let directory = self.layout.segment_dir();
        let first_journal = self.journals.keys().next().copied().unwrap_or(u64::MAX);
        let listed = self.read_list(disk);
        let mut names = list(disk, &directory)?;
        names.retain(|name| !name.ends_with(".tmp") && !name.starts_with('.'));
        // Those that are listed first: the others may take what they leave.
        let is_listed = |name: &str| SegmentName::parse(name).is_some_and(|n| listed.contains(&n));
        names.sort_by_key(|name| (!is_listed(name), name.clone()));
        for name in names {
            let path = directory.join(&name);
            progress(&path);
            let parsed = SegmentName::parse(&name);
            let Some((chapter, runs, is_intact)) = self.read_segment(disk, &path, parsed) else {
                continue;
            };
            if let Some(journal) = self.journals.get_mut(&chapter) {
                journal.fill(&runs);
            } else {
                for (shard, runs) in &runs {
                    runs.iter().for_each(|run| self.count(*shard, run));
                }
            }
            if chapter >= first_journal || runs.is_empty() {
                continue;
            }
            let Some(name) = self.name_for(&listed, parsed, chapter, &runs) else { continue };
            if parsed != Some(name) {
                self.add(&path, 0, 0, Lost::Nothing);
            }
            self.segments.push(SegmentPart { path, name, is_intact });
        }
        self.segments.sort_by_key(|segment| (segment.name.chapter, segment.name.class));
        self.check_list(&listed, first_journal);
        Ok(())
    }

    /// The segments that must be there, as far as that is known.
    fn read_list(&mut self, disk: &dyn Disk) -> Vec<SegmentName> {
        match segment_list::read(disk, &self.layout) {
            Ok(listed) => listed.unwrap_or_default(),
            Err(_) => {
                let list = self.layout.segment_list();
                self.add(&list, 0, 0, Lost::Nothing);
                Vec::new()
            }
        }
    }

    /// The chapter and the runs of a segment, and whether all of it holds.
    fn read_segment(
        &mut self,
        disk: &dyn Disk,
        path: &Path,
        name: Option<SegmentName>,
    ) -> Option<(u64, Runs, bool)> {
        // The header has a checksum, the name has none.
        let chapter = chapter_in(disk, path).or(name.map(|name| name.chapter));
        if let Some(chapter) = chapter
            && let Some(runs) = read_intact(disk, path, chapter)
        {
            return Some((chapter, runs, true));
        }
        let chapter = chapter.or_else(|| likely_chapter(disk, path));
        let indices = name.map_or(0..0, |name| name.first_index..name.end_index);
        let Some(chapter) = chapter else {
            let bytes = disk.open(path, false).and_then(|file| file.len()).unwrap_or(0);
            let records_max = indices.end - indices.start;
            self.add(path, 0, bytes, Lost::Records { shard: None, indices, records_max });
            return None;
        };
        match read_damaged(disk, path, chapter) {
            Ok(damaged) => {
                let Damaged { runs, holes, end, directory } = damaged;
                if holes.is_empty() {
                    // Header, directory, sparse index or trailer: they are made anew.
                    self.add(path, end, 0, Lost::Nothing);
                }
                for hole in holes {
                    let (offset, bytes) = (hole.offset, hole.bytes);
                    let lost = lost_in(&hole, &runs, &directory, indices.clone());
                    self.add(path, offset, bytes, lost);
                }
                Some((chapter, runs, false))
            }
            Err(_) => {
                let records_max = indices.end - indices.start;
                self.add(path, 0, 0, Lost::Records { shard: None, indices, records_max });
                None
            }
        }
    }

    /// The name that a segment should have: its own if that holds, else the one that is listed and
    /// missing, else one that fits what is in it.
    fn name_for(
        &self,
        listed: &[SegmentName],
        own: Option<SegmentName>,
        chapter: u64,
        runs: &Runs,
    ) -> Option<SegmentName> {
        let all = || runs.values().flatten();
        let first_index = all().map(|run| run.first_index).min()?;
        let end_index = all().map(MemRun::end_index).max()?;
        let last_ms = all().map(|run| run.arrival_ms).max()?;
        let of_chapter = |name: &SegmentName| name.chapter == chapter;
        let taken: Vec<SegmentName> =
            self.segments.iter().map(|segment| segment.name).filter(of_chapter).collect();
        let is_free = |class| taken.iter().all(|name| name.class != class);
        let fits = |name: &SegmentName| {
            of_chapter(name)
                && is_free(name.class)
                && name.first_index <= first_index
                && name.end_index >= end_index
                && name.last_ms >= last_ms
        };
        let is_known = |name: &SegmentName| listed.contains(name) || !listed.iter().any(of_chapter);
        if let Some(own) = own.filter(|own| fits(own) && is_known(own)) {
            return Some(own);
        }
        let mut missing: Vec<SegmentName> = listed.iter().copied().filter(fits).collect();
        missing.sort_by_key(|name| (own.is_none_or(|own| own.class != name.class), name.last_ms));
        if let Some(name) = missing.first() {
            return Some(*name);
        }
        let classes = [RetentionClass::Year, RetentionClass::Week, RetentionClass::Day];
        let class = classes.into_iter().find(|class| is_free(*class))?;
        let beside = taken.first().or(listed.iter().find(|name| of_chapter(name)));
        let (first_index, end_index) = beside.map_or((first_index, end_index), |name| {
            (name.first_index.min(first_index), name.end_index.max(end_index))
        });
        Some(SegmentName { chapter, class, first_index, end_index, last_ms })
    }

    /// Segments that must be there and are not.
    fn check_list(&mut self, listed: &[SegmentName], first_journal: u64) {
        let is_there = |name: &SegmentName| {
            let key = (name.chapter, name.class);
            self.segments.iter().any(|part| (part.name.chapter, part.name.class) == key)
        };
        let is_missing = |name: &&SegmentName| name.chapter < first_journal && !is_there(name);
        let missing: Vec<SegmentName> = listed.iter().filter(is_missing).copied().collect();
        for name in missing {
            let path = self.layout.segment_dir().join(name.file_name());
            if self.findings.iter().any(|finding| finding.path == path) {
                continue;
            }
            let indices = name.first_index..name.end_index;
            let records_max = name.end_index - name.first_index;
            self.add(&path, 0, 0, Lost::Records { shard: None, indices, records_max });
        }
    }

    /// Counts a run that was found.
    pub(super) fn count(&mut self, shard: ShardKey, run: &MemRun) {
        let has_sealed = Records::new(&run.body).any(|record| record.sealed.is_some());
        let extent = self.shards.entry(shard).or_insert(ShardExtent {
            records: 0,
            first_index: run.first_index,
            end_index: run.end_index(),
            first_ms: run.arrival_ms,
            last_ms: run.arrival_ms,
            has_sealed,
        });
        extent.records += u64::from(run.count);
        extent.first_index = extent.first_index.min(run.first_index);
        extent.end_index = extent.end_index.max(run.end_index());
        extent.first_ms = extent.first_ms.min(run.arrival_ms);
        extent.last_ms = extent.last_ms.max(run.arrival_ms);
        extent.has_sealed |= has_sealed;
        self.next_index = self.next_index.max(run.end_index());
        self.last_ms = self.last_ms.max(run.arrival_ms);
    }
}

/// The runs of a segment in which every checksum holds.
fn read_intact(disk: &dyn Disk, path: &Path, chapter: u64) -> Option<Runs> {
    let segment = OpenSegment::open(disk, path.to_owned(), chapter).ok()?;
    let mut runs = Runs::new();
    for entry in segment.directory() {
        let own = runs.entry(entry.shard).or_default();
        let take = |run: &MemRun| {
            own.push(run.clone());
            ControlFlow::Continue(CHUNK_BYTES_MAX)
        };
        segment.read_runs(entry, 0, 0, CHUNK_BYTES_MAX, take).ok()?;
    }
    Some(runs)
}

/// The chapter in a segment's header, if that holds.
fn chapter_in(disk: &dyn Disk, path: &Path) -> Option<u64> {
    let mut header = [0; FILE_HEADER_BYTES as usize];
    disk.open(path, false).ok()?.read_exact_at(&mut header, 0).ok()?;
    let holds =
        header[..4] == SEGMENT_MAGIC && crc32fast::hash(&header[..60]) == u32_at(&header, 60);
    holds.then(|| u64_at(&header, 8))
}

/// The chapter that most frames say they are of.
fn likely_chapter(disk: &dyn Disk, path: &Path) -> Option<u64> {
    likely_file_id(&read_lossy(&*disk.open(path, false).ok()?).ok()?)
}

struct Damaged {
    runs: Runs,
    holes: Vec<Hole>,
    /// Behind the last intact frame.
    end: u64,
    /// Of a segment whose directory is intact.
    directory: Vec<DirectoryEntry>,
}

/// Finds the intact frames of a damaged segment.
pub(super) fn damaged_runs(disk: &dyn Disk, path: &Path, chapter: u64) -> io::Result<Runs> {
    read_damaged(disk, path, chapter).map(|damaged| damaged.runs)
}

fn read_damaged(disk: &dyn Disk, path: &Path, chapter: u64) -> io::Result<Damaged> {
    let bytes = Bytes::from(read_lossy(&*disk.open(path, false)?)?);
    let segment = OpenSegment::open(disk, path.to_owned(), chapter).ok();
    let directory = segment.map(|segment| segment.directory().to_vec()).unwrap_or_default();
    let known_end = directory_offset(&bytes);
    let frames = bytes.slice(..known_end.unwrap_or(bytes.len()));
    let fits = |_: Option<&Frame>, header: &FrameHeader| header.kind == FrameKind::Run;
    let mut found = scan(&frames, FILE_HEADER_BYTES as usize, chapter, fits);
    let is_whole = match known_end {
        Some(end) => found.end == end as u64,
        None => is_directory(&bytes, &found),
    };
    if !is_whole {
        let (offset, bytes) = (found.end, frames.len() as u64 - found.end);
        found.holes.push(Hole { offset, bytes, header: None, place: found.frames.len() });
    }
    let mut runs = Runs::new();
    for frame in &found.frames {
        runs.entry(ShardKey(frame.header.subject)).or_default().push(frame.run());
    }
    for own in runs.values_mut() {
        own.sort_by_key(|run| run.first_index);
        own.dedup_by_key(|run| run.first_index);
    }
    Ok(Damaged { runs, holes: found.holes, end: found.end, directory })
}

/// Where the frames end and the directory begins, if the trailer holds.
fn directory_offset(bytes: &[u8]) -> Option<usize> {
    let trailer = bytes.get(bytes.len().checked_sub(FILE_HEADER_BYTES as usize)?..)?;
    let holds = trailer[..4] == SEGMENT_TRAILER_MAGIC
        && crc32fast::hash(&trailer[..60]) == u32_at(trailer, 60);
    let start = usize::try_from(u64_at(trailer, 8)).ok()?;
    (holds && start <= bytes.len()).then_some(start)
}

/// Whether a directory that has the first and the last shard that were found is behind the frames:
/// then none is missing at their end.
fn is_directory(bytes: &[u8], found: &Found) -> bool {
    let mut shards: Vec<u64> = found.frames.iter().map(|frame| frame.header.subject).collect();
    shards.dedup();
    let entry = |place: usize| {
        let at = usize::try_from(found.end).ok()?.checked_add(place * DIRECTORY_ENTRY_BYTES)?;
        bytes.get(at..at + DIRECTORY_ENTRY_BYTES)
    };
    let (Some(first), Some(last)) = (shards.first(), shards.last()) else { return false };
    let (Some(first_entry), Some(last_entry)) = (entry(0), entry(shards.len() - 1)) else {
        return false;
    };
    let end = u64_at(last_entry, 40).checked_add(u64_at(last_entry, 48));
    u64_at(first_entry, 0) == *first
        && u64_at(first_entry, 40) == FILE_HEADER_BYTES
        && u64_at(last_entry, 0) == *last
        && end == Some(found.end)
}

/// What a hole in a segment held.
fn lost_in(
    hole: &Hole,
    runs: &Runs,
    directory: &[DirectoryEntry],
    chapter: std::ops::Range<u64>,
) -> Lost {
    if let Some(header) = hole.header {
        let indices = header.index..header.index + u64::from(header.count);
        let (shard, records_max) = (Some(ShardKey(header.subject)), u64::from(header.count));
        return Lost::Records { shard, indices, records_max };
    }
    let holds = |entry: &&DirectoryEntry| {
        entry.offset <= hole.offset && hole.offset + hole.bytes <= entry.offset + entry.len
    };
    let Some(entry) = directory.iter().find(holds) else {
        let found: u64 = runs.values().flatten().map(|run| u64::from(run.count)).sum();
        let records_max = (chapter.end - chapter.start).saturating_sub(found);
        return Lost::Records { shard: None, indices: chapter, records_max };
    };
    // Every index of the shard in this chapter that was not found; other shards have some of them.
    let own = runs.get(&entry.shard).map(Vec::as_slice).unwrap_or_default();
    let found: u64 = own.iter().map(|run| u64::from(run.count)).sum();
    let indices = entry.first_index..entry.end_index;
    let records_max = (entry.end_index - entry.first_index).saturating_sub(found);
    Lost::Records { shard: Some(entry.shard), indices, records_max }
}
