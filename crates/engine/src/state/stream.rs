//! A stream as the data path sees it: immutable, shared, replaced as a whole when it changes.

use super::consumer::{Consumer, ConsumerStatus};
use super::encryption::Encryption;
use super::policy::ResourcePolicy;
use super::scope::StreamRef;
use super::shard_metrics::ShardMetrics;
use super::slot::{Route, ShardSlot};
use anabranch_model::hash_key::HashKeyRange;
use anabranch_model::on_demand::WritePeaks;
use anabranch_model::retention::Retention;
use anabranch_model::{HashKey, ShardId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tokio::sync::watch;

/// How capacity is provided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamMode {
    /// By a number of shards.
    Provisioned,
    /// By the service.
    OnDemand,
}

/// How records find their shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordDistribution {
    /// By the hash of the partition key.
    UserPartitionKey,
    /// Evenly; partition keys are optional.
    Auto,
}

/// A stream's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStatus {
    /// Not there yet for puts and gets.
    Creating,
    /// In order.
    Active,
    /// Takes puts and gets while a change of it is under way; takes no other change.
    Updating,
    /// On its way out.
    Deleting,
}

impl fmt::Display for StreamStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Creating => "CREATING",
            Self::Active => "ACTIVE",
            Self::Updating => "UPDATING",
            Self::Deleting => "DELETING",
        })
    }
}

/// A stream.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Number of this incarnation: another stream of the same name has another.
    pub number: u32,
    /// Its name, account and Region.
    pub reference: StreamRef,
    /// When it was created, epoch milliseconds.
    pub created_ms: u64,
    /// It is CREATING until then, epoch milliseconds.
    pub active_at_ms: u64,
    /// It is UPDATING until then, epoch milliseconds; 0 if it never was.
    pub updating_until_ms: u64,
    /// The number of shards that it is on its way to: it is UPDATING until it is there.
    pub rescale_target: Option<u32>,
    /// When UpdateShardCount was called, epoch milliseconds; the last
    /// [`anabranch_model::limits::SHARD_COUNT_UPDATES_MAX`] times.
    pub rescale_calls_ms: Vec<u64>,
    /// When it is DELETING: it is gone from then on, epoch milliseconds.
    pub gone_at_ms: Option<u64>,
    /// How capacity is provided.
    pub mode: StreamMode,
    /// What can be read.
    pub retention: Retention,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// Ceiling of one record in KiB.
    pub max_record_kib: u32,
    /// How records find their shard.
    pub distribution: RecordDistribution,
    /// Fan-out consumers by name. Some may be gone (see [`Consumer::status`]).
    pub consumers: BTreeMap<Arc<str>, Consumer>,
    /// When its capacity mode was switched, epoch milliseconds; the last
    /// [`anabranch_model::limits::MODE_SWITCHES_MAX`] times.
    pub mode_switches_ms: Vec<u64>,
    /// Write throughput in MiB a second that it shall be ready for while the account has a
    /// billing commitment; 0 unless it is on-demand.
    pub warm_mibps: u32,
    /// Shard-level metrics that are on.
    pub shard_metrics: ShardMetrics,
    /// Its highest write rates of late, while it is on-demand.
    pub write_peaks: WritePeaks,
    /// How records are encrypted at rest.
    pub encryption: Encryption,
    /// Who else may do what with it.
    pub policy: Option<Arc<ResourcePolicy>>,
    /// Told of every change of the stream, once the catalog has it.
    pub changed: watch::Sender<()>,
    /// All shards that have not been forgotten, by id.
    pub shards: Vec<Arc<ShardSlot>>,
    /// The open shards by the start of their ranges, which cover the ring.
    pub open: Vec<Arc<ShardSlot>>,
    /// How puts see each of `open`: they look at nothing else of a shard.
    pub(crate) routes: Vec<Route>,
}

impl Stream {
    /// Sets the shards, and with them the routing.
    pub(crate) fn set_shards(&mut self, shards: Vec<Arc<ShardSlot>>) {
        self.open = shards.iter().filter(|slot| slot.shard.is_open()).cloned().collect();
        self.open.sort_by_key(|slot| slot.shard.range.start);
        self.routes = self.open.iter().map(|slot| Route::to(slot)).collect();
        self.shards = shards;
    }

    /// The stream's state. `None`: it is gone.
    #[must_use]
    pub fn status(&self, now_ms: u64) -> Option<StreamStatus> {
        match self.gone_at_ms {
            Some(gone_at_ms) if now_ms >= gone_at_ms => None,
            Some(_) => Some(StreamStatus::Deleting),
            None if now_ms < self.active_at_ms => Some(StreamStatus::Creating),
            None if now_ms < self.updating_until_ms || self.rescale_target.is_some() => {
                Some(StreamStatus::Updating)
            }
            None => Some(StreamStatus::Active),
        }
    }

    /// The fan-out consumers that are there, in name order.
    pub fn consumers_present(
        &self,
        now_ms: u64,
    ) -> impl Iterator<Item = (&Consumer, ConsumerStatus)> {
        let consumers = self.consumers.values();
        consumers.filter_map(move |consumer| Some((consumer, consumer.status(now_ms)?)))
    }

    /// Place in [`Stream::open`] of the shard that owns `key`.
    #[must_use]
    pub fn route(&self, key: HashKey) -> usize {
        place_in(&self.routes, |route| &route.range, key)
    }

    /// The shard with this id.
    #[must_use]
    pub fn slot(&self, id: ShardId) -> Option<&Arc<ShardSlot>> {
        // Ids follow one another, until shards between others have expired.
        let first = self.shards.first()?.shard.id;
        let guess = id.0.checked_sub(first.0).and_then(|place| self.shards.get(place as usize));
        guess.filter(|slot| slot.shard.id == id).or_else(|| {
            let place = self.shards.binary_search_by_key(&id, |slot| slot.shard.id).ok()?;
            Some(&self.shards[place])
        })
    }

    /// Whether it has shards that were closed before this time, epoch milliseconds.
    #[must_use]
    pub fn has_closed_before(&self, ms: u64) -> bool {
        let has_closed = self.shards.len() > self.open.len();
        has_closed && self.shards.iter().any(|slot| slot.shard.is_closed_before(ms))
    }

    /// Open shards that count for limits: what the stream has, or will have.
    #[must_use]
    pub fn claimed_shards(&self) -> u64 {
        self.rescale_target.map_or(0, u64::from).max(self.open.len() as u64)
    }

    /// The shards that can be seen: none while the stream is CREATING, and of the closed ones
    /// those that may still hold a record.
    pub fn visible_shards(&self, now_ms: u64) -> impl Iterator<Item = &Arc<ShardSlot>> {
        let horizon_ms = self.visible_from_ms(now_ms);
        self.shards.iter().filter(move |slot| {
            horizon_ms.is_some_and(|horizon_ms| !slot.shard.is_closed_before(horizon_ms))
        })
    }

    /// The shard with this id, if it can be seen.
    #[must_use]
    pub fn visible_shard(&self, id: ShardId, now_ms: u64) -> Option<&Arc<ShardSlot>> {
        let horizon_ms = self.visible_from_ms(now_ms)?;
        self.slot(id).filter(|slot| !slot.shard.is_closed_before(horizon_ms))
    }

    /// Closing time from which shards can be seen. `None`: none can.
    fn visible_from_ms(&self, now_ms: u64) -> Option<u64> {
        let is_there = self.status(now_ms) != Some(StreamStatus::Creating);
        is_there.then(|| self.retention.trim_horizon_ms(now_ms))
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
