//! Reading a segment back: which records are to be handed on, and what cannot be read.

use super::format::{Frame, Item, SpoolRecord, Walk, frame_at};
use std::ops::Range;
use std::sync::Arc;

/// A part of a records file that is handed on record by record.
#[derive(Debug)]
pub(super) struct Part {
    bytes: Vec<u8>,
    id: u64,
    /// Index and place in `bytes`.
    places: Vec<(u32, u32)>,
    /// How many of them were handed on.
    taken: usize,
    /// The name of the stream that the last record had.
    stream: Option<Arc<str>>,
    /// Where there is nothing that can be read, as places in `bytes`.
    pub(super) gaps: Vec<Range<usize>>,
    /// Records that cannot be read and have no outcome.
    pub(super) lost: u32,
}

impl Part {
    /// Of the bytes from `from` on, in which the records with these indices should be. Those that have an
    /// outcome (`done`: ranges in order) are passed over. With `is_whole` there should be a seal at the end.
    pub(super) fn new(
        bytes: Vec<u8>,
        from: usize,
        id: u64,
        indices: Range<u32>,
        done: &[Range<u32>],
        is_whole: bool,
    ) -> Self {
        let (mut places, mut gaps) = (Vec::new(), Vec::new());
        let (mut next, mut lost, mut is_sealed) = (indices.start, 0, false);
        for item in Walk::new(&bytes, from, id) {
            match item {
                Item::Record { at, frame } => {
                    let index = frame.index;
                    if index < next || index >= indices.end {
                        gaps.push(at..at + frame.bytes());
                        continue;
                    }
                    lost += not_in(next..index, done);
                    next = index + 1;
                    if not_in(index..next, done) == 1 {
                        places.push((index, at as u32));
                    }
                }
                Item::Gap { from, to } => gaps.push(from..to),
                Item::Seal { .. } => is_sealed = true,
            }
        }
        lost += not_in(next..indices.end, done);
        if (is_whole && !is_sealed || lost > 0) && gaps.is_empty() {
            gaps.push(bytes.len()..bytes.len());
        }
        Self { bytes, id, places, taken: 0, stream: None, gaps, lost }
    }

    /// The next record and its index.
    pub(super) fn next(&mut self) -> Option<(u32, SpoolRecord)> {
        let (index, at) = *self.places.get(self.taken)?;
        self.taken += 1;
        let Ok((Frame::Record(frame), _)) = frame_at(&self.bytes, at as usize, self.id) else {
            unreachable!("it was there, and nothing changes it");
        };
        // Mostly they are all of one stream.
        let known = self.stream.take().filter(|stream| **stream == *frame.stream);
        let stream = known.unwrap_or_else(|| frame.stream.into());
        self.stream = Some(stream.clone());
        Some((index, frame.to_record(stream)))
    }
}

/// How many of these indices are in none of the ranges.
fn not_in(indices: Range<u32>, ranges: &[Range<u32>]) -> u32 {
    if indices.is_empty() {
        return 0;
    }
    let first = ranges.partition_point(|range| range.end <= indices.start);
    let overlap = |range: &Range<u32>| {
        range.end.min(indices.end) - range.start.max(indices.start).min(indices.end)
    };
    let inside: u32 =
        ranges[first..].iter().take_while(|range| range.start < indices.end).map(overlap).sum();
    indices.end - indices.start - inside
}

#[cfg(test)]
mod tests {
    #![allow(clippy::single_range_in_vec_init, reason = "one range is meant")]

    use super::super::format::{encode_outcome, seal};
    use super::*;

    const ID: u64 = 9;

    fn record(number: u32) -> SpoolRecord {
        SpoolRecord {
            stream: "s".into(),
            partition_key: format!("key-{number}").into(),
            explicit_hash_key: None,
            is_ordered: true,
            put_ms: 5,
            data: format!("data-{number}").into(),
        }
    }

    fn file(count: u32) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for index in 0..count {
            starts.push(bytes.len());
            record(index).encode(ID, index, 0, &mut bytes);
        }
        starts.push(bytes.len());
        (bytes, starts)
    }

    fn indices(mut part: Part) -> Vec<u32> {
        let mut indices = Vec::new();
        while let Some((index, found)) = part.next() {
            assert_eq!(found, record(index));
            indices.push(index);
        }
        indices
    }

    #[test]
    fn hands_on_what_has_no_outcome() {
        let (mut bytes, starts) = file(6);
        bytes.extend(seal(ID, 6, 0));
        let part = Part::new(bytes.clone(), 0, ID, 0..6, &[1..3, 5..9], true);
        assert_eq!((part.lost, &part.gaps[..]), (0, &[][..]));
        assert_eq!(indices(part), [0, 3, 4]);
        let later = Part::new(bytes[..starts[5]].to_vec(), starts[2], ID, 2..5, &[], false);
        assert_eq!((later.lost, &later.gaps[..]), (0, &[][..]));
        assert_eq!(indices(later), [2, 3, 4]);
    }

    #[test]
    fn says_what_is_lost_and_hands_on_the_rest() {
        let (mut bytes, starts) = file(6);
        bytes[starts[2] + 70] ^= 1;
        bytes[starts[4]] ^= 1;
        bytes.extend(seal(ID, 6, 0));
        for (done, lost) in [(vec![], 2), (vec![2..3], 1), (vec![0..5], 0)] {
            let part = Part::new(bytes.clone(), 0, ID, 0..6, &done, true);
            assert_eq!(part.gaps, [starts[2]..starts[3], starts[4]..starts[5]]);
            assert_eq!(part.lost, lost, "{done:?}");
        }
        let (bytes, starts) = file(6);
        let cut = Part::new(bytes[..starts[4]].to_vec(), 0, ID, 0..6, &[], true);
        assert_eq!((cut.lost, &cut.gaps[..]), (2, &[starts[4]..starts[4]][..]));
        assert_eq!(indices(cut), [0, 1, 2, 3]);
    }

    #[test]
    fn counts_what_is_in_no_range() {
        let ranges = [2..4, 6..7, 9..12];
        for start in 0..14u32 {
            for end in start..14 {
                let expected =
                    (start..end).filter(|one| !ranges.iter().any(|range| range.contains(one)));
                assert_eq!(not_in(start..end, &ranges), expected.count() as u32, "{start}..{end}");
            }
        }
        let mut entries = Vec::new();
        encode_outcome(ID, 2..4, &mut entries);
        assert_eq!(super::super::format::decode_outcomes(ID, &entries), [2..4]);
    }
}
