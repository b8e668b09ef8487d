//! The records of one stream, and what everything that happens to them is made of.

use super::batch::{Entry, Open, Piece, Sealed, User};
use super::collection::Collection;
use super::facts::{Fact, Facts};
use super::lane::{Lane, LaneKey, Lanes};
use super::order::{Order, OrderKey};
use super::outcome::{Landing, Reason, Why};
use super::request::RequestId;
use super::rules::{Micros, Rules};
use super::settled::Outcome;
use super::shard_map::ShardMap;
use anabranch_protocol::aggregation::AggregateBuilder;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// Between sealing an aggregate and the deadline of its records there is this part of the linger, so that
/// the aggregates of several shards find each other.
const COLLECTING_PART: Micros = 5;
const COLLECTING_MAX: Micros = 50_000;
/// Records expire in steps, so that the records of an aggregate do so together.
const EXPIRY_STEP: Micros = 50_000;
/// Lanes whose pace holds them wait for these moments, so that they meet in one request.
const READY_STEP: Micros = 25_000;

/// Buffers of aggregates that are kept for the next ones. Beside them are those of open aggregates alone.
const SPARE_BUILDERS_MAX: usize = 16;

/// The code of a record that became too old, as the Kinesis Producer Library has it.
const EXPIRED: &str = "Expired";

/// What has been counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// User records that are stored, and that have failed.
    pub(crate) stored: u64,
    pub(crate) failed: u64,
    /// User records that were stored and may have been stored before.
    pub(crate) possible_duplicates: u64,
}

/// The records of one stream. `T` is by what the caller knows a user record.
#[derive(Debug)]
pub(crate) struct Pipeline<T> {
    pub(super) rules: Rules,
    pub(super) map: ShardMap,
    pub(super) lanes: Lanes<T>,
    /// Empty, for the next aggregates.
    spare_builders: Vec<AggregateBuilder>,
    /// Open aggregates, by when they are sealed.
    pub(super) sealing: BTreeSet<(Micros, LaneKey)>,
    /// Lanes with something in them, by when the first may go.
    pub(super) ready: BTreeSet<(Micros, LaneKey)>,
    /// What is sealed and not in a request, by when it is too old.
    pub(super) expiring: BTreeMap<(Micros, u64), LaneKey>,
    pub(super) order: Order<Entry<T>>,
    pub(super) collection: Collection<T>,
    pub(super) requests: HashMap<RequestId, Request<T>>,
    /// Aggregates that a shard took of which nothing is known yet.
    pub(super) undecided: Vec<Undecided<T>>,
    pub(super) facts: Facts,
    pub(super) settled: Vec<Outcome<T>>,
    /// What arrived until then goes at once.
    pub(super) flushed_at: Option<Micros>,
    pub(super) paused_until: Micros,
    pub(super) failures_in_a_row: u32,
    pub(super) sealed_count: u64,
    pub(super) request_count: u64,
    /// User records without an outcome.
    pub(super) pending: usize,
    pub(super) jitter: u64,
    pub(crate) counts: Counts,
}

#[derive(Debug)]
pub(super) struct Request<T> {
    pub(super) records: Vec<Sealed<T>>,
    pub(super) sent_at: Micros,
}

#[derive(Debug)]
pub(super) struct Undecided<T> {
    pub(super) sealed: Sealed<T>,
    pub(super) at: Landing,
}

/// What the caller gives.
#[derive(Debug)]
pub(crate) struct Given<T> {
    pub(crate) token: T,
    pub(crate) piece: Piece,
    /// Its key asks for order.
    pub(crate) is_ordered: bool,
    /// An earlier process may have stored it.
    pub(crate) may_be_stored: bool,
}

/// Records that find their way again.
#[derive(Debug)]
pub(super) struct Recalled<T> {
    /// What was on its way.
    pub(super) entries: Vec<Entry<T>>,
    pub(super) waiting: Vec<Waiting<T>>,
}

/// What waited for a key that is free now.
pub(super) type Waiting<T> = (OrderKey, VecDeque<Entry<T>>);

impl<T> Pipeline<T> {
    pub(crate) fn new(rules: Rules) -> Self {
        let (jitter, is_counted) = (rules.seed, rules.is_counted);
        Self {
            rules,
            map: ShardMap::new(),
            lanes: Lanes::new(),
            spare_builders: Vec::new(),
            sealing: BTreeSet::new(),
            ready: BTreeSet::new(),
            expiring: BTreeMap::new(),
            order: Order::new(),
            collection: Collection::new(),
            requests: HashMap::new(),
            undecided: Vec::new(),
            facts: Facts::new(is_counted),
            settled: Vec::new(),
            flushed_at: None,
            paused_until: 0,
            failures_in_a_row: 0,
            sealed_count: 0,
            request_count: 0,
            pending: 0,
            jitter,
            counts: Counts::default(),
        }
    }

    /// Takes a record that arrived at a time.
    pub(crate) fn put(&mut self, given: Given<T>, arrived: Micros, now: Micros) {
        let mut user = User::new(given.token, arrived, given.is_ordered);
        if given.may_be_stored {
            user.set_may_be_stored();
        }
        self.facts.received += 1;
        self.pending += 1;
        self.enter(Entry { user, piece: given.piece }, arrived + self.rules.linger, now);
    }

    /// Takes a record in, at first or again.
    pub(super) fn enter(&mut self, entry: Entry<T>, deadline: Micros, now: Micros) {
        if self.is_busy(&entry) {
            return self.hold(entry);
        }
        let shard = self.map.predict(entry.piece.placed_by());
        let key = LaneKey(shard);
        let is_flushed = self.flushed_at.is_some_and(|at| entry.user.arrived <= at);
        let deadline = if is_flushed { now } else { deadline };
        let expiry = self.expiry_of(&entry.user);
        if shard.is_none() || !self.can_be_aggregated(&entry) {
            // One that stands by itself must not pass what came before it.
            if entry.user.is_ordered {
                self.seal(key, now);
                if self.is_busy(&entry) {
                    return self.hold(entry);
                }
            }
            let number = self.next_number();
            let sealed = Sealed::plain(entry, shard, deadline, expiry, number);
            return self.enqueue(sealed, now);
        }
        let seal_at = deadline.saturating_sub(self.collecting_time()).max(now);
        let Rules { aggregate_records_max, aggregate_bytes_max, .. } = self.rules;
        let lane = self.lanes.at(key, &self.rules, now);
        let left = match &mut lane.open {
            Some(open) if open.len() < aggregate_records_max => {
                open.try_push(entry, aggregate_bytes_max, deadline, expiry)
            }
            _ => Some(entry),
        };
        let Some(entry) = left else {
            if lane.seal_at.is_none_or(|at| seal_at < at) {
                self.set_sealing(key, Some(seal_at));
            }
            return;
        };
        if lane.open.is_some() {
            self.seal(key, now);
            if self.is_busy(&entry) {
                return self.hold(entry);
            }
        }
        let builder = self.spare_builders.pop().unwrap_or_default();
        self.lane(key, now).open = Some(Open::new(entry, builder, deadline, expiry));
        self.set_sealing(key, Some(seal_at));
    }

    pub(super) fn is_busy(&self, entry: &Entry<T>) -> bool {
        entry.order().is_some_and(|key| self.order.is_busy(key))
    }

    pub(super) fn hold(&mut self, entry: Entry<T>) {
        if let Some(key) = entry.order() {
            self.order.hold(key, entry);
        }
    }

    pub(super) fn can_be_aggregated(&self, entry: &Entry<T>) -> bool {
        self.rules.aggregate
            && !entry.user.is_lone()
            && entry.piece.bytes_alone() <= self.rules.aggregate_bytes_max
    }

    pub(super) fn collecting_time(&self) -> Micros {
        (self.rules.linger / COLLECTING_PART).min(COLLECTING_MAX)
    }

    pub(super) fn expiry_of(&self, user: &User<T>) -> Micros {
        let expiry = |ttl| user.arrived.saturating_add(ttl).checked_next_multiple_of(EXPIRY_STEP);
        self.rules.ttl.and_then(expiry).unwrap_or(Micros::MAX)
    }

    pub(super) fn lane(&mut self, key: LaneKey, now: Micros) -> &mut Lane<T> {
        self.lanes.at(key, &self.rules, now)
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.sealed_count += 1;
        self.sealed_count
    }

    /// Brings the list of open aggregates up to date.
    pub(super) fn set_sealing(&mut self, key: LaneKey, at: Option<Micros>) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        if lane.seal_at == at {
            return;
        }
        if let Some(at) = lane.seal_at.take() {
            self.sealing.remove(&(at, key));
        }
        if let Some(at) = at {
            lane.seal_at = Some(at);
            self.sealing.insert((at, key));
        }
    }

    /// Closes a lane's open aggregate, if it has one.
    pub(super) fn seal(&mut self, key: LaneKey, now: Micros) {
        self.set_sealing(key, None);
        let Some(open) = self.lanes.get_mut(key).and_then(|lane| lane.open.take()) else { return };
        let (sealed, builder) = open.seal(key.0, self.next_number());
        if self.spare_builders.len() < SPARE_BUILDERS_MAX {
            self.spare_builders.push(builder);
        }
        self.enqueue(sealed, now);
    }

    pub(super) fn enqueue(&mut self, sealed: Sealed<T>, now: Micros) {
        for key in &sealed.orders {
            self.order.leave(*key);
        }
        self.queue(sealed, now);
    }

    /// Gives a record its place in its lane.
    pub(super) fn queue(&mut self, sealed: Sealed<T>, now: Micros) {
        let key = LaneKey(sealed.shard);
        self.expiring.insert((sealed.expiry, sealed.number), key);
        let number = sealed.number;
        let lane = self.lane(key, now);
        lane.queue.insert(number, sealed);
        if lane.queue.first_key_value().is_some_and(|(first, _)| *first == number) {
            self.set_ready(key, now);
        }
    }

    /// What is no longer on its way, as user records, and what waited for it.
    pub(super) fn recall(&mut self, sealed: Vec<Sealed<T>>) -> Recalled<T> {
        let mut recalled = Recalled { entries: Vec::new(), waiting: Vec::new() };
        for sealed in sealed {
            recalled.waiting.extend(self.free_keys(&sealed));
            recalled.entries.extend(sealed.take_apart());
        }
        recalled
    }

    /// What waited for the keys of a record that is no longer on its way.
    pub(super) fn free_keys(&mut self, sealed: &Sealed<T>) -> Vec<Waiting<T>> {
        let waiting = sealed.orders.iter().map(|key| (*key, self.order.arrive(*key)));
        waiting.filter(|(_, entries)| !entries.is_empty()).collect()
    }

    /// Takes records in that were here before; those that are too old have failed.
    pub(super) fn enter_again(
        &mut self,
        recalled: Recalled<T>,
        deadline: impl Fn(&User<T>) -> Micros,
        now: Micros,
    ) {
        for entry in recalled.entries {
            self.enter_or_expire(entry, &deadline, now);
        }
        for (key, mut entries) in recalled.waiting {
            // Only until one of them is on its way: of very many the others stay where they are.
            while !self.order.is_busy(key)
                && let Some(entry) = entries.pop_front()
            {
                self.enter_or_expire(entry, &deadline, now);
            }
            if !entries.is_empty() {
                self.order.hold_all(key, entries);
            }
        }
    }

    pub(super) fn enter_or_expire(
        &mut self,
        entry: Entry<T>,
        deadline: &impl Fn(&User<T>) -> Micros,
        now: Micros,
    ) {
        if self.expiry_of(&entry.user) <= now {
            let message = "it was not stored within RecordTtl";
            let reason = Reason { code: EXPIRED.into(), message: message.into() }.into();
            self.fail(entry.user, Why::Expired, &reason, now);
        } else {
            let deadline = deadline(&entry.user);
            self.enter(entry, deadline, now);
        }
    }

    pub(super) fn fail(&mut self, mut user: User<T>, why: Why, reason: &Arc<Reason>, now: Micros) {
        user.note_failed(reason, now, now);
        self.settle_failed(user, why);
    }

    pub(super) fn settle_failed(&mut self, user: User<T>, why: Why) {
        self.facts.failed(&user, why);
        self.pending -= 1;
        self.counts.failed += 1;
        self.settled.push(Outcome::Failed { why, user });
    }

    /// From 0 to 1.
    pub(super) fn jitter(&mut self) -> f64 {
        self.jitter = self.jitter.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.jitter ^ self.jitter >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }

    /// User records that have no outcome yet.
    pub(crate) fn pending(&self) -> usize {
        self.pending
    }

    /// Whether there is an outcome that was not asked for yet.
    pub(crate) fn has_settled(&self) -> bool {
        !self.settled.is_empty()
    }

    /// What has become of user records since this was last asked.
    pub(crate) fn settled(&mut self) -> Vec<Outcome<T>> {
        std::mem::take(&mut self.settled)
    }

    /// What has happened since this was last asked.
    pub(crate) fn facts(&mut self) -> Vec<Fact> {
        self.facts.take()
    }

    /// Puts records back into their lanes, where they were.
    pub(super) fn requeue(&mut self, records: Vec<Sealed<T>>, now: Micros) {
        for sealed in records {
            self.queue(sealed, now);
        }
    }

    /// Brings the list of lanes that are ready up to date.
    pub(super) fn set_ready(&mut self, key: LaneKey, now: Micros) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        if let Some(at) = lane.ready_at.take() {
            self.ready.remove(&(at, key));
        }
        if let Some((_, first)) = lane.queue.first_key_value() {
            let at = lane.pace.ready_at(first.bytes(), now);
            let step = if at > now { READY_STEP } else { 1 };
            let at = at.checked_next_multiple_of(step).unwrap_or(Micros::MAX);
            lane.ready_at = Some(at);
            self.ready.insert((at, key));
        }
    }
}
