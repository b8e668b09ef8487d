//! Which shard a record goes to, as far as is known.
//!
//! The map is asked for when the first record comes, and again whenever an answer is in doubt of it:
//! a record came to another shard than it was meant for. Answers to requests that were sent before the
//! map was made are no surprise.

use super::rules::Micros;
use anabranch_model::hash_key::{HashKey, HashKeyRange};
use std::collections::HashMap;
use std::sync::Arc;

/// The first pause after the map could not be had, and the longest; each is 1.5 times the one before.
const FIRST_PAUSE: Micros = 1_000_000;
const PAUSE_MAX: Micros = 30_000_000;

/// For how long a map is believed that was doubted for nothing, at first: each time 1.5 times as long, up to
/// the same bound. So records of a stream that places them as it likes do not ask for ever.
const FIRST_BELIEVED: Micros = 100_000;

/// A shard's number here: ids in the order in which they were first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ShardNumber(u32);

impl ShardNumber {
    pub(super) fn at(index: usize) -> Self {
        Self(index as u32)
    }

    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// An open shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenShard {
    pub(crate) id: Arc<str>,
    pub(crate) range: HashKeyRange,
}

/// What is known of a stream's open shards.
#[derive(Debug)]
pub(crate) struct ShardMap {
    numbers: HashMap<Arc<str>, ShardNumber>,
    /// By number; the range of a shard that was seen, open or not.
    ids: Vec<OpenShard>,
    /// The open ones, by the ends of their ranges. Empty: not known.
    open: Vec<(HashKey, ShardNumber)>,
    asking: Asking,
    /// When the newest map was asked for.
    asked_at: Option<Micros>,
    /// Until then a doubt waits: the map was asked for and was the same.
    believed_until: Micros,
    pause: Micros,
    believed_pause: Micros,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    /// Nothing is in doubt.
    No,
    /// It is to be asked for, not before this time.
    Due(Micros),
    /// It has been asked for.
    UnderWay(Micros),
}

/// What a new map changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Same,
    Other,
}

impl ShardMap {
    pub(crate) fn new() -> Self {
        Self {
            numbers: HashMap::new(),
            ids: Vec::new(),
            open: Vec::new(),
            asking: Asking::Due(0),
            asked_at: None,
            believed_until: 0,
            pause: FIRST_PAUSE,
            believed_pause: FIRST_BELIEVED,
        }
    }

    /// The shard of a hash key; `None`: the map is not known.
    pub(crate) fn predict(&self, key: HashKey) -> Option<ShardNumber> {
        let at = self.open.partition_point(|(end, _)| *end < key);
        let (_, number) = self.open.get(at)?;
        self.range(*number).contains(key).then_some(*number)
    }

    pub(crate) fn number(&self, id: &str) -> Option<ShardNumber> {
        self.numbers.get(id).copied()
    }

    pub(crate) fn id(&self, number: ShardNumber) -> &Arc<str> {
        &self.ids[number.index()].id
    }

    pub(crate) fn range(&self, number: ShardNumber) -> HashKeyRange {
        self.ids[number.index()].range
    }

    /// Whether predictions are in doubt, so that aggregates by them should wait.
    pub(crate) fn is_in_doubt(&self, now: Micros) -> bool {
        let is_asked = match self.asking {
            Asking::No => false,
            Asking::Due(at) => at <= now,
            Asking::UnderWay(_) => true,
        };
        !self.open.is_empty() && is_asked
    }

    /// An answer to a request of this time fits the map badly.
    pub(crate) fn doubt(&mut self, sent_at: Micros, now: Micros) {
        let is_news = self.asked_at.is_none_or(|asked_at| sent_at >= asked_at);
        if self.asking == Asking::No && is_news {
            self.asking = Asking::Due(now.max(self.believed_until));
        }
    }

    /// There is a shard that it has not, or no such stream: it is asked for at once.
    pub(crate) fn disbelieve(&mut self, now: Micros) {
        match self.asking {
            Asking::No => self.asking = Asking::Due(now),
            // After a failure the pause stays.
            Asking::Due(_) if !self.open.is_empty() => self.asking = Asking::Due(now),
            Asking::Due(_) | Asking::UnderWay(_) => {}
        }
    }

    /// When it is to be asked for.
    pub(crate) fn due(&self) -> Option<Micros> {
        match self.asking {
            Asking::Due(at) => Some(at),
            Asking::No | Asking::UnderWay(_) => None,
        }
    }

    /// It is being asked for.
    pub(crate) fn asked(&mut self, now: Micros) {
        self.asking = Asking::UnderWay(now);
    }

    /// The open shards, as they were answered.
    pub(crate) fn learn(&mut self, shards: Vec<OpenShard>, now: Micros) -> Change {
        if let Asking::UnderWay(at) = self.asking {
            self.asked_at = Some(at);
        }
        self.asking = Asking::No;
        self.pause = FIRST_PAUSE;
        let mut open: Vec<_> = shards
            .into_iter()
            .map(|shard| (shard.range.end_inclusive, self.learn_one(shard)))
            .collect();
        open.sort_unstable();
        if open == self.open {
            self.believed_until = now + self.believed_pause;
            self.believed_pause = (self.believed_pause * 3 / 2).min(PAUSE_MAX);
            return Change::Same;
        }
        self.open = open;
        self.believed_until = 0;
        self.believed_pause = FIRST_BELIEVED;
        Change::Other
    }

    /// It could not be had. What was known is no longer believed.
    pub(crate) fn failed(&mut self, now: Micros) -> Change {
        self.asking = Asking::Due(now + self.pause);
        self.pause = (self.pause * 3 / 2).min(PAUSE_MAX);
        if self.open.is_empty() {
            return Change::Same;
        }
        self.open.clear();
        Change::Other
    }

    fn learn_one(&mut self, shard: OpenShard) -> ShardNumber {
        if let Some(number) = self.numbers.get(&shard.id) {
            self.ids[number.index()].range = shard.range;
            return *number;
        }
        let number = ShardNumber::at(self.ids.len());
        self.numbers.insert(shard.id.clone(), number);
        self.ids.push(shard);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, start: u128, end_inclusive: u128) -> OpenShard {
        OpenShard { id: id.into(), range: HashKeyRange { start, end_inclusive } }
    }

    fn predicted(map: &ShardMap, key: u128) -> Option<&str> {
        map.predict(key).map(|number| &*map.ids[number.index()].id)
    }

    #[test]
    fn predicts_by_the_ends_of_ranges() {
        let mut map = ShardMap::new();
        assert_eq!(predicted(&map, 0), None);
        map.asked(0);
        let shards = vec![shard("b", 100, u128::MAX), shard("a", 0, 99)];
        assert_eq!(map.learn(shards.clone(), 0), Change::Other);
        assert_eq!(map.learn(shards, 0), Change::Same);
        for (key, id) in [(0, "a"), (99, "a"), (100, "b"), (u128::MAX, "b")] {
            assert_eq!(predicted(&map, key), Some(id));
        }
        map.learn(vec![shard("c", 0, 10), shard("b", 100, u128::MAX)], 0);
        assert_eq!(predicted(&map, 50), None, "a hole belongs to nobody");
        let closed = map.number("a").expect("seen");
        assert!(map.range(closed).contains(50), "closed shards are remembered");
    }

    #[test]
    fn only_news_is_a_reason_to_ask_again() {
        let mut map = ShardMap::new();
        assert_eq!(map.due(), Some(0));
        map.asked(10);
        assert_eq!(map.due(), None);
        map.learn(vec![shard("a", 0, u128::MAX)], 11);
        map.doubt(9, 20);
        assert_eq!(map.due(), None, "sent before the map was asked for");
        map.doubt(10, 20);
        assert!(!map.is_in_doubt(19) && map.is_in_doubt(20) && map.due() == Some(20));
        map.asked(21);
        map.doubt(22, 30);
        assert_eq!(map.due(), None, "it is being asked for");
    }

    #[test]
    fn a_map_that_was_doubted_for_nothing_is_believed_for_longer_and_longer() {
        let mut map = ShardMap::new();
        let shards = || vec![shard("a", 0, u128::MAX)];
        map.asked(0);
        map.learn(shards(), 0);
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..20 {
            map.doubt(now, now);
            let due = map.due().expect("asked for again");
            pauses.push(due - now);
            assert!(map.is_in_doubt(due) && (due == now || !map.is_in_doubt(now)));
            now = due;
            map.asked(now);
            map.learn(shards(), now);
        }
        assert_eq!(pauses[..3], [0, 100_000, 150_000]);
        assert_eq!(pauses[19], PAUSE_MAX);
        map.asked(now);
        map.learn(vec![shard("b", 0, u128::MAX)], now);
        map.doubt(now, now);
        assert_eq!(map.due(), Some(now));
    }

    #[test]
    fn failures_are_further_and_further_apart() {
        let mut map = ShardMap::new();
        let mut now = 0;
        let mut pauses = Vec::new();
        for _ in 0..12 {
            map.asked(now);
            map.failed(now);
            let due = map.due().expect("it is asked for again");
            pauses.push(due - now);
            now = due;
        }
        assert_eq!(pauses[..3], [1_000_000, 1_500_000, 2_250_000]);
        assert_eq!(pauses[11], PAUSE_MAX);
        map.asked(now);
        map.learn(vec![shard("a", 0, u128::MAX)], now);
        map.doubt(now, now);
        map.asked(now);
        assert_eq!(map.failed(now), Change::Other);
        assert_eq!((map.predict(0), map.due()), (None, Some(now + FIRST_PAUSE)));
    }
}
