//! Resharding: what may be split and merged, and how a stream gets to equal ranges.

use crate::hash_key::{HashKey, HashKeyRange, uniform_ranges};

/// The two halves of `range` when the upper one starts at `at`.
///
/// `None` unless `at` is greater than the range's start plus one and less than its end: the
/// service's rule for SplitShard.
#[must_use]
pub fn split(range: HashKeyRange, at: HashKey) -> Option<[HashKeyRange; 2]> {
    let is_allowed = at.checked_sub(range.start).is_some_and(|size| size > 1);
    (is_allowed && at < range.end_inclusive).then(|| cut(range, at))
}

/// Where `range` is split evenly. `None` if it is too small to be split.
#[must_use]
pub fn middle(range: HashKeyRange) -> Option<HashKey> {
    let at = range.start + (range.end_inclusive - range.start) / 2 + 1;
    split(range, at).map(|_| at)
}

/// The range of both. `None` unless `upper` starts where `lower` ends: the order matters.
#[must_use]
pub fn merge(lower: HashKeyRange, upper: HashKeyRange) -> Option<HashKeyRange> {
    let is_adjacent = lower.end_inclusive.checked_add(1) == Some(upper.start);
    is_adjacent.then_some(HashKeyRange { start: lower.start, end_inclusive: upper.end_inclusive })
}

/// Both sides of `at`, which must be inside and not the start.
#[must_use]
pub fn cut(range: HashKeyRange, at: HashKey) -> [HashKeyRange; 2] {
    debug_assert!(range.start < at && at <= range.end_inclusive, "a cut inside the range");
    [
        HashKeyRange { start: range.start, end_inclusive: at - 1 },
        HashKeyRange { start: at, end_inclusive: range.end_inclusive },
    ]
}

/// A step of a rescaling. Places count the open shards in the order of their ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// The shard at `place` is split; the upper part starts at `at`.
    Split {
        /// Place of the shard.
        place: usize,
        /// Start of the upper part.
        at: HashKey,
    },
    /// The shard at `lower` and the one after it are merged.
    Merge {
        /// Place of the lower shard.
        lower: usize,
    },
}

/// A boundary this close to a wanted one is as good: a 2^-64th of the ring.
///
/// Sizes of equal ranges are rounded down, so that every other boundary of 6 ranges is not
/// exactly one of 3. Doubling and halving shall be nothing but one split or merge of each shard.
const NEAR: u128 = 1 << 64;

/// The next moves from the `open` ranges, which cover the ring in order, to `target` equal ones.
/// None: they are equal.
///
/// Each shard takes part in one move at most. Over all rounds there is one split for each
/// boundary that is missing and one merge for each that is not wanted. A shard is split at the
/// middle one of its missing boundaries, so the number of rounds is logarithmic.
#[must_use]
pub fn next_round(open: &[HashKeyRange], target: u32) -> Vec<Move> {
    let wanted = wanted_boundaries(open, target);
    let mut moves = Vec::new();
    // The lower neighbour, if it has nothing to do in this round.
    let mut idle_before: Option<usize> = None;
    for (place, range) in open.iter().enumerate() {
        let first = wanted.partition_point(|at| *at <= range.start);
        let end = wanted.partition_point(|at| *at <= range.end_inclusive);
        if first < end {
            moves.push(Move::Split { place, at: wanted[(first + end) / 2] });
            idle_before = None;
            continue;
        }
        let is_boundary_wanted = first > 0 && wanted[first - 1] == range.start;
        idle_before = match idle_before {
            Some(lower) if !is_boundary_wanted => {
                moves.push(Move::Merge { lower });
                None
            }
            _ => Some(place),
        };
    }
    moves
}

/// Where ranges shall start, but for the first: at a boundary that is there, if one is near.
fn wanted_boundaries(open: &[HashKeyRange], target: u32) -> Vec<HashKey> {
    let nearest = |at: HashKey| {
        let above = open.partition_point(|range| range.start < at);
        // The ring's start is no boundary between two ranges.
        let around = open[above.saturating_sub(1).max(1)..].iter().take(2);
        let near = around.map(|range| range.start).filter(|start| start.abs_diff(at) <= NEAR);
        near.min_by_key(|start| start.abs_diff(at)).unwrap_or(at)
    };
    uniform_ranges(target).iter().skip(1).map(|range| nearest(range.start)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(start: u128, end_inclusive: u128) -> HashKeyRange {
        HashKeyRange { start, end_inclusive }
    }

    #[test]
    fn splits_within_the_services_bounds() {
        assert_eq!(split(range(10, 20), 11), None);
        assert_eq!(split(range(10, 20), 12), Some([range(10, 11), range(12, 20)]));
        assert_eq!(split(range(10, 20), 19), Some([range(10, 18), range(19, 20)]));
        assert_eq!(split(range(10, 20), 20), None);
        assert_eq!(split(range(10, 20), 5), None);
        assert_eq!(split(range(u128::MAX, u128::MAX), u128::MAX), None);
        assert_eq!(middle(HashKeyRange::FULL), Some(1 << 127));
        assert_eq!(middle(range(4, 7)), Some(6));
        assert_eq!(middle(range(4, 6)), None);
    }

    #[test]
    fn merges_neighbours_in_their_order() {
        assert_eq!(merge(range(0, 4), range(5, 9)), Some(range(0, 9)));
        assert_eq!(merge(range(5, 9), range(0, 4)), None);
        assert_eq!(merge(range(0, 4), range(6, 9)), None);
        assert_eq!(merge(range(5, u128::MAX), range(0, 4)), None, "the ring's ends do not meet");
    }

    /// The ranges after a round.
    fn after(open: &[HashKeyRange], moves: &[Move]) -> Vec<HashKeyRange> {
        let mut taken = vec![0; open.len()];
        let mut next = Vec::new();
        for one in moves {
            match *one {
                Move::Split { place, at } => {
                    taken[place] += 1;
                    next.extend(cut(open[place], at));
                }
                Move::Merge { lower } => {
                    taken[lower] += 1;
                    taken[lower + 1] += 1;
                    next.push(merge(open[lower], open[lower + 1]).expect("neighbours"));
                }
            }
        }
        assert!(taken.iter().all(|moves| *moves <= 1), "one move for a shard in a round");
        let idle = open.iter().zip(&taken).filter(|(_, moves)| **moves == 0);
        next.extend(idle.map(|(range, _)| *range));
        next.sort_by_key(|range| range.start);
        assert_eq!((next[0].start, next[next.len() - 1].end_inclusive), (0, u128::MAX));
        assert!(next.windows(2).all(|pair| pair[0].end_inclusive + 1 == pair[1].start));
        next
    }

    /// All rounds, and the ranges at the end.
    fn rescale(open: &[HashKeyRange], target: u32) -> (Vec<Vec<Move>>, Vec<HashKeyRange>) {
        let (mut open, mut rounds) = (open.to_vec(), Vec::new());
        loop {
            let moves = next_round(&open, target);
            if moves.is_empty() {
                return (rounds, open);
            }
            open = after(&open, &moves);
            rounds.push(moves);
            assert!(rounds.len() < 300, "it ends");
        }
    }

    fn count(rounds: &[Vec<Move>]) -> (usize, usize) {
        let moves = || rounds.iter().flatten();
        let splits = moves().filter(|one| matches!(one, Move::Split { .. })).count();
        (splits, moves().count() - splits)
    }

    #[test]
    fn doubling_splits_and_halving_merges_each_shard_once() {
        let shards_end = if cfg!(miri) { 9 } else { 200 };
        for shards in 1..shards_end {
            let (single, double) = (uniform_ranges(shards), uniform_ranges(shards * 2));
            let (rounds, reached) = rescale(&single, shards * 2);
            assert_eq!((rounds.len(), count(&rounds)), (1, (shards as usize, 0)), "{shards}");
            for one in &rounds[0] {
                let Move::Split { place, at } = *one else { panic!("only splits") };
                let middle = middle(single[place]).expect("large");
                // The last range is longer by the remainder.
                assert!(at.abs_diff(middle) <= 2 * u128::from(shards), "in the middle");
            }
            let (rounds, _) = rescale(&reached, shards);
            assert_eq!((rounds.len(), count(&rounds)), (1, (0, shards as usize)), "{shards}");
            let (rounds, _) = rescale(&double, shards);
            assert_eq!((rounds.len(), count(&rounds)), (1, (0, shards as usize)), "{shards}");
        }
    }

    #[test]
    fn equal_ranges_are_exact_where_no_boundary_is_near() {
        assert_eq!(rescale(&uniform_ranges(4), 5).1, uniform_ranges(5));
        assert_eq!(rescale(&uniform_ranges(4), 8).1, uniform_ranges(8));
        assert_eq!(rescale(&uniform_ranges(7), 1).1, [HashKeyRange::FULL]);
        assert_eq!(next_round(&uniform_ranges(9), 9), []);
    }

    fn boundaries() -> impl Strategy<Value = Vec<HashKeyRange>> {
        // Some near each other and near equal ones, some anywhere.
        let near = (1u32..40, 0u32..40, -3i128..=3).prop_map(|(count, place, off)| {
            uniform_ranges(count)[(place % count) as usize].start.wrapping_add_signed(off)
        });
        let anywhere = any::<u128>();
        prop::collection::btree_set(prop_oneof![near, anywhere], 0..60).prop_map(|starts| {
            let inner = starts.into_iter().filter(|start| *start != 0);
            let mut open = vec![HashKeyRange::FULL];
            for start in inner {
                let last = open.pop().expect("never empty");
                open.extend(cut(last, start));
            }
            open
        })
    }

    proptest! {
        #[test]
        fn any_ranges_become_equal_with_the_fewest_moves(open in boundaries(), target in 1u32..80) {
            let wanted = wanted_boundaries(&open, target);
            let there: Vec<_> = open.iter().skip(1).map(|range| range.start).collect();
            let missing = wanted.iter().filter(|at| !there.contains(at)).count();
            let unwanted = there.iter().filter(|at| !wanted.contains(at)).count();
            let (rounds, reached) = rescale(&open, target);
            prop_assert_eq!(count(&rounds), (missing, unwanted));
            prop_assert_eq!(reached.len(), target as usize);
            for (range, exact) in reached.iter().zip(uniform_ranges(target)) {
                prop_assert!(range.start.abs_diff(exact.start) <= NEAR);
            }
            let logarithm = |count: usize| count.checked_ilog2().map_or(0, |log| log as usize + 1);
            prop_assert!(rounds.len() <= logarithm(missing) + 2 * logarithm(unwanted) + 1);
        }

        #[test]
        fn a_split_merged_again_is_what_it_was(a: u128, b: u128, at: u128) {
            let whole = range(a.min(b), a.max(b));
            if let Some([lower, upper]) = split(whole, at) {
                prop_assert_eq!(merge(lower, upper), Some(whole));
                prop_assert_eq!(merge(upper, lower), None);
            }
        }
    }
}
