//! Who lives, by whether what they write moves.
//!
//! A worker looks at rows from time to time and remembers since when, by its own clock, each has
//! not moved. No time of anybody else's is read, so clocks that differ do not matter; one that
//! runs fast makes its owner impatient, and writes stay fenced by what they expect.

use super::names::{LeaseKey, WorkerId};
use super::row::Lease;
use std::collections::BTreeMap;

/// What was seen to move, and when last.
#[derive(Clone, Debug)]
pub struct Sightings<K, M> {
    seen: BTreeMap<K, Sighting<M>>,
}

#[derive(Clone, Debug)]
struct Sighting<M> {
    mark: M,
    since_ms: u64,
    has_moved: bool,
}

impl<K, M> Default for Sightings<K, M> {
    fn default() -> Self {
        Self { seen: BTreeMap::new() }
    }
}

impl<K: Ord, M: PartialEq> Sightings<K, M> {
    /// Looks at all there are. Those that are not among them are forgotten.
    ///
    /// `now_ms` is milliseconds of this worker's own clock, any origin, when the answer came.
    /// What is seen for the first time counts as moved now.
    pub fn look(&mut self, now_ms: u64, rows: impl IntoIterator<Item = (K, M)>) {
        let mut before = std::mem::take(&mut self.seen);
        for (key, mark) in rows {
            let sighting = match before.remove(&key) {
                Some(sighting) if sighting.mark == mark => sighting,
                earlier => Sighting { mark, since_ms: now_ms, has_moved: earlier.is_some() },
            };
            self.seen.insert(key, sighting);
        }
    }

    /// Whether it was seen to move: what was there at the first look may have been dead then.
    #[must_use]
    pub fn has_moved(&self, key: &K) -> bool {
        self.seen.get(key).is_some_and(|sighting| sighting.has_moved)
    }

    /// For how long it has not moved, as far as was seen; 0 for what never was. Milliseconds.
    #[must_use]
    pub fn unmoved_ms(&self, key: &K, now_ms: u64) -> u64 {
        self.seen.get(key).map_or(0, |sighting| now_ms.saturating_sub(sighting.since_ms))
    }
}

/// The counters of leases as a worker has seen them.
#[derive(Clone, Debug, Default)]
pub struct LeaseSightings(Sightings<LeaseKey, u64>);

/// A lease that may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Free {
    /// Its counter has not moved for so many milliseconds.
    ExpiredFor(u64),
    /// It is nobody's.
    Unowned,
}

impl LeaseSightings {
    /// Looks at all leases there are, as [`Sightings::look`] does.
    pub fn look(&mut self, now_ms: u64, leases: &[Lease]) {
        let marks = leases.iter().map(|lease| (lease.key.clone(), lease.counter));
        self.0.look(now_ms, marks);
    }

    /// For how long the lease's counter has not moved, as far as was seen. Milliseconds.
    #[must_use]
    pub fn unmoved_ms(&self, lease: &Lease, now_ms: u64) -> u64 {
        self.0.unmoved_ms(&lease.key, now_ms)
    }

    /// Whether nobody reads the lease: it has no reader, or its counter has not moved for
    /// `failover_ms`. Of several the greater has been free for longer, or had no reader at all.
    #[must_use]
    pub fn free(&self, lease: &Lease, now_ms: u64, failover_ms: u64) -> Option<Free> {
        if lease.reader().is_none() {
            return Some(Free::Unowned);
        }
        let unmoved_ms = self.unmoved_ms(lease, now_ms);
        (unmoved_ms >= failover_ms).then_some(Free::ExpiredFor(unmoved_ms))
    }
}

/// The times in what other workers write of themselves: marks that move, to whoever looks.
pub type WorkerSightings = Sightings<WorkerId, u64>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::checkpoint::Checkpoint;

    fn lease(key: &str, owner: Option<&str>, counter: u64) -> Lease {
        Lease {
            owner: owner.map(WorkerId::from),
            counter,
            ..Lease::new(key.into(), Checkpoint::Latest)
        }
    }

    #[test]
    fn a_counter_that_does_not_move_expires_by_the_own_clock() {
        let mut seen = LeaseSightings::default();
        let still = lease("a", Some("w"), 3);
        // A clock may begin anywhere.
        for (now_ms, counter, expired_for) in [
            (900_000, 3, None),
            (909_999, 3, None),
            (910_000, 3, Some(10_000)),
            (910_001, 4, None),
            (920_000, 4, None),
            (925_000, 4, Some(14_999)),
            // A counter that goes back is another lease of the same name.
            (925_001, 0, None),
        ] {
            let now = Lease { counter, ..still.clone() };
            seen.look(now_ms, std::slice::from_ref(&now));
            let free = seen.free(&now, now_ms, 10_000);
            assert_eq!(free, expired_for.map(Free::ExpiredFor), "{now_ms}");
        }
    }

    #[test]
    fn a_lease_of_nobody_is_free_at_once() {
        let seen = LeaseSightings::default();
        assert_eq!(seen.free(&lease("a", None, 0), 5, 10), Some(Free::Unowned));
        assert_eq!(seen.free(&lease("a", Some("w"), 0), 5, 10), None);
        assert!(Free::Unowned > Free::ExpiredFor(u64::MAX));
    }

    #[test]
    fn what_was_there_before_is_not_known_to_move() {
        let mut seen = Sightings::default();
        for (mark, has_moved) in [(1, false), (1, false), (2, true), (2, true)] {
            seen.look(0, [("a", mark)]);
            assert_eq!(seen.has_moved(&"a"), has_moved);
        }
        seen.look(0, [("b", 1)]);
        assert!(!seen.has_moved(&"a"));
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let mut seen = LeaseSightings::default();
        let one = lease("a", Some("w"), 3);
        seen.look(0, std::slice::from_ref(&one));
        seen.look(50, &[]);
        seen.look(100, std::slice::from_ref(&one));
        assert_eq!(seen.free(&one, 105, 10), None);
        assert_eq!(seen.free(&one, 110, 10), Some(Free::ExpiredFor(10)));
        // A clock that goes back expires nothing.
        assert_eq!(seen.free(&one, 0, 10), None);
    }
}
