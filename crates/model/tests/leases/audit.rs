//! What must hold of each write to a lease that the table takes, and of each record that is read.

use crate::stream::Stream;
use crate::table::Rows;
use anabranch_model::lease::write::{Action, Change};
use anabranch_model::lease::{Checkpoint, Item, Lease, ShardName, WorkerId, Write};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(crate) struct Audit {
    /// Shards that were noted to be at their end.
    pub(crate) ended: BTreeSet<ShardName>,
    /// Shards that ever had a lease.
    pub(crate) leased: BTreeSet<ShardName>,
    /// The highest record that was read of each shard, without a gap before it.
    pub(crate) read: BTreeMap<ShardName, u64>,
    /// Where readers may begin without what is before: the first leases of an application that
    /// begins with what comes.
    pub(crate) latest: BTreeSet<ShardName>,
    /// Whether the application begins with what comes: shards that were closed before it had a
    /// lease of them, or of what they came from, are left out.
    pub(crate) may_skip: bool,
}

impl Audit {
    pub(crate) fn on_write(
        &mut self,
        by: &WorkerId,
        write: &Write,
        before: Option<&Item>,
        after: Option<&Item>,
        rows: &Rows,
        stream: &Stream,
    ) {
        let lease = |item: &Item| Lease::from_item(item.clone()).expect("a lease");
        match (&write.change, before.map(lease), after.map(lease)) {
            (Change::Put(_), None, Some(made)) => self.on_made(&made, rows),
            (Change::Update(actions), Some(before), Some(after)) => {
                let owner_moved = before.reader() != after.reader();
                assert!(!owner_moved || after.counter > before.counter, "{before:?} {after:?}");
                let is_checkpoint = actions.iter().any(|(name, action)| {
                    *name == "checkpoint" && matches!(action, Action::Put(_))
                });
                if is_checkpoint {
                    self.on_checkpoint(by, &before, &after, rows, stream);
                }
            }
            (Change::Delete, Some(gone), None) => {
                assert!(gone.is_complete(), "deleted before its end: {gone:?}");
            }
            (Change::Delete, None, None) => {}
            unexpected => panic!("{unexpected:?}"),
        }
    }

    fn on_made(&mut self, made: &Lease, rows: &Rows) {
        let shard = made.shard_name();
        if made.checkpoint == Checkpoint::Latest {
            let of_leased = made.parents.iter().any(|parent| self.leased.contains(parent));
            assert!(!of_leased, "a child is not read from its beginning: {made:?}");
            self.latest.insert(shard.clone());
        }
        for parent in &made.parents {
            let is_known = rows.contains_key(parent.as_str())
                || self.ended.contains(parent)
                || self.may_skip && !self.leased.contains(parent);
            assert!(is_known, "made before its parent: {made:?}");
        }
        self.leased.insert(shard);
    }

    fn on_checkpoint(
        &mut self,
        by: &WorkerId,
        before: &Lease,
        after: &Lease,
        rows: &Rows,
        stream: &Stream,
    ) {
        assert_eq!(before.reader(), Some(by), "another's checkpoint: {before:?}");
        assert!(after.checkpoint >= before.checkpoint, "back: {before:?} {after:?}");
        let shard = after.shard_name();
        let was_read = self.read.get(&shard).copied().unwrap_or(0);
        match &after.checkpoint {
            Checkpoint::Read(place) => {
                let at: u64 = place.sequence.as_str().parse().expect("a number");
                assert!(at <= was_read, "beyond what was read: {after:?}");
            }
            Checkpoint::ShardEnd => {
                assert_eq!(was_read, stream.shards[&shard].records, "not at its end: {after:?}");
                for child in stream.children(&shard) {
                    let is_known =
                        rows.contains_key(child.name.as_str()) || self.ended.contains(&child.name);
                    assert!(is_known, "ended before its child was made: {after:?}");
                }
                self.ended.insert(shard);
            }
            _ => {}
        }
    }

    /// A reader begins after this record.
    pub(crate) fn on_begin(&mut self, shard: &ShardName, after: u64) {
        let was_read = self.read.entry(shard.clone()).or_default();
        if after > *was_read {
            assert!(self.latest.contains(shard), "gap before {after} of {shard}");
            *was_read = after;
        }
    }

    pub(crate) fn on_read(&mut self, shard: &ShardName, record: u64, stream: &Stream) {
        for parent in &stream.shards[shard].listed.parents {
            let is_done = self.ended.contains(parent) || !self.leased.contains(parent);
            assert!(is_done, "{shard} is read before its parent {parent}");
        }
        let was_read = self.read.entry(shard.clone()).or_default();
        assert!(record <= *was_read + 1, "gap before {record} of {shard}");
        *was_read = record.max(*was_read);
    }
}
