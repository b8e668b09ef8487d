//! What the last process left in a spool's directory.
//!
//! Only the last segment may be without a seal. Its torn tail, which holds nothing that was accepted, is cut off
//! by writing the rest again under a temporary name, with a seal, in its place: nothing that was accepted is
//! ever only where something is being written, and what was readable and perhaps not durable is durable then.
//! Nothing is added to a segment of another process.

use super::error::SpoolError;
use super::format::{
    FILE_BYTES_MAX, FILE_HEADER_BYTES, FileKind, Frame, HEAD_BYTES, Header, Item, OUTCOME_BYTES,
    OUTCOMES_BYTES_MAX, SegmentName, Walk, decode_outcomes, file_header, frame_at,
    read_file_header, seal,
};
use super::ledger::{FoundSegment, Ledger};
use super::settings::LOCK;
use anabranch_env::{Disk, DiskFile};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// What was found.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) ledger: Ledger,
    /// The number of the next segment.
    pub(super) next_number: u64,
}

/// Reads a directory that this process has locked, and makes it as it should be.
pub(super) fn open(disk: &dyn Disk, directory: &Path) -> Result<Opened, SpoolError> {
    let listed = list(disk, directory)?;
    let mut opened = Opened { ledger: Ledger::default(), next_number: listed.highest + 1 };
    let mut has_removed = false;
    for path in listed.left_over.iter().map(|file_name| directory.join(file_name)) {
        disk.remove(&path).map_err(SpoolError::io(&path))?;
        has_removed = true;
    }
    let last = listed.segments.last().copied();
    for name in listed.segments {
        let is_last = Some(name) == last;
        match open_segment(disk, directory, name, is_last)? {
            Some(found) => opened.ledger.found(found),
            None => {
                remove_segment(disk, directory, name)?;
                has_removed = true;
            }
        }
    }
    if has_removed {
        disk.sync_dir(directory).map_err(SpoolError::io(directory))?;
    }
    Ok(opened)
}

#[derive(Debug, Default)]
struct Listed {
    /// In order.
    segments: Vec<SegmentName>,
    /// Names of files of which nothing is needed.
    left_over: Vec<String>,
    /// The highest number that any file has.
    highest: u64,
}

fn list(disk: &dyn Disk, directory: &Path) -> Result<Listed, SpoolError> {
    let names = disk.list(directory).map_err(SpoolError::io(directory))?;
    let mut listed = Listed::default();
    let mut outcomes = Vec::new();
    for file_name in names {
        if file_name == LOCK || file_name.starts_with('.') || file_name == "lost+found" {
            continue;
        }
        let Some((name, extension)) = SegmentName::parse(&file_name) else {
            return Err(SpoolError::Foreign { path: directory.join(file_name) });
        };
        listed.highest = listed.highest.max(name.number);
        match extension {
            "records" => listed.segments.push(name),
            "outcomes" => outcomes.push((name, file_name)),
            // Of a crash while a tail was being cut off.
            "records.tmp" => listed.left_over.push(file_name),
            // Somebody is to look at it.
            "damaged" => {}
            _ => return Err(SpoolError::Foreign { path: directory.join(file_name) }),
        }
    }
    listed.segments.sort_unstable();
    let is_there = |name: &SegmentName| listed.segments.binary_search(name).is_ok();
    let orphans = outcomes.into_iter().filter(|(name, _)| !is_there(name));
    listed.left_over.extend(orphans.map(|(_, file_name)| file_name));
    Ok(listed)
}

/// `None`: nothing in it was ever accepted.
fn open_segment(
    disk: &dyn Disk,
    directory: &Path,
    name: SegmentName,
    is_last: bool,
) -> Result<Option<FoundSegment>, SpoolError> {
    let path = directory.join(name.file_name(FileKind::Records));
    let io = SpoolError::io(&path);
    let file = disk.open(&path, false).map_err(&io)?;
    let len = file.len().map_err(&io)?;
    if len > FILE_BYTES_MAX {
        return Err(SpoolError::Foreign { path });
    }
    let head = read(&*file, 0, len.min(FILE_HEADER_BYTES as u64)).map_err(&io)?;
    if read_file_header(FileKind::Records, name, &head) == Header::Foreign {
        return Err(SpoolError::Foreign { path });
    }
    // The end of the last one may be there though what comes before it is not.
    let sealed = if is_last { None } else { sealed_end(&*file, len, name.id).map_err(&io)? };
    let (end, len, is_damaged) = match sealed {
        Some(end) => (end, len, false),
        None => {
            let bytes = read(&*file, 0, len).map_err(&io)?;
            let left = Left::of(&bytes, name, is_last);
            if left.is_damaged {
                (left.end, len, true)
            } else if left.end == 0 {
                return Ok(None);
            } else {
                let kept = &bytes[FILE_HEADER_BYTES..left.len];
                let header = file_header(FileKind::Records, name);
                let seal = seal(name.id, left.end, left.len as u32);
                disk.write_atomically(&path, &[&header, kept, &seal]).map_err(&io)?;
                (left.end, (left.len + HEAD_BYTES) as u64, false)
            }
        }
    };
    let (done, outcomes_len) = outcomes(disk, directory, name)?;
    let settled = done.iter().map(|range| range.end.min(end) - range.start.min(end)).sum();
    Ok(Some(FoundSegment { name, end, settled, len, outcomes_len, is_damaged }))
}

/// How many records a file has that ends with a seal.
fn sealed_end(file: &dyn DiskFile, len: u64, id: u64) -> io::Result<Option<u32>> {
    let Some(at) = len.checked_sub(HEAD_BYTES as u64) else { return Ok(None) };
    let last = read(file, at, HEAD_BYTES as u64)?;
    Ok(match frame_at(&last, 0, id) {
        Ok((Frame::Seal { count, .. }, _)) => Some(count),
        _ => None,
    })
}

/// What is left of a segment that was not ended.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    /// Its records have the indices below.
    end: u32,
    /// Bytes up to the end of the last record.
    len: usize,
    /// Something is gone that had been durable.
    is_damaged: bool,
}

impl Left {
    fn of(bytes: &[u8], name: SegmentName, is_last: bool) -> Self {
        let mut left = Self { end: 0, len: FILE_HEADER_BYTES, is_damaged: false };
        let header = read_file_header(FileKind::Records, name, bytes);
        // Where the first bytes are that are wrong.
        let mut gap = (header != Header::Right).then_some(0);
        // So many bytes were durable.
        let mut vouched = 0;
        let (mut end, mut is_sealed) = (0, false);
        for item in Walk::new(bytes, FILE_HEADER_BYTES, name.id) {
            match item {
                Item::Record { at, frame } => {
                    vouched = vouched.max(frame.durable as usize);
                    end = frame.index.saturating_add(1);
                    if gap.is_none() {
                        (left.end, left.len) = (end, at + frame.bytes());
                    }
                }
                Item::Gap { from, .. } => gap = gap.or(Some(from)),
                Item::Seal { count, durable, .. } => {
                    (vouched, end) = (vouched.max(durable as usize), count);
                    is_sealed = true;
                }
            }
        }
        left.is_damaged = match is_last {
            true => gap.is_some_and(|from| from < vouched),
            // Its end was made durable before the next one was begun.
            false => gap.is_some() || !is_sealed,
        };
        if left.is_damaged {
            left.end = end;
        }
        left
    }
}

/// Which records of a segment have an outcome, and how long the file is that says so.
pub(super) fn outcomes(
    disk: &dyn Disk,
    directory: &Path,
    name: SegmentName,
) -> Result<(Vec<Range<u32>>, u64), SpoolError> {
    let path = directory.join(name.file_name(FileKind::Outcomes));
    let io = SpoolError::io(&path);
    let file: Arc<dyn DiskFile> = match disk.open(&path, false) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), 0)),
        other => other.map_err(&io)?,
    };
    let len = file.len().map_err(&io)?;
    if len > OUTCOMES_BYTES_MAX {
        return Err(SpoolError::Foreign { path });
    }
    let bytes = read(&*file, 0, len).map_err(&io)?;
    match read_file_header(FileKind::Outcomes, name, &bytes) {
        Header::Foreign => Err(SpoolError::Foreign { path }),
        // What has an outcome may be sent again; nothing is lost.
        Header::Broken if bytes.len() < FILE_HEADER_BYTES => Ok((Vec::new(), 0)),
        Header::Broken | Header::Right => {
            let entries = &bytes[FILE_HEADER_BYTES..];
            // A torn entry is written over.
            let torn = entries.len() % OUTCOME_BYTES;
            Ok((decode_outcomes(name.id, entries), len - torn as u64))
        }
    }
}

/// Removes the files of a segment, that with its records first.
pub(super) fn remove_segment(
    disk: &dyn Disk,
    directory: &Path,
    name: SegmentName,
) -> Result<(), SpoolError> {
    for kind in [FileKind::Records, FileKind::Outcomes] {
        let path = directory.join(name.file_name(kind));
        match disk.remove(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(SpoolError::io(&path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

fn read(file: &dyn DiskFile, at: u64, len: u64) -> io::Result<Vec<u8>> {
    file.read_vec_at(usize::try_from(len).unwrap_or(usize::MAX), at)
}
