//! What must be true of the list of a stream's shards. Pure.

use std::collections::{BTreeMap, BTreeSet};

use shards::{Listed, Shard};

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{0} was listed before and is not any more")]
    Gone(Shard),
    #[error("{0} was closed and is open again")]
    Reopened(Shard),
    #[error("{0} has another range or other parents than before")]
    Changed(Shard),
    #[error("{0} names {1} as its parent, which is open or unknown")]
    Parent(Shard, Shard),
    #[error("the open shards do not cover the ring once: {0:?}")]
    Ring(Vec<(Shard, u128, u128)>),
}

/// All shards that were ever listed.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    known: BTreeMap<Shard, Listed>,
}

impl Topology {
    /// All shards were listed.
    pub(crate) fn listed(&mut self, shards: &[Listed]) -> Result<(), Problem> {
        let listed: BTreeSet<Shard> = shards.iter().map(|listed| listed.shard).collect();
        if let Some(gone) = self.known.keys().find(|known| !listed.contains(known)) {
            return Err(Problem::Gone(*gone));
        }
        for shard in shards {
            if let Some(known) = self.known.get(&shard.shard) {
                if known.is_closed && !shard.is_closed {
                    return Err(Problem::Reopened(shard.shard));
                }
                let is_same = (known.start, known.end_inclusive, &known.parents)
                    == (shard.start, shard.end_inclusive, &shard.parents);
                if !is_same {
                    return Err(Problem::Changed(shard.shard));
                }
            }
        }
        self.known = shards.iter().map(|listed| (listed.shard, listed.clone())).collect();
        for shard in shards {
            let is_closed =
                |parent: &Shard| self.known.get(parent).is_some_and(|one| one.is_closed);
            if let Some(parent) = shard.parents.iter().find(|parent| !is_closed(parent)) {
                return Err(Problem::Parent(shard.shard, *parent));
            }
        }
        covers_ring(shards)
    }

    /// It was answered that a shard is closed.
    pub(crate) fn closed(&mut self, shard: Shard) {
        if let Some(known) = self.known.get_mut(&shard) {
            known.is_closed = true;
        }
    }
}

fn covers_ring(shards: &[Listed]) -> Result<(), Problem> {
    let open = shards.iter().filter(|listed| !listed.is_closed);
    let mut ranges: Vec<_> =
        open.map(|open| (open.shard, open.start, open.end_inclusive)).collect();
    ranges.sort_by_key(|(_, start, _)| *start);
    let mut next = Some(0u128);
    let is_whole = ranges.iter().all(|(_, start, end_inclusive)| {
        let follows = next == Some(*start) && start <= end_inclusive;
        next = end_inclusive.checked_add(1);
        follows
    });
    match is_whole && next.is_none() && !ranges.is_empty() {
        true => Ok(()),
        false => Err(Problem::Ring(ranges)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: u128 = 1 << 127;

    fn shard(number: u32, parents: &[u32], range: (u128, u128), is_closed: bool) -> Listed {
        let parents = parents.iter().map(|parent| Shard(*parent)).collect();
        let (start, end_inclusive) = range;
        Listed { shard: Shard(number), parents, start, end_inclusive, is_closed }
    }

    fn split() -> Vec<Listed> {
        vec![
            shard(0, &[], (0, u128::MAX), true),
            shard(1, &[0], (0, HALF - 1), false),
            shard(2, &[0], (HALF, u128::MAX), false),
        ]
    }

    #[test]
    fn a_split_and_a_merge_hold() {
        let mut topology = Topology::default();
        assert_eq!(topology.listed(&[shard(0, &[], (0, u128::MAX), false)]), Ok(()));
        assert_eq!(topology.listed(&split()), Ok(()));
        let mut merged = split();
        merged[1].is_closed = true;
        merged[2].is_closed = true;
        merged.push(shard(3, &[1, 2], (0, u128::MAX), false));
        assert_eq!(topology.listed(&merged), Ok(()));
    }

    #[test]
    fn gaps_and_overlaps_are_seen() {
        type Change = fn(&mut Vec<Listed>);
        let changes: [Change; 5] = [
            |shards| shards[1].end_inclusive -= 1,
            |shards| shards[2].start -= 1,
            |shards| shards[2].end_inclusive -= 1,
            |shards| shards[1].is_closed = true,
            |shards| shards[0].is_closed = false,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut shards = split();
            change(&mut shards);
            let outcome = Topology::default().listed(&shards);
            assert!(matches!(outcome, Err(Problem::Ring(_) | Problem::Parent(..))), "{number}");
        }
        assert_eq!(Topology::default().listed(&[]), Err(Problem::Ring(vec![])));
    }

    #[test]
    fn shards_that_go_change_or_open_again_are_seen() {
        let after = |change: fn(&mut Vec<Listed>)| {
            let mut topology = Topology::default();
            topology.listed(&split()).expect("whole");
            let mut shards = split();
            change(&mut shards);
            topology.listed(&shards)
        };
        assert_eq!(after(|_| {}), Ok(()));
        let gone = after(|shards| drop(shards.remove(0)));
        assert_eq!(gone, Err(Problem::Gone(Shard(0))));
        let reopened = after(|shards| {
            *shards = vec![shard(0, &[], (0, u128::MAX), false)];
            shards.extend(split().into_iter().skip(1));
        });
        assert_eq!(reopened, Err(Problem::Reopened(Shard(0))));
        assert_eq!(after(|shards| shards[1].parents.clear()), Err(Problem::Changed(Shard(1))));
        let mut topology = Topology::default();
        topology.listed(&split()).expect("whole");
        topology.closed(Shard(1));
        assert_eq!(topology.listed(&split()), Err(Problem::Reopened(Shard(1))));
    }
}
