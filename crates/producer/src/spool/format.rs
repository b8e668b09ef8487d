//! What the files of a spool are made of. `docs/formats/producer-spool.md` has the same for people.
//!
//! Two kinds of files, both with a header of 64 bytes, little-endian: magic (`ABP1` for records, `ABO1` for
//! outcomes), zeros to 8, the segment's number to 16, its id to 24, zeros to 60, CRC-32 of the 60 bytes before.
//!
//! The frames of a records file are a head of 64 bytes and what it says:
//!
//! | at | bytes | field |
//! |--:|--:|---|
//! | 0 | 4 | magic `ABQ1` |
//! | 4 | 4 | CRC-32 of what follows the head |
//! | 8 | 8 | when the record was put, epoch milliseconds |
//! | 16 | 16 | explicit hash key |
//! | 32 | 4 | index in the segment; of a seal: how many records there are |
//! | 36 | 4 | so many bytes of the file were durable when this was written |
//! | 40 | 4 | bytes of data |
//! | 44 | 2 | bytes of the stream's name |
//! | 46 | 2 | bytes of the partition key |
//! | 48 | 1 | kind: 1 record, 2 record that asks for order, 3 seal |
//! | 49 | 1 | 1: there is an explicit hash key |
//! | 50 | 10 | zero |
//! | 60 | 4 | CRC-32 of the segment's id and the 60 bytes before |
//! | 64 | … | name of the stream, partition key, data |
//!
//! An entry of an outcomes file has 16 bytes: index of the first record, count, zero, CRC-32 of the segment's
//! id and the 12 bytes before. Each entry is believed by itself.
//!
//! The id is random, and nobody who only puts records knows it: no data looks like a frame.

use bytes::Bytes;
use std::ops::Range;
use std::sync::Arc;

/// Bytes of the header of each file.
pub(super) const FILE_HEADER_BYTES: usize = 64;
/// Bytes of a frame's head, and of a whole seal.
pub(super) const HEAD_BYTES: usize = 64;
/// Bytes of an entry of an outcomes file.
pub(super) const OUTCOME_BYTES: usize = 16;
/// Bytes of the name or ARN of a stream at most.
pub(crate) const STREAM_BYTES_MAX: usize = 2_048;
/// Bytes of a partition key at most: 256 characters.
pub(crate) const KEY_BYTES_MAX: usize = 1_024;
/// Bytes of a record's data at most.
pub(crate) const DATA_BYTES_MAX: usize = 16 << 20;
/// A records file grows no more when it has so many bytes.
pub(super) const SEGMENT_BYTES_MAX: u64 = 8 << 20;
/// Bytes of a records file at most: it was not yet full when the largest record came.
pub(super) const FILE_BYTES_MAX: u64 =
    SEGMENT_BYTES_MAX + (2 * HEAD_BYTES + STREAM_BYTES_MAX + KEY_BYTES_MAX + DATA_BYTES_MAX) as u64;
/// Bytes of an outcomes file at most: an entry for each of the smallest records.
pub(super) const OUTCOMES_BYTES_MAX: u64 = FILE_BYTES_MAX;

const FRAME_MAGIC: [u8; 4] = *b"ABQ1";

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FileKind {
    Records,
    Outcomes,
}

/// By what a segment is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SegmentName {
    /// Place among all segments, from 1.
    pub(super) number: u64,
    /// Random.
    pub(super) id: u64,
}

/// A record as it is on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SpoolRecord {
    /// Name or ARN, of 1 to [`STREAM_BYTES_MAX`] bytes.
    pub(crate) stream: Arc<str>,
    pub(crate) partition_key: Box<str>,
    pub(crate) explicit_hash_key: Option<u128>,
    pub(crate) is_ordered: bool,
    /// When it was put, epoch milliseconds.
    pub(crate) put_ms: u64,
    pub(crate) data: Bytes,
}

/// A frame as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    Record(RecordFrame<'a>),
    /// The end: so many records came before it.
    Seal {
        count: u32,
        durable: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordFrame<'a> {
    pub(super) index: u32,
    /// So many bytes of the file were durable when this was written.
    pub(super) durable: u32,
    pub(super) put_ms: u64,
    pub(super) explicit_hash_key: Option<u128>,
    pub(super) is_ordered: bool,
    pub(super) stream: &'a str,
    pub(super) partition_key: &'a str,
    pub(super) data: &'a [u8],
}

/// Why there is no frame at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoFrame {
    /// The head is none, or not all of it is there.
    Head,
    /// The head is right, and what follows is not. The frame should have had so many bytes.
    Body(usize),
}

impl FileKind {
    fn magic(self) -> [u8; 4] {
        match self {
            Self::Records => *b"ABP1",
            Self::Outcomes => *b"ABO1",
        }
    }

    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Records => "records",
            Self::Outcomes => "outcomes",
        }
    }
}

impl SegmentName {
    pub(super) fn file_name(self, kind: FileKind) -> String {
        format!("{:016}-{:016x}.{}", self.number, self.id, kind.extension())
    }

    /// The segment and the extension of a file's name. `None`: it is not of this form.
    pub(super) fn parse(file_name: &str) -> Option<(Self, &str)> {
        let (stem, extension) = file_name.split_once('.')?;
        let (number, id) = stem.split_once('-')?;
        let are_digits = number.len() == 16 && number.bytes().all(|b| b.is_ascii_digit());
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if !are_digits || id.len() != 16 || !id.bytes().all(is_hex) {
            return None;
        }
        let name = Self { number: number.parse().ok()?, id: u64::from_str_radix(id, 16).ok()? };
        Some((name, extension))
    }
}

pub(super) fn file_header(kind: FileKind, name: SegmentName) -> [u8; FILE_HEADER_BYTES] {
    let mut header = [0; FILE_HEADER_BYTES];
    header[..4].copy_from_slice(&kind.magic());
    header[8..16].copy_from_slice(&name.number.to_le_bytes());
    header[16..24].copy_from_slice(&name.id.to_le_bytes());
    let crc = crc32fast::hash(&header[..60]);
    header[60..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// What the header of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// It is as it should be.
    Right,
    /// It is not whole, or damaged. Frames and entries are believed by themselves.
    Broken,
    /// It is whole, and of another version or another file.
    Foreign,
}

pub(super) fn read_file_header(kind: FileKind, name: SegmentName, bytes: &[u8]) -> Header {
    let Some(header) = bytes.get(..FILE_HEADER_BYTES) else { return Header::Broken };
    if header == file_header(kind, name) {
        return Header::Right;
    }
    match crc32fast::hash(&header[..60]) == u32_at(header, 60) {
        true => Header::Foreign,
        false => Header::Broken,
    }
}

impl SpoolRecord {
    /// Bytes of its frame.
    pub(super) fn frame_bytes(&self) -> usize {
        HEAD_BYTES + self.stream.len() + self.partition_key.len() + self.data.len()
    }

    /// Adds its frame.
    ///
    /// # Panics
    /// If it has more bytes than there may be.
    pub(super) fn encode(&self, id: u64, index: u32, durable: u32, out: &mut Vec<u8>) {
        let (stream, key) = (self.stream.as_bytes(), self.partition_key.as_bytes());
        assert!(stream.len() <= STREAM_BYTES_MAX && key.len() <= KEY_BYTES_MAX);
        assert!(self.data.len() <= DATA_BYTES_MAX);
        let mut head = [0; HEAD_BYTES];
        head[8..16].copy_from_slice(&self.put_ms.to_le_bytes());
        head[16..32].copy_from_slice(&self.explicit_hash_key.unwrap_or(0).to_le_bytes());
        head[32..36].copy_from_slice(&index.to_le_bytes());
        head[36..40].copy_from_slice(&durable.to_le_bytes());
        head[40..44].copy_from_slice(&(self.data.len() as u32).to_le_bytes());
        head[44..46].copy_from_slice(&(stream.len() as u16).to_le_bytes());
        head[46..48].copy_from_slice(&(key.len() as u16).to_le_bytes());
        head[48] = if self.is_ordered { 2 } else { 1 };
        head[49] = u8::from(self.explicit_hash_key.is_some());
        let mut crc = crc32fast::Hasher::new();
        [stream, key, &self.data].into_iter().for_each(|part| crc.update(part));
        finish_head(&mut head, crc.finalize(), id);
        for part in [&head, stream, key, &self.data] {
            out.extend_from_slice(part);
        }
    }
}

impl RecordFrame<'_> {
    pub(super) fn bytes(&self) -> usize {
        HEAD_BYTES + self.stream.len() + self.partition_key.len() + self.data.len()
    }

    /// A copy in memory of its own.
    pub(super) fn to_record(self, stream: Arc<str>) -> SpoolRecord {
        SpoolRecord {
            stream,
            partition_key: self.partition_key.into(),
            explicit_hash_key: self.explicit_hash_key,
            is_ordered: self.is_ordered,
            put_ms: self.put_ms,
            data: Bytes::copy_from_slice(self.data),
        }
    }
}

/// The end of a records file with so many records.
pub(super) fn seal(id: u64, count: u32, durable: u32) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[32..36].copy_from_slice(&count.to_le_bytes());
    head[36..40].copy_from_slice(&durable.to_le_bytes());
    head[48] = 3;
    finish_head(&mut head, crc32fast::hash(&[]), id);
    head
}

fn finish_head(head: &mut [u8; HEAD_BYTES], body_crc: u32, id: u64) {
    head[..4].copy_from_slice(&FRAME_MAGIC);
    head[4..8].copy_from_slice(&body_crc.to_le_bytes());
    let crc = crc_of(id, &head[..60]);
    head[60..].copy_from_slice(&crc.to_le_bytes());
}

/// The frame at a place of a records file, and the bytes that it takes.
pub(super) fn frame_at(bytes: &[u8], at: usize, id: u64) -> Result<(Frame<'_>, usize), NoFrame> {
    let rest = bytes.get(at..).ok_or(NoFrame::Head)?;
    let (head, rest) = rest.split_at_checked(HEAD_BYTES).ok_or(NoFrame::Head)?;
    if head[..4] != FRAME_MAGIC || crc_of(id, &head[..60]) != u32_at(head, 60) {
        return Err(NoFrame::Head);
    }
    let (data, stream, key) =
        (u32_at(head, 40) as usize, usize::from(u16_at(head, 44)), usize::from(u16_at(head, 46)));
    if data > DATA_BYTES_MAX || stream > STREAM_BYTES_MAX || key > KEY_BYTES_MAX {
        return Err(NoFrame::Head);
    }
    let whole = HEAD_BYTES + data + stream + key;
    let no_body = NoFrame::Body(whole);
    let body = rest.get(..data + stream + key).ok_or(no_body)?;
    if crc32fast::hash(body) != u32_at(head, 4) {
        return Err(no_body);
    }
    let (index, durable) = (u32_at(head, 32), u32_at(head, 36));
    let is_ordered = match head[48] {
        1 => false,
        2 => true,
        3 if body.is_empty() => return Ok((Frame::Seal { count: index, durable }, whole)),
        _ => return Err(no_body),
    };
    let text = |range: Range<usize>| std::str::from_utf8(&body[range]).map_err(|_| no_body);
    let hash_key = u128::from_le_bytes(head[16..32].try_into().expect("sixteen bytes"));
    let frame = RecordFrame {
        index,
        durable,
        put_ms: u64_at(head, 8),
        explicit_hash_key: (head[49] & 1 == 1).then_some(hash_key),
        is_ordered,
        stream: text(0..stream)?,
        partition_key: text(stream..stream + key)?,
        data: &body[stream + key..],
    };
    Ok((Frame::Record(frame), whole))
}

/// What is found on the way through a records file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    Record {
        at: usize,
        frame: RecordFrame<'a>,
    },
    /// There is no frame in these bytes.
    Gap {
        from: usize,
        to: usize,
    },
    /// The end; what is behind it was never part of the file.
    Seal {
        at: usize,
        count: u32,
        durable: u32,
    },
}

/// Goes through the bytes of a records file, from a place at which a frame begins.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    id: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize, id: u64) -> Self {
        Self { bytes, at, id }
    }

    /// Where the next frame with a right head begins, or the end.
    fn next_head(&self, after: usize) -> usize {
        let mut at = after;
        while let Some(rest) = self.bytes.get(at..).filter(|rest| rest.len() >= HEAD_BYTES) {
            let found = rest.windows(FRAME_MAGIC.len()).position(|four| four == FRAME_MAGIC);
            let Some(found) = found else { break };
            at += found;
            if frame_at(self.bytes, at, self.id) != Err(NoFrame::Head) {
                return at;
            }
            at += 1;
        }
        self.bytes.len()
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        let at = self.at;
        if at >= self.bytes.len() {
            return None;
        }
        let (item, next) = match frame_at(self.bytes, at, self.id) {
            Ok((Frame::Record(frame), len)) => (Item::Record { at, frame }, at + len),
            Ok((Frame::Seal { count, durable }, _)) => {
                (Item::Seal { at, count, durable }, self.bytes.len())
            }
            Err(NoFrame::Body(len)) if at + len <= self.bytes.len() => {
                (Item::Gap { from: at, to: at + len }, at + len)
            }
            Err(_) => {
                let to = self.next_head(at + 1);
                (Item::Gap { from: at, to }, to)
            }
        };
        self.at = next;
        Some(item)
    }
}

/// Adds the entry of an outcomes file for records that have an outcome.
pub(super) fn encode_outcome(id: u64, indices: Range<u32>, out: &mut Vec<u8>) {
    let mut entry = [0; OUTCOME_BYTES];
    entry[..4].copy_from_slice(&indices.start.to_le_bytes());
    entry[4..8].copy_from_slice(&(indices.end - indices.start).to_le_bytes());
    let crc = crc_of(id, &entry[..12]);
    entry[12..].copy_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&entry);
}

/// The records that have an outcome by what an outcomes file holds behind its header: ranges in order, which
/// do not touch. What is no entry says nothing.
pub(super) fn decode_outcomes(id: u64, entries: &[u8]) -> Vec<Range<u32>> {
    let decode = |entry: &[u8]| {
        let (first, count) = (u32_at(entry, 0), u32_at(entry, 4));
        let is_right = crc_of(id, &entry[..12]) == u32_at(entry, 12);
        Some(first..first.checked_add(count)?).filter(|range| is_right && !range.is_empty())
    };
    let mut ranges: Vec<Range<u32>> =
        entries.chunks_exact(OUTCOME_BYTES).filter_map(decode).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<u32>> = Vec::new();
    for range in ranges {
        match merged.last_mut().filter(|last| range.start <= last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None => merged.push(range),
        }
    }
    merged
}

fn crc_of(id: u64, bytes: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&id.to_le_bytes());
    crc.update(bytes);
    crc.finalize()
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ID: u64 = 0x1234_5678_9abc_def0;

    fn record() -> impl Strategy<Value = SpoolRecord> {
        let data = prop::collection::vec(any::<u8>(), 0..60);
        ("[a-z]{1,8}", ".{1,6}", any::<Option<u128>>(), any::<bool>(), any::<u64>(), data).prop_map(
            |(stream, key, explicit_hash_key, is_ordered, put_ms, data)| SpoolRecord {
                stream: stream.into(),
                partition_key: key.into(),
                explicit_hash_key,
                is_ordered,
                put_ms,
                data: data.into(),
            },
        )
    }

    fn file(records: &[SpoolRecord]) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = Vec::new();
        let mut starts = Vec::new();
        for (index, record) in records.iter().enumerate() {
            starts.push(bytes.len());
            record.encode(ID, index as u32, starts[index] as u32, &mut bytes);
        }
        starts.push(bytes.len());
        bytes.extend(seal(ID, records.len() as u32, bytes.len() as u32));
        (bytes, starts)
    }

    fn read(bytes: &[u8]) -> Vec<SpoolRecord> {
        let record = |item| match item {
            Item::Record { frame, .. } => Some(frame.to_record(frame.stream.into())),
            _ => None,
        };
        Walk::new(bytes, 0, ID).filter_map(record).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(records in prop::collection::vec(record(), 0..6)) {
            let (mut bytes, starts) = file(&records);
            bytes.extend(b"what is behind the seal is not looked at");
            let items: Vec<Item<'_>> = Walk::new(&bytes, 0, ID).collect();
            for (index, item) in items[..records.len()].iter().enumerate() {
                let Item::Record { at, frame } = item else { panic!("{item:?}") };
                prop_assert_eq!((*at, frame.index as usize), (starts[index], index));
                prop_assert_eq!(frame.bytes(), records[index].frame_bytes());
            }
            let (at, count) = (starts[records.len()], records.len() as u32);
            prop_assert_eq!(items[records.len()..].to_vec(), vec![Item::Seal { at, count, durable: at as u32 }]);
            prop_assert_eq!(read(&bytes), records);
        }

        #[test]
        fn a_changed_byte_loses_the_frame_that_it_is_in_and_no_other(
            records in prop::collection::vec(record(), 1..6),
            place in any::<prop::sample::Index>(),
            change in 1u8..,
        ) {
            let (mut bytes, starts) = file(&records);
            let at = place.index(starts[records.len()]);
            bytes[at] ^= change;
            let hit = starts.iter().rposition(|start| *start <= at).expect("the first is 0");
            let mut left = records.clone();
            left.remove(hit);
            prop_assert_eq!(read(&bytes), left);
            let gap = Item::Gap { from: starts[hit], to: starts[hit + 1] };
            prop_assert!(Walk::new(&bytes, 0, ID).any(|item| item == gap));
        }

        #[test]
        fn of_a_cut_file_the_frames_before_are_read(
            records in prop::collection::vec(record(), 1..6),
            place in any::<prop::sample::Index>(),
        ) {
            let (bytes, starts) = file(&records);
            let at = place.index(bytes.len());
            let whole = starts[1..].iter().filter(|end| **end <= at).count();
            prop_assert_eq!(read(&bytes[..at]), &records[..whole]);
        }

        #[test]
        fn any_bytes_are_gone_through_once(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut at = 0;
            for item in Walk::new(&bytes, 0, ID) {
                let Item::Gap { from, to } = item else { panic!("{item:?}") };
                prop_assert!(from == at && to > from);
                at = to;
            }
            prop_assert_eq!(at, bytes.len());
            prop_assert_eq!(decode_outcomes(ID, &bytes), vec![]);
        }

        #[test]
        fn outcomes_are_read_in_order_and_once(
            ranges in prop::collection::vec((0u32..40, 1u32..9), 0..12),
            broken in any::<Option<prop::sample::Index>>(),
        ) {
            let mut bytes = Vec::new();
            let mut expected = std::collections::BTreeSet::new();
            let broken = broken.filter(|_| !ranges.is_empty()).map(|at| at.index(ranges.len()));
            for (place, (first, count)) in ranges.iter().enumerate() {
                let start = bytes.len();
                encode_outcome(ID, *first..first + count, &mut bytes);
                match broken == Some(place) {
                    true => bytes[start + 5] ^= 1,
                    false => expected.extend(*first..first + count),
                }
            }
            bytes.extend([0; 9]);
            let read = decode_outcomes(ID, &bytes);
            prop_assert!(read.windows(2).all(|two| two[0].end < two[1].start));
            let read: Vec<u32> = read.into_iter().flatten().collect();
            prop_assert_eq!(read, expected.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn data_that_looks_like_a_frame_of_another_segment_is_none() {
        let forged = |id| {
            let mut bytes = Vec::new();
            sample("inner").encode(id, 7, 0, &mut bytes);
            SpoolRecord { data: bytes.into(), ..sample("outer") }
        };
        for (id, found) in [(ID, vec!["inner"]), (ID + 1, vec![])] {
            let mut bytes = Vec::new();
            forged(id).encode(ID, 0, 0, &mut bytes);
            bytes[0] ^= 1;
            let keys: Vec<String> =
                read(&bytes).into_iter().map(|record| record.partition_key.into()).collect();
            assert_eq!(keys, found);
        }
    }

    fn sample(key: &str) -> SpoolRecord {
        SpoolRecord {
            stream: "s".into(),
            partition_key: key.into(),
            explicit_hash_key: None,
            is_ordered: false,
            put_ms: 1,
            data: Bytes::new(),
        }
    }

    #[test]
    fn a_header_is_right_broken_or_of_another() {
        let name = SegmentName { number: 3, id: ID };
        let header = file_header(FileKind::Records, name);
        let read = |bytes: &[u8]| read_file_header(FileKind::Records, name, bytes);
        assert_eq!(read(&header), Header::Right);
        assert_eq!(read(&header[..63]), Header::Broken);
        assert_eq!(read(&[0; 64]), Header::Broken);
        let other = SegmentName { number: 4, id: ID };
        assert_eq!(read(&file_header(FileKind::Records, other)), Header::Foreign);
        assert_eq!(read(&file_header(FileKind::Outcomes, name)), Header::Foreign);
        let mut newer = header;
        newer[3] = b'2';
        let crc = crc32fast::hash(&newer[..60]);
        newer[60..].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(read(&newer), Header::Foreign);
    }

    #[test]
    fn a_name_is_read_back_and_nothing_else_is() {
        let name = SegmentName { number: 17, id: 0xabc };
        let text = name.file_name(FileKind::Outcomes);
        assert_eq!(text, "0000000000000017-0000000000000abc.outcomes");
        assert_eq!(SegmentName::parse(&text), Some((name, "outcomes")));
        for other in ["LOCK", "17-abc.records", "000000000000001x-0000000000000abc.records", ""] {
            assert_eq!(SegmentName::parse(other), None, "{other}");
        }
    }
}
