//! The way to one shard: an open aggregate, and sealed records that wait for the shard's pace.

use super::batch::{Open, Sealed};
use super::pace::Pace;
use super::rules::{Micros, Rules};
use super::shard_map::ShardNumber;
use std::collections::BTreeMap;
use std::iter;

/// Whose lane it is; `None`: that of records whose shard is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LaneKey(pub(super) Option<ShardNumber>);

/// The lanes, found by counting: every record looks for its own.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    unplaced: Option<Box<Lane<T>>>,
    /// By the numbers of their shards.
    of_shards: Vec<Option<Box<Lane<T>>>>,
}

#[derive(Debug)]
pub(super) struct Lane<T> {
    pub(super) open: Option<Open<T>>,
    /// By their numbers: what is sent again has its old place.
    pub(super) queue: BTreeMap<u64, Sealed<T>>,
    pub(super) pace: Pace,
    /// When its open aggregate is sealed, and when the first of its queue may go: so it stands in the
    /// pipeline's lists.
    pub(super) seal_at: Option<Micros>,
    pub(super) ready_at: Option<Micros>,
}

impl<T> Lane<T> {
    pub(super) fn new(key: LaneKey, rules: &Rules, now: Micros) -> Self {
        Self {
            open: None,
            queue: BTreeMap::new(),
            // Nobody knows how many shards the others share.
            pace: Pace::new(rules.rate_percent.filter(|_| key.0.is_some()), now),
            seal_at: None,
            ready_at: None,
        }
    }
}

impl<T> Lanes<T> {
    pub(super) fn new() -> Self {
        Self { unplaced: None, of_shards: Vec::new() }
    }

    pub(super) fn get(&self, LaneKey(shard): LaneKey) -> Option<&Lane<T>> {
        match shard {
            None => self.unplaced.as_deref(),
            Some(shard) => self.of_shards.get(shard.index())?.as_deref(),
        }
    }

    pub(super) fn get_mut(&mut self, LaneKey(shard): LaneKey) -> Option<&mut Lane<T>> {
        match shard {
            None => self.unplaced.as_deref_mut(),
            Some(shard) => self.of_shards.get_mut(shard.index())?.as_deref_mut(),
        }
    }

    /// The lane, made if it is not there.
    pub(super) fn at(&mut self, key: LaneKey, rules: &Rules, now: Micros) -> &mut Lane<T> {
        let place = match key.0 {
            None => &mut self.unplaced,
            Some(shard) => {
                if self.of_shards.len() <= shard.index() {
                    self.of_shards.resize_with(shard.index() + 1, || None);
                }
                &mut self.of_shards[shard.index()]
            }
        };
        place.get_or_insert_with(|| Box::new(Lane::new(key, rules, now)))
    }

    /// All that are there, in the order of their keys.
    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Lane<T>> {
        iter::once(&mut self.unplaced).chain(&mut self.of_shards).flatten().map(|lane| &mut **lane)
    }

    /// The keys of those, in order.
    pub(super) fn keys(&self) -> Vec<LaneKey> {
        let of_shards = self.of_shards.iter().enumerate().filter(|(_, lane)| lane.is_some());
        let of_shards = of_shards.map(|(index, _)| LaneKey(Some(ShardNumber::at(index))));
        self.unplaced.iter().map(|_| LaneKey(None)).chain(of_shards).collect()
    }
}
