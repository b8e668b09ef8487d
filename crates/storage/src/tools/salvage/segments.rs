//! Segments that may be damaged.

use super::finding::Lost;
use super::scan::{Found, Frame, Hole, Runs, likely_file_id, read_lossy, scan};
use crate::format::frame::{FrameHeader, FrameKind};
use crate::format::header::{
    FILE_HEADER_BYTES, SEGMENT_MAGIC, SEGMENT_TRAILER_MAGIC, u32_at, u64_at,
};
use crate::format::run::MemRun;
use crate::format::segment::{
    CHUNK_BYTES_MAX, DIRECTORY_ENTRY_BYTES, DirectoryEntry, OpenSegment, SegmentName,
};
use anabranch_env::Disk;
use anabranch_model::ShardKey;
use bytes::Bytes;
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

/// The runs of a segment in which every checksum holds.
pub(super) fn read_intact(disk: &dyn Disk, path: &Path, chapter: u64) -> Option<Runs> {
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
pub(super) fn chapter_in(disk: &dyn Disk, path: &Path) -> Option<u64> {
    let mut header = [0; FILE_HEADER_BYTES as usize];
    disk.open(path, false).ok()?.read_exact_at(&mut header, 0).ok()?;
    let holds =
        header[..4] == SEGMENT_MAGIC && crc32fast::hash(&header[..60]) == u32_at(&header, 60);
    holds.then(|| u64_at(&header, 8))
}

/// The chapter that most frames say they are of.
pub(super) fn likely_chapter(disk: &dyn Disk, path: &Path) -> Option<u64> {
    likely_file_id(&read_lossy(&*disk.open(path, false).ok()?).ok()?)
}

pub(super) struct Damaged {
    pub(super) runs: Runs,
    pub(super) holes: Vec<Hole>,
    /// Behind the last intact frame.
    pub(super) end: u64,
    /// Of a segment whose directory is intact.
    pub(super) directory: Vec<DirectoryEntry>,
}

/// Finds the intact frames of a damaged segment.
pub(super) fn damaged_runs(disk: &dyn Disk, path: &Path, chapter: u64) -> io::Result<Runs> {
    read_damaged(disk, path, chapter).map(|damaged| damaged.runs)
}

pub(super) fn read_damaged(disk: &dyn Disk, path: &Path, chapter: u64) -> io::Result<Damaged> {
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
pub(super) fn lost_in(
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
