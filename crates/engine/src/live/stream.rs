//! A stream as calls see it: what the catalog has of it, and what this process has for each shard.

use super::slot::{Route, ShardSlot};
use crate::state::moment::Moment;
use crate::state::shards::place_of;
use crate::state::stream::StreamEntry;
use anabranch_model::hash_key::HashKeyRange;
use anabranch_model::{HashKey, Shard, ShardId};
use std::ops::Deref;
use std::sync::Arc;
use tokio::sync::watch;

/// A stream: immutable, shared, replaced as a whole when it changes.
#[derive(Debug)]
pub struct Stream {
    entry: Arc<StreamEntry>,
    /// Told of every change of the stream, once it can be seen.
    pub changed: watch::Sender<()>,
    /// All shards that have not been forgotten, by id.
    pub shards: Arc<[Arc<ShardSlot>]>,
    /// The open shards by the start of their ranges, which cover the ring.
    pub open: Arc<[Arc<ShardSlot>]>,
    /// How puts see each of `open`: they look at nothing else of a shard.
    pub(crate) routes: Arc<[Route]>,
}

impl Deref for Stream {
    type Target = StreamEntry;

    fn deref(&self) -> &StreamEntry {
        &self.entry
    }
}

impl AsRef<StreamEntry> for Stream {
    fn as_ref(&self) -> &StreamEntry {
        &self.entry
    }
}

impl Stream {
    /// The stream of an entry. What `former` has for shards that are still there stays.
    pub(crate) fn new(entry: Arc<StreamEntry>, former: Option<&Self>) -> Arc<Self> {
        let changed = former.map_or_else(watch::Sender::default, |former| former.changed.clone());
        if let Some(former) =
            former.filter(|former| Arc::ptr_eq(&former.entry.shards, &entry.shards))
        {
            let (shards, open) = (former.shards.clone(), former.open.clone());
            return Arc::new(Self { entry, changed, shards, open, routes: former.routes.clone() });
        }
        let slot = |shard: &Shard| {
            let before = former.and_then(|former| former.slot(shard.id));
            ShardSlot::next(entry.number, shard, before)
        };
        let shards: Arc<[Arc<ShardSlot>]> = entry.shards.all().iter().map(slot).collect();
        let id = |slot: &Arc<ShardSlot>| slot.shard.id;
        let of = |shard: &Shard| {
            let place = place_of(&shards, shard.id, id).expect("each shard has a slot");
            shards[place].clone()
        };
        let open: Arc<[Arc<ShardSlot>]> = entry.shards.open().map(of).collect();
        let routes = open.iter().map(|slot| Route::to(slot)).collect();
        Arc::new(Self { entry, changed, shards, open, routes })
    }

    pub(crate) fn entry(&self) -> &Arc<StreamEntry> {
        &self.entry
    }

    /// Place in [`Stream::open`] of the shard that owns `key`.
    #[must_use]
    pub fn route(&self, key: HashKey) -> usize {
        place_in(&self.routes, |route| &route.range, key)
    }

    /// The shard with this id.
    #[must_use]
    pub fn slot(&self, id: ShardId) -> Option<&Arc<ShardSlot>> {
        place_of(&self.shards, id, |slot| slot.shard.id).map(|place| &self.shards[place])
    }

    /// The shards that can be seen: none while the stream is CREATING, and of the closed ones
    /// those that may still hold a record.
    pub fn visible_shards(&self, moment: Moment) -> impl Iterator<Item = &Arc<ShardSlot>> {
        let horizon_ms = self.visible_from_ms(moment);
        self.shards.iter().filter(move |slot| {
            horizon_ms.is_some_and(|horizon_ms| !slot.shard.is_closed_before(horizon_ms))
        })
    }

    /// The slot of the shard with this id, if it can be seen.
    #[must_use]
    pub fn visible_slot(&self, id: ShardId, moment: Moment) -> Option<&Arc<ShardSlot>> {
        self.visible_shard(id, moment).and_then(|shard| self.slot(shard.id))
    }
}

/// Place of the range that `key` belongs to. They are in order and cover the ring.
fn place_in<T>(ranges: &[T], range: impl Fn(&T) -> &HashKeyRange, key: HashKey) -> usize {
    // Where it is if the ranges have one size: a look instead of a search.
    let guess = (((key >> 64) * ranges.len() as u128) >> 64) as usize;
    if ranges.get(guess).is_some_and(|one| range(one).contains(key)) {
        return guess;
    }
    ranges.partition_point(|one| range(one).start <= key).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_model::hash_key::uniform_ranges;

    #[test]
    fn keys_are_found_in_ranges_of_one_size_and_of_any() {
        for count in [1, 2, 3, 7, 1000] {
            let even: Vec<HashKey> =
                uniform_ranges(count).iter().map(|range| range.start).collect();
            // All but the first one crowded at the lower, then at the upper end.
            let low = (0..u128::from(count)).collect();
            let high = (0..u128::from(count)).map(|n| if n == 0 { 0 } else { HashKey::MAX - n });
            let mut high: Vec<HashKey> = high.collect();
            high.sort_unstable();
            for starts in [even, low, high] {
                let around = |key: HashKey| [key.saturating_sub(1), key, key.saturating_add(1)];
                let ends = starts.iter().skip(1).map(|start| start - 1).chain([HashKey::MAX]);
                let ranges = starts.iter().zip(ends);
                let ranges: Vec<HashKeyRange> = ranges
                    .map(|(start, end_inclusive)| HashKeyRange { start: *start, end_inclusive })
                    .collect();
                let keys = starts.iter().copied().chain([HashKey::MAX / 2, HashKey::MAX]);
                for key in keys.flat_map(around) {
                    let expected = ranges.iter().position(|range| range.contains(key));
                    let place = place_in(&ranges, |range| range, key);
                    assert_eq!(Some(place), expected, "{count} ranges, key {key}");
                }
            }
        }
    }
}
