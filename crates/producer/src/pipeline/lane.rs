//! The way to one shard: an open aggregate, and sealed records that wait for the shard's pace.

use super::batch::{Open, Sealed};
use super::pace::Pace;
use super::rules::{Micros, Rules};
use super::shard_map::ShardNumber;
use std::collections::BTreeMap;

/// Whose lane it is; `None`: that of records whose shard is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct LaneKey(pub(super) Option<ShardNumber>);

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
