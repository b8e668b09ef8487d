//! What resharding does to a stream's shards.

use super::{Catalog, Effect};
use crate::state::command::{BeginReshard, ForgetShards, Reshard, ReshardMove};
use crate::state::machine::Place;
use crate::state::shards::Shards;
use crate::state::stream::StreamEntry;
use anabranch_model::limits::SHARD_COUNT_UPDATES_MAX;
use anabranch_model::shard::Closed;
use anabranch_model::{HashKeyRange, Shard, ShardId, reshard};
use std::sync::Arc;

impl Catalog {
    pub(super) fn reshard(&mut self, reshard: &Reshard, place: Place) -> Option<Effect> {
        self.change(reshard.stream, |stream| {
            let mut family = Family { place, shards: stream.shards.all().to_vec() };
            reshard.moves.iter().for_each(|one| family.apply(one));
            stream.shards = Arc::new(Shards::new(family.shards));
            stream.updating_until_ms = place.arrival_ms + reshard.transition_ms;
            stream.pending_moves.clear();
        })
    }

    pub(super) fn begin_reshard(&mut self, begin: &BeginReshard) -> Option<Effect> {
        self.change(begin.stream, |stream| stream.pending_moves.clone_from(&begin.moves))
    }

    pub(super) fn forget_shards(&mut self, forget: &ForgetShards) -> Option<Effect> {
        self.change(forget.stream, |stream| {
            let left = stream.shards.all().iter();
            let left = left.filter(|shard| !shard.is_closed_before(forget.closed_before_ms));
            stream.shards = Arc::new(Shards::new(left.cloned().collect()));
        })
    }
}

impl StreamEntry {
    /// A rescaling begins. `place` is set if it counts against the limit of a day.
    pub(super) fn begin_rescale(&mut self, target: u32, counted_at: Option<Place>) {
        self.rescale_target = Some(target);
        if let Some(Place { arrival_ms, .. }) = counted_at {
            self.rescale_calls_ms.push(arrival_ms);
            // More need not be known, and without the limit it would be any number.
            let surplus = self.rescale_calls_ms.len().saturating_sub(SHARD_COUNT_UPDATES_MAX);
            self.rescale_calls_ms.drain(..surplus);
        }
    }

    /// A rescaling has ended.
    pub(super) fn end_rescale(&mut self, updating_until_ms: u64) {
        self.rescale_target = None;
        self.updating_until_ms = updating_until_ms;
    }
}

/// A stream's shards while they are resharded.
struct Family {
    place: Place,
    shards: Vec<Shard>,
}

impl Family {
    fn apply(&mut self, one: &ReshardMove) {
        match *one {
            ReshardMove::Split { shard, at } => {
                let Some(parent) = self.close(shard) else { return };
                let child = self.child_of(&[&parent]);
                for range in reshard::cut(parent.range, u128::from_be_bytes(at)) {
                    self.open(range, &child);
                }
            }
            ReshardMove::Merge { lower, upper } => {
                let Some((lower, upper)) = self.close(lower).zip(self.close(upper)) else { return };
                let child = self.child_of(&[&lower, &upper]);
                let end_inclusive = upper.range.end_inclusive;
                self.open(HashKeyRange { start: lower.range.start, end_inclusive }, &child);
            }
        }
    }

    /// Closes an open shard at the command's place, and returns it as it was.
    fn close(&mut self, id: u32) -> Option<Shard> {
        let place = self.shards.binary_search_by_key(&id, |shard| shard.id.0).ok()?;
        let open = self.shards[place].clone();
        let closed = Closed { end_index: self.place.index, at_ms: self.place.arrival_ms };
        self.shards[place].closed = Some(closed);
        Some(open)
    }

    /// What the children of these parents have in common.
    fn child_of(&self, parents: &[&Shard]) -> Shard {
        let closed_ms = self.place.arrival_ms;
        let newest = parents.iter().map(|parent| parent.created_secs).max().unwrap_or(0);
        Shard {
            id: ShardId(0),
            range: HashKeyRange::FULL,
            // Numbers of children are higher than all of their parents', also when several
            // generations come in one second.
            created_secs: newest.max(closed_ms / 1000) + 1,
            opened_ms: closed_ms + 1,
            parent: parents.first().map(|parent| parent.id),
            adjacent_parent: parents.get(1).map(|parent| parent.id),
            closed: None,
        }
    }

    fn open(&mut self, range: HashKeyRange, child: &Shard) {
        // The newest shard is always open, for the children of a closed one are newer: it is not
        // forgotten, and no id is given twice.
        let id = ShardId(self.shards.last().map_or(0, |shard| shard.id.0 + 1));
        self.shards.push(Shard { id, range, ..child.clone() });
    }
}
