//! Segments: immutable files with the records of a chapter, sorted by shard.
//!
//! Name: `segments/<number>-<class>-<first>-<end>-<last ms>.segment`, numbers in hexadecimal: the
//! chapter, the retention class (`d`, `w`, `y`), the chapter's index range and the highest arrival
//! time. With the name alone a segment is placed, so that opening a store does not read them.
//!
//! ```text
//! header (64 bytes) │ frames, shard by shard │ directory │ sparse index │ trailer (64 bytes)
//! ```
//! Header: magic `ABS1`, zero (4), chapter (8), zero, CRC-32 of 60 bytes at 60. Frames are the
//! journal's (see `frame.rs`). A directory entry has 64 bytes: shard key, first index, end index,
//! first and last arrival time, offset and length of the frames (8 each), place of its first
//! sparse index entry and their number (4 each). A sparse index entry has 24: first index and
//! arrival time of a frame and its offset, one for every 64 KiB of frames. Trailer: magic `ABT1`,
//! number of directory entries (4), offset of the directory (8), number of sparse entries (4),
//! CRC-32 of directory and sparse index (4), zero, CRC-32 of 60 bytes at 60. All little-endian.

use crate::format::frame::{FRAME_HEADER_BYTES, FrameHeader, FrameKind, HEADERS_AT_ONCE};
use crate::format::header::{
    FILE_HEADER_BYTES, SEGMENT_MAGIC, SEGMENT_TRAILER_MAGIC, u32_at, u64_at,
};
use crate::format::run::MemRun;
use anabranch_env::{Disk, DiskFile, SequentialFile};
use anabranch_model::ShardKey;
use anabranch_model::retention::RetentionClass;
use anabranch_model::sequence_number::INDEX_CLOSED;
use bytes::Bytes;
use std::fmt::Debug;
use std::io::{self, IoSlice};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const TRAILER_BYTES: u64 = 64;
pub(crate) const DIRECTORY_ENTRY_BYTES: usize = 64;
const INDEX_ENTRY_BYTES: usize = 24;
/// Bytes of frames between two entries of the sparse index.
const INDEX_STRIDE_BYTES: u64 = 64 << 10;
/// Bytes of frames that are read at once at most, unless a frame is longer.
pub(crate) const CHUNK_BYTES_MAX: usize = 4 << 20;
/// A segment, by its file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SegmentName {
    pub(crate) chapter: u64,
    pub(crate) class: RetentionClass,
    pub(crate) first_index: u64,
    pub(crate) end_index: u64,
    pub(crate) last_ms: u64,
}

impl SegmentName {
    pub(crate) fn file_name(&self) -> String {
        let Self { chapter, first_index, end_index, last_ms, .. } = self;
        let class = match self.class {
            RetentionClass::Day => 'd',
            RetentionClass::Week => 'w',
            RetentionClass::Year => 'y',
        };
        format!("{chapter:016x}-{class}-{first_index:016x}-{end_index:016x}-{last_ms:012x}.segment")
    }

    pub(crate) fn parse(file_name: &str) -> Option<Self> {
        let mut fields = file_name.strip_suffix(".segment")?.split('-');
        let hex =
            |fields: &mut std::str::Split<'_, char>| u64::from_str_radix(fields.next()?, 16).ok();
        let chapter = hex(&mut fields)?;
        let class = match fields.next()? {
            "d" => RetentionClass::Day,
            "w" => RetentionClass::Week,
            "y" => RetentionClass::Year,
            _ => return None,
        };
        let name = Self {
            chapter,
            class,
            first_index: hex(&mut fields)?,
            end_index: hex(&mut fields)?,
            last_ms: hex(&mut fields)?,
        };
        (name.file_name() == file_name).then_some(name)
    }
}

/// Where a shard's records are in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DirectoryEntry {
    pub(crate) shard: ShardKey,
    pub(crate) first_index: u64,
    pub(crate) end_index: u64,
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
    pub(crate) offset: u64,
    pub(crate) len: u64,
    index_start: u32,
    index_count: u32,
}

impl DirectoryEntry {
    fn encode(&self, out: &mut Vec<u8>) {
        let long = [
            self.shard.0,
            self.first_index,
            self.end_index,
            self.first_ms,
            self.last_ms,
            self.offset,
            self.len,
        ];
        long.iter().for_each(|field| out.extend_from_slice(&field.to_le_bytes()));
        out.extend_from_slice(&self.index_start.to_le_bytes());
        out.extend_from_slice(&self.index_count.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        Self {
            shard: ShardKey(u64_at(bytes, 0)),
            first_index: u64_at(bytes, 8),
            end_index: u64_at(bytes, 16),
            first_ms: u64_at(bytes, 24),
            last_ms: u64_at(bytes, 32),
            offset: u64_at(bytes, 40),
            len: u64_at(bytes, 48),
            index_start: u32_at(bytes, 56),
            index_count: u32_at(bytes, 60),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct IndexEntry {
    first_index: u64,
    arrival_ms: u64,
    offset: u64,
}

/// What a segment is made of.
#[derive(Debug)]
pub(crate) struct SegmentContent<'a> {
    chapter: u64,
    runs: &'a [(ShardKey, &'a MemRun)],
    footer: Footer,
}

impl<'a> SegmentContent<'a> {
    /// `runs` are in the order of their shards' keys, those of a shard in index order.
    pub(crate) fn new(chapter: u64, runs: &'a [(ShardKey, &'a MemRun)]) -> Self {
        Self { chapter, runs, footer: Footer::of(runs) }
    }

    /// Bytes of the segment.
    pub(crate) fn bytes(&self) -> u64 {
        self.footer.file_bytes()
    }

    /// Writes it from end to end.
    pub(crate) fn write_to(&self, file: &mut dyn SequentialFile) -> io::Result<()> {
        file.append(&mut [IoSlice::new(&header(self.chapter))])?;
        for runs in self.runs.chunks(HEADERS_AT_ONCE) {
            append_frames(file, self.chapter, runs)?;
        }
        let parts = [&self.footer.directory[..], &self.footer.index, &self.footer.trailer()];
        file.append(&mut parts.map(IoSlice::new))
    }
}

/// Writes a segment under its name, which is durable when the directory is synced.
pub(crate) fn write(
    disk: &dyn Disk,
    directory: &Path,
    name: &SegmentName,
    content: &SegmentContent<'_>,
) -> io::Result<()> {
    let temporary = directory.join(format!("{}.tmp", name.file_name()));
    let mut file = disk.create_sequential(&temporary, content.bytes())?;
    content.write_to(&mut *file)?;
    file.finish()?;
    disk.rename(&temporary, &directory.join(name.file_name()))
}

/// Appends a few frames.
///
/// The checksum of a header is read from what was just stored, and waits for all stores before
/// it: behind the copy of a body, for the memory that the body comes from. So the runs are looked
/// at first, then the headers made, then the bodies copied, and what is not in the cache comes for
/// many at once.
fn append_frames(
    file: &mut dyn SequentialFile,
    chapter: u64,
    runs: &[(ShardKey, &MemRun)],
) -> io::Result<()> {
    let headers = runs.iter().map(|(shard, run)| frame_header(chapter, *shard, run));
    let headers: Vec<FrameHeader> = headers.collect();
    let headers: Vec<_> = headers.iter().map(FrameHeader::encode).collect();
    let frames = headers.iter().zip(runs);
    let slices = frames.flat_map(|(header, (_, run))| [&header[..], &run.body]);
    file.append(&mut slices.map(IoSlice::new).collect::<Vec<_>>())
}

/// What lies behind the frames, and where everything is.
#[derive(Debug)]
struct Footer {
    directory: Vec<u8>,
    index: Vec<u8>,
    index_count: u32,
    shard_count: u32,
    /// Where the frames end and the directory begins.
    start: u64,
}

impl Footer {
    fn of(runs: &[(ShardKey, &MemRun)]) -> Self {
        let mut footer = Self {
            directory: Vec::new(),
            index: Vec::new(),
            index_count: 0,
            shard_count: 0,
            start: FILE_HEADER_BYTES,
        };
        runs.chunk_by(|a, b| a.0 == b.0).for_each(|runs| footer.add_shard(runs));
        footer
    }

    /// Runs of one shard; there is one at least.
    fn add_shard(&mut self, runs: &[(ShardKey, &MemRun)]) {
        let ((shard, first), (_, last)) = (runs[0], runs[runs.len() - 1]);
        let (start, index_start) = (self.start, self.index_count);
        let mut indexed_to = start;
        for (_, run) in runs {
            if self.start >= indexed_to {
                self.add_index_entry(run);
                indexed_to = self.start + INDEX_STRIDE_BYTES;
            }
            self.start += run.frame_bytes() as u64;
        }
        let entry = DirectoryEntry {
            shard,
            first_index: first.first_index,
            end_index: last.end_index(),
            first_ms: first.arrival_ms,
            last_ms: last.arrival_ms,
            offset: start,
            len: self.start - start,
            index_start,
            index_count: self.index_count - index_start,
        };
        entry.encode(&mut self.directory);
        self.shard_count += 1;
    }

    /// For a run whose frame is the next.
    fn add_index_entry(&mut self, run: &MemRun) {
        for field in [run.first_index, run.arrival_ms, self.start] {
            self.index.extend_from_slice(&field.to_le_bytes());
        }
        self.index_count += 1;
    }

    fn file_bytes(&self) -> u64 {
        self.start + (self.directory.len() + self.index.len()) as u64 + TRAILER_BYTES
    }

    fn trailer(&self) -> [u8; TRAILER_BYTES as usize] {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&self.directory);
        crc.update(&self.index);
        let mut trailer = [0u8; TRAILER_BYTES as usize];
        trailer[..4].copy_from_slice(&SEGMENT_TRAILER_MAGIC);
        trailer[4..8].copy_from_slice(&self.shard_count.to_le_bytes());
        trailer[8..16].copy_from_slice(&self.start.to_le_bytes());
        trailer[16..20].copy_from_slice(&self.index_count.to_le_bytes());
        trailer[20..24].copy_from_slice(&crc.finalize().to_le_bytes());
        close_header(&mut trailer);
        trailer
    }
}

fn header(chapter: u64) -> [u8; FILE_HEADER_BYTES as usize] {
    let mut header = [0u8; FILE_HEADER_BYTES as usize];
    header[..4].copy_from_slice(&SEGMENT_MAGIC);
    header[8..16].copy_from_slice(&chapter.to_le_bytes());
    close_header(&mut header);
    header
}

fn close_header(header: &mut [u8; 64]) {
    let crc = crc32fast::hash(&header[..60]);
    header[60..].copy_from_slice(&crc.to_le_bytes());
}

/// The header of a run's frame in the segment of `chapter`.
pub(crate) fn frame_header(chapter: u64, shard: ShardKey, run: &MemRun) -> FrameHeader {
    FrameHeader {
        kind: FrameKind::Run,
        file_id: chapter,
        subject: shard.0,
        index: run.first_index,
        arrival_ms: run.arrival_ms,
        count: run.count,
        body_len: u32::try_from(run.body.len()).expect("a run is far below 4 GiB"),
        body_crc: run.body_crc,
        durable_bytes: 0,
        continues: false,
    }
}

/// A segment cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The operating system refused.
    #[error("cannot read segment path={} error={error}", path.display())]
    Io {
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// A checksum or a structure does not hold.
    #[error("segment is damaged path={} offset={offset}", path.display())]
    Damaged {
        path: PathBuf,
        /// Where in the file.
        offset: u64,
    },
}

/// Where a segment's bytes come from.
pub(crate) trait SegmentFile: Debug + Send + Sync {
    /// How many there are.
    fn bytes(&self) -> io::Result<u64>;

    /// The `len` bytes from `offset` on.
    fn read(&self, len: usize, offset: u64) -> io::Result<Vec<u8>>;
}

impl SegmentFile for Arc<dyn DiskFile> {
    fn bytes(&self) -> io::Result<u64> {
        self.len()
    }

    fn read(&self, len: usize, offset: u64) -> io::Result<Vec<u8>> {
        self.read_vec_at(len, offset)
    }
}

/// An open segment with its directory in memory.
#[derive(Debug)]
pub(crate) struct OpenSegment {
    path: PathBuf,
    file: Box<dyn SegmentFile>,
    chapter: u64,
    directory: Vec<DirectoryEntry>,
    index: Vec<IndexEntry>,
}

impl OpenSegment {
    /// Opens the file at `path`.
    pub(crate) fn open(disk: &dyn Disk, path: PathBuf, chapter: u64) -> Result<Self, SegmentError> {
        let file = disk.open(&path, false);
        Self::load(file.map(|file| Box::new(file) as Box<dyn SegmentFile>), path, chapter)
    }

    /// Reads the directory of a segment that was opened, which is at `path`.
    pub(crate) fn load(
        file: io::Result<Box<dyn SegmentFile>>,
        path: PathBuf,
        chapter: u64,
    ) -> Result<Self, SegmentError> {
        let opened = file.and_then(|file| Ok((file.bytes()?, file)));
        let (bytes, file) = match opened {
            Ok(opened) => opened,
            Err(error) => return Err(SegmentError::Io { path, error }),
        };
        let mut segment = Self { path, file, chapter, directory: Vec::new(), index: Vec::new() };
        segment.load_directory(bytes)?;
        Ok(segment)
    }

    fn load_directory(&mut self, len: u64) -> Result<(), SegmentError> {
        if len < FILE_HEADER_BYTES + TRAILER_BYTES {
            return Err(self.damaged(0));
        }
        if self.read_at(0, FILE_HEADER_BYTES as usize)? != header(self.chapter) {
            return Err(self.damaged(0));
        }
        let trailer_at = len - TRAILER_BYTES;
        let trailer = self.read_at(trailer_at, TRAILER_BYTES as usize)?;
        let intact = trailer[..4] == SEGMENT_TRAILER_MAGIC
            && crc32fast::hash(&trailer[..60]) == u32_at(&trailer, 60);
        let shards = u32_at(&trailer, 4) as usize;
        let (start, indexed) = (u64_at(&trailer, 8), u32_at(&trailer, 16) as usize);
        let footer_bytes = shards * DIRECTORY_ENTRY_BYTES + indexed * INDEX_ENTRY_BYTES;
        if !intact || start.checked_add(footer_bytes as u64) != Some(trailer_at) {
            return Err(self.damaged(trailer_at));
        }
        let footer = self.read_at(start, footer_bytes)?;
        if crc32fast::hash(&footer) != u32_at(&trailer, 20) {
            return Err(self.damaged(start));
        }
        let (directory, index) = footer.split_at(shards * DIRECTORY_ENTRY_BYTES);
        self.directory =
            directory.chunks_exact(DIRECTORY_ENTRY_BYTES).map(DirectoryEntry::decode).collect();
        self.index = index
            .chunks_exact(INDEX_ENTRY_BYTES)
            .map(|bytes| IndexEntry {
                first_index: u64_at(bytes, 0),
                arrival_ms: u64_at(bytes, 8),
                offset: u64_at(bytes, 16),
            })
            .collect();
        // A checksum that holds does not make the numbers true.
        let is_sound = |entry: &DirectoryEntry| {
            let indexed = u64::from(entry.index_start) + u64::from(entry.index_count);
            let end = entry.offset.checked_add(entry.len);
            entry.index_count > 0
                && indexed <= self.index.len() as u64
                && entry.offset >= FILE_HEADER_BYTES
                && end.is_some_and(|end| end <= start)
        };
        let offsets_hold =
            self.index.iter().all(|e| (FILE_HEADER_BYTES..start).contains(&e.offset));
        match self.directory.iter().all(is_sound) && offsets_hold {
            true => Ok(()),
            false => Err(self.damaged(start)),
        }
    }

    fn damaged(&self, offset: u64) -> SegmentError {
        SegmentError::Damaged { path: self.path.clone(), offset }
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Vec<u8>, SegmentError> {
        let read = self.file.read(len, offset);
        read.map_err(|error| SegmentError::Io { path: self.path.clone(), error })
    }

    pub(crate) fn directory(&self) -> &[DirectoryEntry] {
        &self.directory
    }

    pub(crate) fn entry(&self, shard: ShardKey) -> Option<&DirectoryEntry> {
        let place = self.directory.binary_search_by_key(&shard, |entry| entry.shard).ok()?;
        Some(&self.directory[place])
    }

    /// Reads the shard's runs from an index and an arrival time on, until `take` breaks.
    ///
    /// Begins with `first_bytes` of frames; `take` gets each run and tells how many more bytes are
    /// likely to be wanted after it.
    pub(crate) fn read_runs(
        &self,
        entry: &DirectoryEntry,
        from: u64,
        from_ms: u64,
        first_bytes: usize,
        mut take: impl FnMut(&MemRun) -> ControlFlow<(), usize>,
    ) -> Result<(), SegmentError> {
        let start = entry.index_start as usize;
        let index = &self.index[start..start + entry.index_count as usize];
        // The last indexed frame that is surely not behind the wanted place.
        let skip = index.partition_point(|e| e.first_index <= from || e.arrival_ms < from_ms);
        let mut at = skip.checked_sub(1).map_or(entry.offset, |i| index[i].offset);
        let end = entry.offset + entry.len;
        let mut wanted_bytes = first_bytes;
        while at < end {
            let len = wanted_bytes.clamp(FRAME_HEADER_BYTES, CHUNK_BYTES_MAX);
            let len = len.min(usize::try_from(end - at).unwrap_or(usize::MAX));
            let mut chunk = Bytes::from(self.read_at(at, len)?);
            let mut within = 0;
            loop {
                let run = match self.run_in(&chunk, &mut within, at)? {
                    Some(run) => run,
                    // One frame is longer than the chunk.
                    None if within == 0 => {
                        chunk = self.long_frame(&chunk, at, end)?;
                        continue;
                    }
                    None => break,
                };
                if run.end_index() > from && run.arrival_ms >= from_ms {
                    match take(&run) {
                        ControlFlow::Continue(bytes) => wanted_bytes = bytes,
                        ControlFlow::Break(()) => return Ok(()),
                    }
                }
            }
            at += within as u64;
        }
        Ok(())
    }

    /// The next run that lies wholly in `chunk`, which was read at `offset`.
    fn run_in(
        &self,
        chunk: &Bytes,
        within: &mut usize,
        offset: u64,
    ) -> Result<Option<MemRun>, SegmentError> {
        let rest = &chunk[*within..];
        if rest.len() < FRAME_HEADER_BYTES {
            return Ok(None);
        }
        let damaged = || self.damaged(offset + *within as u64);
        let header = FrameHeader::decode(rest).ok_or_else(damaged)?;
        let len = FRAME_HEADER_BYTES + header.body_len as usize;
        if rest.len() < len {
            return Ok(None);
        }
        let intact = header.kind == FrameKind::Run
            && header.file_id == self.chapter
            && header.index <= INDEX_CLOSED
            && header.body_in(rest).is_some();
        if !intact {
            return Err(damaged());
        }
        let body = chunk.slice(*within + FRAME_HEADER_BYTES..*within + len);
        *within += len;
        Ok(Some(MemRun::of(&header, body)))
    }

    /// The whole frame at `at`, which ends at `end` at the latest, and of which `chunk` has the
    /// beginning.
    fn long_frame(&self, chunk: &[u8], at: u64, end: u64) -> Result<Bytes, SegmentError> {
        let header = FrameHeader::decode(chunk).ok_or_else(|| self.damaged(at))?;
        let len = FRAME_HEADER_BYTES + header.body_len as usize;
        // A length is not believed before it is known to be there: it would be allocated.
        if len as u64 > end - at || len <= chunk.len() {
            return Err(self.damaged(at));
        }
        self.read_at(at, len).map(Bytes::from)
    }

    /// Memory that it takes beside the file.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.directory.len() * DIRECTORY_ENTRY_BYTES + self.index.len() * INDEX_ENTRY_BYTES + 512
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::record::RunBuilder;
    use anabranch_env::FakeDisk;

    fn run(first_index: u64, arrival_ms: u64, data: &[u8]) -> MemRun {
        let mut builder = RunBuilder::default();
        builder.push(Some("key"), data);
        let (body, count) = builder.finish();
        let body_crc = crc32fast::hash(&body);
        MemRun { first_index, arrival_ms, count, body_crc, body }
    }

    fn name() -> SegmentName {
        let class = RetentionClass::Week;
        SegmentName { chapter: 9, class, first_index: 1, end_index: 0xabc, last_ms: 99 }
    }

    fn sample(disk: &FakeDisk) -> (Vec<MemRun>, PathBuf) {
        let runs: Vec<_> =
            (0..300).map(|i| run(10 + i * 2, 1000 + i, &vec![i as u8; 900])).collect();
        let small = run(5, 900, b"x");
        let mut by_shard = vec![(ShardKey(1), &small)];
        by_shard.extend(runs.iter().map(|run| (ShardKey(7), run)));
        let content = SegmentContent::new(name().chapter, &by_shard);
        write(disk, Path::new("/s"), &name(), &content).expect("written");
        (runs, Path::new("/s").join(name().file_name()))
    }

    #[test]
    fn names_round_trip() {
        assert_eq!(SegmentName::parse(&name().file_name()), Some(name()));
        assert_eq!(SegmentName::parse("0-w-1-2-3.segment"), None);
    }

    #[test]
    fn reads_from_any_index_and_time_with_any_chunk() {
        let disk = FakeDisk::default();
        let (runs, path) = sample(&disk);
        let segment = OpenSegment::open(&disk, path, 9).expect("opened");
        assert!(segment.entry(ShardKey(2)).is_none());
        let entry = segment.entry(ShardKey(7)).expect("there");
        assert!(entry.index_count > 2, "several strides");
        for (from, from_ms) in
            [(0, 0), (10, 0), (11, 0), (300, 1200), (0, 1299), (608, 0), (609, 0)]
        {
            let expected: Vec<_> = runs
                .iter()
                .filter(|r| r.end_index() > from && r.arrival_ms >= from_ms)
                .map(|r| r.first_index)
                .collect();
            for chunk in [64, 1000, 100_000] {
                let mut read = Vec::new();
                let take = |run: &MemRun| {
                    read.push(run.first_index);
                    ControlFlow::Continue(chunk)
                };
                segment.read_runs(entry, from, from_ms, chunk, take).expect("read");
                assert_eq!(read, expected, "from {from} time {from_ms} chunk {chunk}");
            }
        }
    }

    #[test]
    fn a_length_beyond_the_segment_is_damage_and_not_allocated() {
        let disk = FakeDisk::default();
        let (_, path) = sample(&disk);
        forge_first_frame(&disk, &path, 44, &u32::MAX.to_le_bytes());
        // Reading so much would be an error of the disk instead.
        let read = read_first_shard(&disk, path);
        assert!(matches!(read, Err(SegmentError::Damaged { .. })), "{read:?}");
    }

    #[test]
    fn an_index_that_no_record_can_have_is_damage() {
        let disk = FakeDisk::default();
        let (_, path) = sample(&disk);
        forge_first_frame(&disk, &path, 24, &u64::MAX.to_le_bytes());
        let read = read_first_shard(&disk, path);
        assert!(matches!(read, Err(SegmentError::Damaged { .. })), "{read:?}");
    }

    /// Puts a field into the header of the first frame, and makes its checksum right.
    fn forge_first_frame(disk: &FakeDisk, path: &Path, at: usize, field: &[u8]) {
        disk.corrupt(path, |bytes| {
            let header = &mut bytes[FILE_HEADER_BYTES as usize..][..FRAME_HEADER_BYTES];
            header[at..at + field.len()].copy_from_slice(field);
            let crc = crc32fast::hash(&header[..60]);
            header[60..].copy_from_slice(&crc.to_le_bytes());
        });
    }

    fn read_first_shard(disk: &FakeDisk, path: PathBuf) -> Result<(), SegmentError> {
        let segment = OpenSegment::open(disk, path, 9).expect("its footer is right");
        segment.read_runs(&segment.directory()[0], 0, 0, 10_000, |_| ControlFlow::Continue(10_000))
    }

    #[test]
    fn damage_anywhere_is_noticed_before_wrong_data_is_returned() {
        let disk = FakeDisk::default();
        let (_, path) = sample(&disk);
        let len = disk.open(&path, false).and_then(|f| f.len()).expect("there") as usize;
        for at in (0..len).step_by(97).chain(len - 200..len) {
            disk.corrupt(&path, |bytes| bytes[at] ^= 4);
            let read_all = || -> Result<(), SegmentError> {
                let segment = OpenSegment::open(&disk, path.clone(), 9)?;
                for entry in segment.directory().to_vec() {
                    segment.read_runs(&entry, 0, 0, 10_000, |_| ControlFlow::Continue(10_000))?;
                }
                Ok(())
            };
            assert!(read_all().is_err(), "byte {at} of {len}");
            disk.corrupt(&path, |bytes| bytes[at] ^= 4);
        }
    }
}
