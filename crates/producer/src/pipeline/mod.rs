//! What happens to the records of one stream between `put` and their outcome, as a pure state machine.
//!
//! ```text
//! put ─► open aggregates ─► lanes ────────► collection ─► request ─► answer ─► outcome
//!          one per shard     one per shard,                             │
//!            ▲               at its pace                                │
//!            └──────────── what is to be sent again ◄───────────────────┘
//! ```
//!
//! A *lane* is the queue of a shard: sealed records that wait for its pace. Records whose shard is not
//! known have a lane of their own, without a pace, and are not aggregated: an aggregate with a user record
//! of another shard would be dropped whole by the Kinesis Client Library.
//!
//! Invariants:
//! - An aggregate has user records of one shard only, by the map that was newest when it was sent.
//! - A record that was acknowledged as it is, or in an aggregate by a shard of which the newest map says that
//!   it holds all of it, is never sent again.
//! - Of a key that asked for order, one stored record at most is under way, and what is sent again goes
//!   before what came later.
//! - Every user record has one outcome.

mod answer;
mod backoff;
mod batch;
mod collect;
mod collection;
mod facts;
mod lane;
mod order;
mod outcome;
mod pace;
mod request;
mod rules;
mod settled;
mod shard_map;
mod state;

pub(crate) use backoff::backoff;
pub(crate) use batch::{Past, Piece};
pub(crate) use facts::Fact;
pub(crate) use outcome::{Attempt, Failed, Landing, Reason, Why};
pub(crate) use request::{Answer, Failure, Fault, Outgoing, OutgoingRecord, RecordAnswer};
pub(crate) use rules::{Micros, Rules};
pub(crate) use settled::Outcome;
pub(crate) use shard_map::OpenShard;
pub(crate) use state::{Given, Pipeline};

use batch::Sealed;
use lane::LaneKey;
use shard_map::Change;
use state::Recalled;
use std::sync::Arc;

/// What is to be done next.
#[derive(Debug)]
pub(crate) enum Step {
    /// Send this, and tell its answer.
    Send(Outgoing),
    /// Ask for the open shards, and tell them.
    ListShards,
    /// Nothing before this time, unless something is told; `None`: nothing at all.
    Wait(Option<Micros>),
}

impl<T> Pipeline<T> {
    /// All that is here now goes without waiting for more.
    pub(crate) fn flush(&mut self, now: Micros) {
        self.flushed_at = Some(now);
        let open: Vec<LaneKey> = self.sealing.iter().map(|(_, key)| *key).collect();
        for key in open {
            self.seal(key, now);
        }
        for lane in self.lanes.all_mut() {
            lane.queue.values_mut().for_each(|sealed| sealed.deadline = now);
        }
        self.collection.hurry(now);
    }

    /// What is to be done at this time.
    pub(crate) fn step(&mut self, now: Micros) -> Step {
        if self.pending > 0 && self.map.due().is_some_and(|due| due <= now) {
            self.map.asked(now);
            return Step::ListShards;
        }
        loop {
            while let Some((at, key)) = self.sealing.first().copied()
                && at <= now
            {
                self.seal(key, now);
            }
            if !self.expire(now) {
                break;
            }
        }
        match self.collect(now) {
            Some(outgoing) => Step::Send(outgoing),
            None => Step::Wait(self.wake_at(now)),
        }
    }

    /// The open shards, as they were answered.
    pub(crate) fn on_shards(&mut self, shards: Vec<OpenShard>, now: Micros) {
        let change = self.map.learn(shards, now);
        self.changed(change, now);
        self.decide(now);
    }

    /// The open shards could not be had.
    pub(crate) fn on_shards_failed(&mut self, now: Micros) {
        let change = self.map.failed(now);
        self.changed(change, now);
        // Nothing is known of their shards, and nobody knows when it will be.
        self.decide(now);
    }

    /// Nothing more is sent, and answers are not waited for: all has failed for this reason.
    pub(crate) fn abandon(&mut self, reason: Reason, now: Micros) {
        let reason = Arc::new(reason);
        let requests = std::mem::take(&mut self.requests).into_values();
        let undecided = std::mem::take(&mut self.undecided).into_iter();
        let mut sealed: Vec<Sealed<T>> = requests.flat_map(|request| request.records).collect();
        sealed.extend(undecided.map(|undecided| undecided.sealed));
        sealed.iter_mut().for_each(Sealed::may_be_stored);
        for recalled in [self.recall(sealed), self.take_unsent(now)] {
            let waiting = recalled.waiting.into_iter().flat_map(|(_, entries)| entries);
            for entry in recalled.entries.into_iter().chain(waiting) {
                self.fail(entry.user, Why::Abandoned, &reason, now);
            }
        }
    }

    /// When [`Pipeline::step`] has something to do, unless something is told before.
    pub(crate) fn wake_at(&self, now: Micros) -> Option<Micros> {
        let map = self.map.due().filter(|_| self.pending > 0);
        let sealing = self.sealing.first().map(|(at, _)| *at);
        let expiring = self.expiring.first_key_value().map(|((at, _), _)| *at);
        [map, sealing, expiring, self.send_at(now)].into_iter().flatten().min()
    }

    /// Lets what is too old fail, and says whether there was something.
    fn expire(&mut self, now: Micros) -> bool {
        let mut was_there = false;
        while let Some(((at, number), key)) =
            self.expiring.first_key_value().map(|(at, key)| (*at, *key))
            && at <= now
        {
            was_there = true;
            self.expiring.remove(&(at, number));
            let Some(lane) = self.lanes.get_mut(key) else { continue };
            let sealed = lane.queue.remove(&number);
            self.set_ready(key, now);
            let recalled = self.recall(sealed.into_iter().collect());
            self.enter_again(recalled, |_| now, now);
        }
        was_there
    }

    /// All that is sealed or open and in no request, in the order of its keys.
    fn take_unsent(&mut self, now: Micros) -> Recalled<T> {
        self.uncollect(now);
        let mut sealed = Vec::new();
        for key in self.lanes.keys() {
            self.seal(key, now);
            let lane = self.lane(key, now);
            sealed.extend(std::mem::take(&mut lane.queue).into_values());
            self.set_ready(key, now);
        }
        self.expiring.clear();
        self.recall(sealed)
    }

    /// What is not under way finds its way anew when the map is another.
    fn changed(&mut self, change: Change, now: Micros) {
        if change == Change::Other {
            let recalled = self.take_unsent(now);
            let linger = self.rules.linger;
            self.enter_again(recalled, |user| user.arrived + linger, now);
        }
    }
}

#[cfg(test)]
mod tests;
