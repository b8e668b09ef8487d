//! Which segments there are, which of their records have an outcome, and which segments may go. Pure.
//!
//! Invariants:
//! - A segment goes only when each of its records has an outcome. The one that is written to goes only when its
//!   space is wanted, or at the end.
//! - `settled ≤ end`, of each segment.

use super::format::{FILE_HEADER_BYTES, HEAD_BYTES, OUTCOME_BYTES, SegmentName};
use std::collections::BTreeMap;
use std::ops::Range;

/// By which a record is known until it has an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RecordId {
    /// Number of its segment.
    pub(super) segment: u64,
    pub(super) index: u32,
}

/// What each segment takes beside its frames and their outcomes: two headers and the seal.
pub(super) const SEGMENT_OVERHEAD_BYTES: u64 = (2 * FILE_HEADER_BYTES + HEAD_BYTES) as u64;

/// Bytes that a record takes with the entry for its outcome.
pub(super) fn charge_of(frame_bytes: usize) -> u32 {
    u32::try_from(frame_bytes + OUTCOME_BYTES).unwrap_or(u32::MAX)
}

#[derive(Debug)]
pub(super) struct Segment {
    pub(super) name: SegmentName,
    /// Its records have the indices below.
    pub(super) end: u32,
    /// How many have an outcome.
    settled: u32,
    /// Bytes of its records file that are durable.
    pub(super) len: u64,
    /// Bytes that it takes of the bound.
    charged: u64,
    /// Nothing more is written to it.
    pub(super) is_sealed: bool,
    /// It was here when the spool was opened.
    pub(super) is_found: bool,
    /// Not all of it could be read: its file is kept for somebody to look at.
    pub(super) is_damaged: bool,
    /// Records whose outcomes are not written yet.
    unwritten: Vec<u32>,
    /// Bytes of its outcomes file; `None`: nothing more can be written to it.
    pub(super) outcomes_len: Option<u64>,
}

/// What was found of a segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct FoundSegment {
    pub(super) name: SegmentName,
    pub(super) end: u32,
    pub(super) settled: u32,
    pub(super) len: u64,
    pub(super) outcomes_len: u64,
    pub(super) is_damaged: bool,
}

/// Outcomes that are to be written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unwritten {
    pub(super) name: SegmentName,
    /// Where in the outcomes file.
    pub(super) at: u64,
    pub(super) ranges: Vec<Range<u32>>,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    segments: BTreeMap<u64, Segment>,
    /// Segments with something unwritten.
    with_unwritten: Vec<u64>,
    /// Segments that may have nothing left.
    maybe_finished: Vec<u64>,
}

impl Ledger {
    /// Takes in what was there before.
    pub(super) fn found(&mut self, found: FoundSegment) {
        let FoundSegment { name, end, settled, len, outcomes_len, is_damaged } = found;
        let outcomes = u64::from(end) * OUTCOME_BYTES as u64;
        let segment = Segment {
            name,
            end,
            settled: settled.min(end),
            len,
            charged: SEGMENT_OVERHEAD_BYTES + len + outcomes,
            is_sealed: true,
            is_found: true,
            is_damaged,
            unwritten: Vec::new(),
            outcomes_len: Some(outcomes_len),
        };
        self.segments.insert(name.number, segment);
        self.maybe_finished.push(name.number);
    }

    /// Begins a segment. Returns what it takes of the bound by itself.
    pub(super) fn begin(&mut self, name: SegmentName) -> u64 {
        let segment = Segment {
            name,
            end: 0,
            settled: 0,
            len: 0,
            charged: SEGMENT_OVERHEAD_BYTES,
            is_sealed: false,
            is_found: false,
            is_damaged: false,
            unwritten: Vec::new(),
            outcomes_len: Some(0),
        };
        self.segments.insert(name.number, segment);
        SEGMENT_OVERHEAD_BYTES
    }

    /// Records are durable at the end of a segment, which has so many bytes now.
    pub(super) fn appended(&mut self, number: u64, records: u32, charged: u64, len: u64) {
        let Some(segment) = self.segments.get_mut(&number) else { return };
        segment.end += records;
        segment.charged += charged;
        segment.len = len;
    }

    /// Nothing more comes to a segment.
    pub(super) fn sealed(&mut self, number: u64) {
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.is_sealed = true;
            self.maybe_finished.push(number);
        }
    }

    /// These have an outcome. Each is told once. Returns how many of them were found.
    pub(super) fn settle(&mut self, ids: &[RecordId]) -> u64 {
        let mut found = 0;
        for id in ids {
            let Some(segment) = self.segments.get_mut(&id.segment) else { continue };
            segment.settled += 1;
            found += u64::from(segment.is_found);
            if segment.unwritten.is_empty() {
                self.with_unwritten.push(id.segment);
            }
            segment.unwritten.push(id.index);
            if segment.settled >= segment.end {
                self.maybe_finished.push(id.segment);
            }
        }
        found
    }

    /// So many records of a segment cannot be read, and have no outcome.
    pub(super) fn lose(&mut self, number: u64, lost: u32) {
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.is_damaged = true;
            segment.settled += lost;
            self.maybe_finished.push(number);
        }
    }

    /// The outcomes that are to be written now. Of segments that may go there are none.
    pub(super) fn take_unwritten(&mut self) -> Vec<Unwritten> {
        let mut all = Vec::new();
        for number in std::mem::take(&mut self.with_unwritten) {
            let Some(segment) = self.segments.get_mut(&number) else { continue };
            let indices = std::mem::take(&mut segment.unwritten);
            if segment.is_finished() && segment.is_sealed {
                continue;
            }
            let Some(at) = segment.outcomes_len else { continue };
            all.push(Unwritten { name: segment.name, at, ranges: ranges(indices) });
        }
        all
    }

    /// Outcomes were written, and the file has so many bytes; `None`: they were not.
    pub(super) fn written(&mut self, number: u64, len: Option<u64>) {
        if let Some(segment) = self.segments.get_mut(&number) {
            segment.outcomes_len = len;
        }
    }

    /// A segment that may go. With `wants_space` that is also the one that is written to.
    pub(super) fn next_finished(&mut self, wants_space: bool) -> Option<u64> {
        while let Some(number) = self.maybe_finished.pop() {
            let is_finished = |segment: &Segment| segment.is_finished() && segment.is_sealed;
            if self.segments.get(&number).is_some_and(is_finished) {
                return Some(number);
            }
        }
        let (number, last) = self.segments.last_key_value()?;
        (wants_space && last.is_finished() && last.end > 0).then_some(*number)
    }

    /// A segment has gone. Returns what it took of the bound.
    pub(super) fn removed(&mut self, number: u64) -> u64 {
        self.segments.remove(&number).map_or(0, |segment| segment.charged)
    }

    pub(super) fn get(&self, number: u64) -> Option<&Segment> {
        self.segments.get(&number)
    }

    /// The first segment from a number on.
    pub(super) fn at_or_after(&self, number: u64) -> Option<&Segment> {
        self.segments.range(number..).next().map(|(_, segment)| segment)
    }

    /// Bytes of the bound that are taken.
    pub(super) fn charged(&self) -> u64 {
        self.segments.values().map(|segment| segment.charged).sum()
    }

    /// Records without an outcome.
    pub(super) fn unsettled(&self) -> u64 {
        let of = |segment: &Segment| u64::from(segment.end - segment.settled.min(segment.end));
        self.segments.values().map(of).sum()
    }
}

impl Segment {
    fn is_finished(&self) -> bool {
        self.settled >= self.end
    }
}

/// Indices as ranges in order.
fn ranges(mut indices: Vec<u32>) -> Vec<Range<u32>> {
    indices.sort_unstable();
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for index in indices {
        match ranges.last_mut().filter(|last| last.end == index) {
            Some(last) => last.end += 1,
            None => ranges.push(index..index + 1),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u64) -> SegmentName {
        SegmentName { number, id: number }
    }

    fn ids(segment: u64, indices: impl IntoIterator<Item = u32>) -> Vec<RecordId> {
        indices.into_iter().map(|index| RecordId { segment, index }).collect()
    }

    #[test]
    fn a_segment_goes_when_it_is_sealed_and_each_record_has_an_outcome() {
        let mut ledger = Ledger::default();
        ledger.begin(name(1));
        ledger.appended(1, 3, 300, 364);
        ledger.settle(&ids(1, [0, 2]));
        ledger.sealed(1);
        assert_eq!(ledger.next_finished(true), None);
        assert_eq!(ledger.unsettled(), 1);
        ledger.settle(&ids(1, [1]));
        assert_eq!(ledger.next_finished(false), Some(1));
        assert_eq!(ledger.removed(1), SEGMENT_OVERHEAD_BYTES + 300);
        assert_eq!(ledger.next_finished(true), None);
        assert_eq!(ledger.charged(), 0);
    }

    #[test]
    fn what_is_written_to_goes_only_when_its_space_is_wanted() {
        let mut ledger = Ledger::default();
        ledger.begin(name(1));
        assert_eq!(ledger.next_finished(true), None);
        ledger.appended(1, 1, 100, 164);
        assert_eq!(ledger.next_finished(true), None);
        ledger.settle(&ids(1, [0]));
        assert_eq!(ledger.next_finished(false), None);
        assert_eq!(ledger.next_finished(true), Some(1));
    }

    #[test]
    fn one_that_is_stuck_holds_no_other() {
        let mut ledger = Ledger::default();
        for number in 1..=3 {
            ledger.begin(name(number));
            ledger.appended(number, 2, 100, 164);
            ledger.sealed(number);
        }
        ledger.settle(&[ids(1, [0]), ids(3, [0, 1])].concat());
        assert_eq!(ledger.next_finished(false), Some(3));
        ledger.removed(3);
        ledger.settle(&ids(2, [0, 1]));
        assert_eq!(ledger.next_finished(false), Some(2));
        ledger.removed(2);
        assert_eq!(ledger.next_finished(false), None);
        ledger.lose(1, 1);
        assert_eq!(ledger.next_finished(false), Some(1));
    }

    #[test]
    fn outcomes_are_written_as_ranges_and_not_of_what_goes() {
        let mut ledger = Ledger::default();
        for number in 1..=2 {
            ledger.begin(name(number));
            ledger.appended(number, 5, 100, 164);
            ledger.sealed(number);
        }
        ledger.settle(&[ids(1, [3, 0, 1]), ids(2, [0, 1, 2, 3, 4])].concat());
        let expected = Unwritten { name: name(1), at: 0, ranges: vec![0..2, 3..4] };
        assert_eq!(ledger.take_unwritten(), [expected]);
        ledger.written(1, Some(96));
        ledger.settle(&ids(1, [4]));
        assert_eq!(ledger.take_unwritten()[0].at, 96);
        ledger.written(1, None);
        ledger.settle(&ids(1, [2]));
        assert_eq!(ledger.take_unwritten(), []);
    }

    #[test]
    fn what_was_found_is_counted_and_goes_when_nothing_is_left() {
        let mut ledger = Ledger::default();
        let found = FoundSegment {
            name: name(7),
            end: 4,
            settled: 3,
            len: 500,
            outcomes_len: 80,
            is_damaged: false,
        };
        ledger.found(found);
        ledger.found(FoundSegment { name: name(8), end: 2, settled: 2, ..found });
        assert_eq!(ledger.next_finished(false), Some(8));
        assert_eq!(ledger.unsettled(), 1);
        assert_eq!(ledger.removed(8), SEGMENT_OVERHEAD_BYTES + 500 + 32);
        assert_eq!(ledger.settle(&ids(7, [2])), 1);
        assert_eq!(ledger.next_finished(false), Some(7));
    }
}
