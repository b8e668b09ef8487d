//! What a worker may still believe of its lease when a write of it was refused, or no answer came.
//!
//! The counter tells: whatever makes another the reader counts it up, and giving the lease back
//! counts it up again. So a row that is at most one ahead and names the worker as the reader has
//! had no other reader in between; it is one ahead when the write was made and its answer lost,
//! or when the leader gave the lease to its owner once more.

use super::names::WorkerId;
use super::row::Lease;

/// Where a worker stands with a lease.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// It has it, as this row says; what was refused may be written again from here. The row's
    /// checkpoint may be one whose answer was lost, the shard's end too.
    Mine(Lease),
    /// It has it, and is to finish, write its checkpoint and give it up.
    HandingOver(Lease),
    /// It has it no more, and must not write it again.
    Lost,
}

/// What a worker that knew the lease as `known` learns from the row that it finds.
///
/// `known` must be a row by which `me` was the reader.
#[must_use]
pub fn after_refusal(known: &Lease, me: &WorkerId, found: Option<Lease>) -> Standing {
    let Some(found) = found else { return Standing::Lost };
    let is_near =
        found.counter == known.counter || Some(found.counter) == known.counter.checked_add(1);
    if !is_near || found.key != known.key {
        Standing::Lost
    } else if found.checkpoint_owner.as_ref() == Some(me) {
        Standing::HandingOver(found)
    } else if found.checkpoint_owner.is_none() && found.owner.as_ref() == Some(me) {
        Standing::Mine(found)
    } else {
        Standing::Lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::checkpoint::Checkpoint;
    use crate::lease::write::Write;

    const WORKERS: [&str; 3] = ["a", "b", "c"];

    /// Every write that anybody could make of a row it has just read.
    fn moves(lease: &Lease) -> Vec<Write> {
        let mut writes = vec![
            Write::give_up(lease),
            Write::renew(lease, None),
            Write::reset(lease, &lease.checkpoint),
        ];
        for worker in WORKERS.map(WorkerId::from) {
            writes.push(Write::take(lease, &worker));
            writes.push(Write::assign(lease, &worker));
            writes.extend(Write::start_hand_over(lease, &worker));
        }
        writes
    }

    /// All that can happen to a lease within some writes, and whether another read it meanwhile.
    fn explore(lease: &Lease, another_read: bool, depth: usize, see: &mut dyn FnMut(&Lease, bool)) {
        see(lease, another_read);
        if depth == 0 {
            return;
        }
        for write in moves(lease) {
            let after = write.made_on(lease).expect("the row was just read");
            let is_mine = after.reader() == Some(&"a".into());
            explore(&after, another_read || !is_mine, depth - 1, see);
        }
    }

    #[test]
    fn whoever_still_believes_has_read_alone() {
        let mine = Lease {
            owner: Some("a".into()),
            counter: 10,
            ..Lease::new("s".into(), Checkpoint::Latest)
        };
        let leaving =
            Lease { owner: Some("b".into()), checkpoint_owner: Some("a".into()), ..mine.clone() };
        let (mut kept, mut seen) = (0, 0);
        for known in [mine, leaving] {
            explore(&known, false, 4, &mut |found, another_read| {
                seen += 1;
                if after_refusal(&known, &"a".into(), Some(found.clone())) != Standing::Lost {
                    kept += 1;
                    assert!(!another_read, "known={known:?} found={found:?}");
                }
            });
        }
        assert!(seen > 10_000 && kept > 10, "seen={seen} kept={kept}");
    }

    #[test]
    fn a_lost_answer_loses_nothing() {
        let me = WorkerId::from("a");
        let known = Lease {
            owner: Some(me.clone()),
            counter: 10,
            ..Lease::new("s".into(), Checkpoint::Latest)
        };
        let renewed = Write::renew(&known, None).made_on(&known).expect("renewed");
        assert_eq!(
            after_refusal(&known, &me, Some(renewed.clone())),
            Standing::Mine(renewed.clone())
        );
        let leaving = Write::start_hand_over(&renewed, &"b".into()).expect("owned");
        let leaving = leaving.made_on(&renewed).expect("handed over");
        assert_eq!(
            after_refusal(&known, &me, Some(leaving.clone())),
            Standing::HandingOver(leaving.clone())
        );
        let gone = Write::give_up(&leaving).made_on(&leaving).expect("given up");
        assert_eq!(after_refusal(&known, &me, Some(gone)), Standing::Lost);
        assert_eq!(after_refusal(&known, &me, None), Standing::Lost);
        let far = Lease { counter: 12, ..known.clone() };
        assert_eq!(after_refusal(&known, &me, Some(far)), Standing::Lost);
    }
}
