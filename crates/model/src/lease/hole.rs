//! Hash keys that no lease reads.
//!
//! One look may fall between two writes of somebody else. A hole counts once it was seen in
//! [`LOOKS`] looks in a row.

use super::row::Lease;
use super::shard_list::ListedShard;
use crate::hash_key::HashKeyRange;
use std::collections::BTreeMap;

/// Looks in a row that must show the same hole.
pub const LOOKS: u32 = 3;

/// The lowest hash keys that no lease covers whose shard is not read to its end.
///
/// `shards` gives the range of leases that do not have theirs; without one they cover nothing.
#[must_use]
pub fn lowest(leases: &[Lease], shards: &[ListedShard]) -> Option<HashKeyRange> {
    let listed: BTreeMap<_, _> = shards.iter().map(|shard| (&shard.name, shard.range)).collect();
    let range_of = |lease: &Lease| lease.range.or_else(|| listed.get(&lease.shard_name()).copied());
    lowest_beside(leases.iter().filter(|lease| !lease.is_complete()).filter_map(range_of))
}

/// The lowest hash keys that none of the ranges has.
#[must_use]
pub fn lowest_beside(ranges: impl IntoIterator<Item = HashKeyRange>) -> Option<HashKeyRange> {
    let mut ranges: Vec<HashKeyRange> = ranges.into_iter().collect();
    ranges.sort_by_key(|range| range.start);
    let mut next = 0;
    for range in ranges {
        if range.start > next {
            return Some(HashKeyRange { start: next, end_inclusive: range.start - 1 });
        }
        match range.end_inclusive.checked_add(1) {
            Some(after) => next = next.max(after),
            None => return None,
        }
    }
    Some(HashKeyRange { start: next, end_inclusive: u128::MAX })
}

/// How often a hole was seen in a row.
#[derive(Clone, Debug, Default)]
pub struct HoleWatch {
    last: Option<HashKeyRange>,
    looks: u32,
}

impl HoleWatch {
    /// Notes what a look has shown, and says whether it is to be believed: then shards are to be
    /// listed and leases made. It begins anew after that.
    pub fn is_confirmed(&mut self, hole: Option<HashKeyRange>) -> bool {
        self.looks = if hole.is_some() && hole == self.last { self.looks + 1 } else { 1 };
        self.last = hole;
        let is_confirmed = hole.is_some() && self.looks >= LOOKS;
        if is_confirmed {
            *self = Self::default();
        }
        is_confirmed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash_key::uniform_ranges;
    use crate::lease::checkpoint::Checkpoint;

    fn range(start: u128, end_inclusive: u128) -> HashKeyRange {
        HashKeyRange { start, end_inclusive }
    }

    fn lease(range: Option<HashKeyRange>, checkpoint: Checkpoint) -> Lease {
        Lease { range, ..Lease::new("s".into(), checkpoint) }
    }

    #[test]
    fn finds_the_lowest_hole() {
        let last = u128::MAX;
        let cases: [(&[HashKeyRange], Option<HashKeyRange>); 8] = [
            (&[], Some(HashKeyRange::FULL)),
            (&[HashKeyRange::FULL], None),
            (&[range(0, 9), range(10, last)], None),
            (&[range(10, last), range(0, 9)], None),
            (&[range(0, 9), range(11, last)], Some(range(10, 10))),
            (&[range(1, last)], Some(range(0, 0))),
            (&[range(0, last - 1)], Some(range(last, last))),
            // A parent and its children: the wider one reaches on.
            (&[range(0, 100), range(0, 50), range(101, last)], None),
        ];
        for (ranges, hole) in cases {
            assert_eq!(lowest_beside(ranges.iter().copied()), hole, "{ranges:?}");
        }
        let ranges = uniform_ranges(7);
        assert_eq!(lowest_beside(ranges.iter().copied()), None);
        let holed = ranges.iter().copied().filter(|range| *range != ranges[3]);
        assert_eq!(lowest_beside(holed), Some(ranges[3]));
    }

    #[test]
    fn a_shard_that_was_read_covers_nothing() {
        let full = Some(HashKeyRange::FULL);
        assert_eq!(lowest(&[lease(full, Checkpoint::Latest)], &[]), None);
        assert_eq!(lowest(&[lease(full, Checkpoint::ShardEnd)], &[]), full);
        let shard = ListedShard {
            name: "s".into(),
            parents: vec![],
            range: HashKeyRange::FULL,
            is_open: true,
        };
        assert_eq!(lowest(&[lease(None, Checkpoint::Latest)], &[]), full);
        assert_eq!(lowest(&[lease(None, Checkpoint::Latest)], &[shard]), None);
    }

    #[test]
    fn a_hole_counts_when_it_was_seen_three_times() {
        let (one, other) = (Some(range(0, 9)), Some(range(0, 8)));
        let mut watch = HoleWatch::default();
        let looks = [one, one, other, other, None, other, other, other, other, other, other];
        let confirmed = looks.map(|hole| watch.is_confirmed(hole));
        let expected = [false, false, false, false, false, false, false, true, false, false, true];
        assert_eq!(confirmed, expected);
    }
}
