//! Frames in bytes that may be damaged anywhere.

use crate::error::OpenError;
use crate::format::frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind};
use crate::format::header::FRAME_MAGIC;
use crate::format::run::MemRun;
use crate::format::segment::frame_header;
use anabranch_env::{Disk, DiskFile};
use anabranch_model::ShardKey;
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Bytes read at once, and the smallest part that is read alone when more cannot be read.
const CHUNK_BYTES: usize = 1 << 20;
const SECTOR_BYTES: usize = 4096;

/// A frame that is intact.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) header: FrameHeader,
    pub(super) body: Bytes,
}

impl Frame {
    pub(super) fn of(shard: ShardKey, run: &MemRun) -> Self {
        Self { header: frame_header(0, shard, run), body: run.body.clone() }
    }

    pub(super) fn run(&self) -> MemRun {
        MemRun::of(&self.header, self.body.clone())
    }

    pub(super) fn end_index(&self) -> u64 {
        self.header.index + u64::from(self.header.count)
    }
}

/// The runs that were found in a segment, by shard and in order.
pub(super) type Runs = BTreeMap<ShardKey, Vec<MemRun>>;

/// Bytes between intact frames.
#[derive(Clone, Debug)]
pub(super) struct Hole {
    pub(super) offset: u64,
    pub(super) bytes: u64,
    /// The frame's header, if only the body is damaged.
    pub(super) header: Option<FrameHeader>,
    /// How many intact frames are before it.
    pub(super) place: usize,
}

/// What [`scan`] found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) frames: Vec<Frame>,
    pub(super) offsets: Vec<u64>,
    pub(super) holes: Vec<Hole>,
    /// The index in the seal, if there is one.
    pub(super) sealed_at: Option<u64>,
    /// The index in the mark, if there is one: all before it was written, nothing after it.
    pub(super) marked_at: Option<u64>,
    /// Behind the last intact frame.
    pub(super) end: u64,
}

/// Finds the frames of `file_id` in `bytes` from `start` on, up to a seal. Of frames that `fits`
/// refuses (with the one before) it takes no notice.
pub(super) fn scan(
    bytes: &Bytes,
    start: usize,
    file_id: u64,
    fits: impl Fn(Option<&Frame>, &FrameHeader) -> bool,
) -> Found {
    let mut found = Found { end: start.min(bytes.len()) as u64, ..Found::default() };
    let mut at = start;
    while at < bytes.len() {
        let ours =
            |header: &FrameHeader| header.file_id == file_id && fits(found.frames.last(), header);
        let place = found.frames.len();
        match FrameHeader::decode(&bytes[at..]).filter(ours) {
            Some(header) if header.body_in(&bytes[at..]).is_some() => {
                let next = at + header.frame_bytes() as usize;
                found.end = next as u64;
                if header.kind == FrameKind::Seal {
                    found.sealed_at = Some(header.index);
                    break;
                }
                if header.kind == FrameKind::Mark {
                    found.marked_at = Some(header.index);
                    break;
                }
                let body = bytes.slice(at + FRAME_HEADER_BYTES..next);
                found.frames.push(Frame { header, body });
                found.offsets.push(at as u64);
                at = next;
            }
            header => {
                let rest = &bytes[at + 1..];
                let next = memchr::memmem::find_iter(rest, &FRAME_MAGIC).find(|offset| {
                    let header = FrameHeader::decode(&rest[*offset..]).filter(ours);
                    header.is_some_and(|header| header.body_in(&rest[*offset..]).is_some())
                });
                let next = next.map(|offset| at + 1 + offset);
                let own_end = header.map(|header| at as u64 + header.frame_bytes());
                let Some(next) = next else {
                    // A header alone is worth telling of; else nobody knows what was here.
                    if let Some(header) = header {
                        let bytes = header.frame_bytes().min((bytes.len() - at) as u64);
                        let hole = Hole { offset: at as u64, bytes, header: Some(header), place };
                        found.holes.push(hole);
                        found.end = at as u64 + bytes;
                        at = found.end as usize;
                        continue;
                    }
                    break;
                };
                // More than one frame may be damaged: then the header tells of the first only.
                let end = own_end.filter(|end| *end <= next as u64).unwrap_or(next as u64);
                let (offset, bytes) = (at as u64, end - at as u64);
                found.holes.push(Hole { offset, bytes, header, place });
                at = end as usize;
            }
        }
    }
    found
}

/// The identity that most intact frames in `bytes` have.
pub(super) fn likely_file_id(bytes: &[u8]) -> Option<u64> {
    let mut counts: HashMap<u64, (usize, usize)> = HashMap::new();
    for at in memchr::memmem::find_iter(bytes, &FRAME_MAGIC) {
        let header = FrameHeader::decode(&bytes[at..]);
        if let Some(header) = header.filter(|header| header.body_in(&bytes[at..]).is_some()) {
            // The first one that was found wins a draw: the latest use begins at the start.
            let (count, _) = counts.entry(header.file_id).or_insert((0, usize::MAX - at));
            *count += 1;
        }
    }
    counts.into_iter().max_by_key(|(_, rank)| *rank).map(|(file_id, _)| file_id)
}

/// Reads a whole file; what cannot be read is zeros.
pub(super) fn read_lossy(file: &dyn DiskFile) -> io::Result<Vec<u8>> {
    let len = usize::try_from(file.len()?).unwrap_or(usize::MAX);
    let mut bytes = vec![0; len];
    for (at, chunk) in (0..).step_by(CHUNK_BYTES).zip(bytes.chunks_mut(CHUNK_BYTES)) {
        if file.read_exact_at(chunk, at).is_ok() {
            continue;
        }
        for (within, sector) in (0..).step_by(SECTOR_BYTES).zip(chunk.chunks_mut(SECTOR_BYTES)) {
            match file.read_exact_at(sector, at + within) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Err(error),
                Err(_) => sector.fill(0),
                Ok(()) => {}
            }
        }
    }
    Ok(bytes)
}

/// The names in a directory; none if it is not there.
pub(super) fn list(disk: &dyn Disk, directory: &Path) -> Result<Vec<String>, OpenError> {
    match disk.list(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        other => other.map_err(|e| OpenError::io(directory, e)),
    }
}
