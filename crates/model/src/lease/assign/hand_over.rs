//! Hand-overs that are under way, as the leader sees them.
//!
//! The owner before finishes what it has, writes its checkpoint and gives the lease up. If it does
//! not within the time limit, the leader ends it. The time runs on the leader's clock from when it
//! first saw the hand-over; a new leader begins anew.

use crate::lease::expiry::Sightings;
use crate::lease::names::{LeaseKey, WorkerId};
use crate::lease::row::Lease;

/// How long a hand-over may take, milliseconds.
pub const LIMIT_MS: u64 = 30_000;

/// Since when each hand-over is seen.
#[derive(Clone, Debug, Default)]
pub struct HandOvers(Sightings<LeaseKey, (Option<WorkerId>, WorkerId)>);

impl HandOvers {
    /// Looks at all leases there are.
    pub fn look(&mut self, now_ms: u64, leases: &[Lease]) {
        let under_way = leases.iter().filter_map(|lease| {
            let from = lease.checkpoint_owner.clone()?;
            Some((lease.key.clone(), (lease.owner.clone(), from)))
        });
        self.0.look(now_ms, under_way);
    }

    /// Whether the hand-over of a lease takes too long.
    #[must_use]
    pub fn is_overdue(&self, lease: &Lease, now_ms: u64, limit_ms: u64) -> bool {
        lease.checkpoint_owner.is_some() && self.0.unmoved_ms(&lease.key, now_ms) >= limit_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::checkpoint::Checkpoint;

    #[test]
    fn the_time_runs_from_when_it_was_first_seen() {
        let lease = |counter, to: &str, from: Option<&str>| Lease {
            owner: Some(to.into()),
            counter,
            checkpoint_owner: from.map(WorkerId::from),
            ..Lease::new("k".into(), Checkpoint::Latest)
        };
        let mut seen = HandOvers::default();
        for (now_ms, row, overdue) in [
            (0, lease(1, "a", None), false),
            (100, lease(1, "b", Some("a")), false),
            // The owner before still writes: that does not give it more time.
            (129, lease(2, "b", Some("a")), false),
            (130, lease(3, "b", Some("a")), true),
            // Another hand-over.
            (131, lease(3, "c", Some("b")), false),
            (161, lease(3, "c", None), false),
        ] {
            seen.look(now_ms, std::slice::from_ref(&row));
            assert_eq!(seen.is_overdue(&row, now_ms, 30), overdue, "{now_ms}");
        }
    }
}
