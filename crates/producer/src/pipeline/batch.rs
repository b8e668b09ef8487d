//! User records on their way into stored records.

use super::order::OrderKey;
use super::outcome::{Attempt, Failed, Reason};
use super::request::OutgoingRecord;
use super::rules::Micros;
use super::shard_map::ShardNumber;
use crate::statistics::Statistics;
use anabranch_model::hash_key::{self, HashKey, HashKeyRange};
use anabranch_model::md5_lanes;
use anabranch_protocol::aggregation::{Aggregate, AggregateBuilder, Draft};
use bytes::Bytes;
use std::sync::Arc;

/// The partition key of an aggregate: it is placed by its explicit hash key.
const AGGREGATE_KEY: &str = "a";

/// A user record is no longer aggregated after so many aggregates with it came to a wrong shard: more than reshards
/// that follow each other do, so that a stream that places records as it likes does not take them for ever.
const WRONG_SHARDS_MAX: u8 = 3;

/// What is known of a user record beside what it says.
#[derive(Debug)]
pub(crate) struct User<T> {
    /// By which the caller knows it.
    pub(crate) token: T,
    pub(crate) arrived: Micros,
    /// Its key asked for order.
    pub(super) is_ordered: bool,
    /// Most records have none.
    pub(crate) past: Option<Box<Past>>,
}

/// What has happened to a user record before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Past {
    /// It may have been stored by an attempt of which nothing is known.
    pub(crate) may_be_stored: bool,
    /// It is not to be aggregated: an aggregate that it was in was refused, or too many came to a wrong shard.
    pub(super) is_lone: bool,
    /// Aggregates with it that came to a wrong shard.
    wrong_shards: u8,
    /// When its last attempt ended.
    pub(crate) idle_since: Option<Micros>,
    /// Attempts that failed.
    pub(crate) failed: Failed,
}

/// What a user record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) partition_key: Box<str>,
    /// The MD5 of the partition key.
    key_hash: HashKey,
    pub(crate) explicit_hash_key: Option<HashKey>,
    pub(crate) data: Bytes,
}

/// A whole user record.
#[derive(Debug)]
pub(crate) struct Entry<T> {
    pub(crate) user: User<T>,
    pub(crate) piece: Piece,
}

/// What a stored record will be made of.
#[derive(Debug)]
enum Body {
    Plain(Piece),
    Aggregate { placed_by: HashKey, data: AggregateData },
}

#[derive(Debug)]
enum AggregateData {
    /// It was in no request yet.
    Draft(Draft),
    Finished(Bytes),
}

/// A stored record that is still added to.
#[derive(Debug)]
pub(crate) struct Open<T> {
    users: Vec<User<T>>,
    orders: Vec<OrderKey>,
    builder: AggregateBuilder,
    /// The first record: alone, it is stored as it is.
    first: Piece,
    placed_by: HashKey,
    range: HashKeyRange,
    data_sizes: Statistics,
    deadline: Micros,
    expiry: Micros,
}

/// A record that is to be stored.
#[derive(Debug)]
pub(crate) struct Sealed<T> {
    pub(crate) users: Vec<User<T>>,
    /// One of each user record that asked for order.
    pub(super) orders: Vec<OrderKey>,
    body: Body,
    /// From the lowest to the highest hash key of its user records.
    pub(crate) range: HashKeyRange,
    /// Of the data of its user records.
    pub(super) data_sizes: Statistics,
    /// The shard that it should come to.
    pub(crate) shard: Option<ShardNumber>,
    /// When it should be in a request.
    pub(crate) deadline: Micros,
    /// When the first of its user records is too old.
    pub(crate) expiry: Micros,
    /// Has a request to itself: one with it was refused as a whole.
    pub(crate) is_alone: bool,
    /// Place among all that were sealed.
    pub(crate) number: u64,
}

impl Piece {
    /// `key_hash` is the MD5 of the partition key.
    pub(crate) fn new(
        partition_key: Box<str>,
        key_hash: HashKey,
        explicit_hash_key: Option<HashKey>,
        data: Bytes,
    ) -> Self {
        Self { partition_key, key_hash, explicit_hash_key, data }
    }

    /// Where it is placed.
    pub(crate) fn placed_by(&self) -> HashKey {
        self.explicit_hash_key.unwrap_or(self.key_hash)
    }

    fn data_size(&self) -> Statistics {
        Statistics::of(self.data.len() as f64)
    }

    /// Bytes of an aggregate of this record alone.
    pub(super) fn bytes_alone(&self) -> usize {
        AggregateBuilder::bytes_alone(&self.partition_key, self.explicit_hash_key, &self.data)
    }

    /// Adds it to an aggregate that has so many bytes at most then, and says whether it did.
    fn try_add_to(&self, builder: &mut AggregateBuilder, bytes_max: usize) -> bool {
        let Self { partition_key, key_hash, explicit_hash_key, data } = self;
        builder.try_push(bytes_max, partition_key, *key_hash, *explicit_hash_key, data)
    }
}

impl<T> User<T> {
    pub(super) fn new(token: T, arrived: Micros, is_ordered: bool) -> Self {
        Self { token, arrived, is_ordered, past: None }
    }

    pub(crate) fn may_be_stored(&self) -> bool {
        self.past.as_ref().is_some_and(|past| past.may_be_stored)
    }

    pub(super) fn set_may_be_stored(&mut self) {
        self.past_mut().may_be_stored = true;
    }

    /// Attempts to store it that failed.
    pub(super) fn failed_count(&self) -> u32 {
        self.past.as_ref().map_or(0, |past| past.failed.count)
    }

    pub(super) fn is_lone(&self) -> bool {
        self.past.as_ref().is_some_and(|past| past.is_lone)
    }

    /// When its last attempt ended, or it arrived.
    pub(crate) fn idle_since(&self) -> Micros {
        self.past.as_ref().and_then(|past| past.idle_since).unwrap_or(self.arrived)
    }

    /// An attempt failed that was sent at a time, and had its answer now.
    pub(super) fn note_failed(&mut self, error: &Arc<Reason>, sent_at: Micros, now: Micros) {
        let delay = sent_at.saturating_sub(self.idle_since());
        let duration = now.saturating_sub(sent_at);
        let past = self.past_mut();
        past.failed.push(Attempt { delay, duration, error: error.clone() });
        past.idle_since = Some(now);
    }

    fn past_mut(&mut self) -> &mut Past {
        self.past.get_or_insert_default()
    }
}

impl<T> Entry<T> {
    /// The key whose order it asks for.
    pub(super) fn order(&self) -> Option<OrderKey> {
        self.user.is_ordered.then(|| OrderKey(self.piece.placed_by()))
    }
}

impl<T> Open<T> {
    /// The builder is empty.
    pub(crate) fn new(
        entry: Entry<T>,
        mut builder: AggregateBuilder,
        deadline: Micros,
        expiry: Micros,
    ) -> Self {
        let orders = entry.order().into_iter().collect();
        let Entry { user, piece } = entry;
        let placed_by = piece.placed_by();
        let is_added = piece.try_add_to(&mut builder, usize::MAX);
        debug_assert!(is_added, "there is no bound");
        Self {
            users: vec![user],
            orders,
            builder,
            data_sizes: piece.data_size(),
            first: piece,
            placed_by,
            range: HashKeyRange { start: placed_by, end_inclusive: placed_by },
            deadline,
            expiry,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.users.len()
    }

    /// Adds a record, or gives it back if there are more bytes with it than may be.
    pub(crate) fn try_push(
        &mut self,
        entry: Entry<T>,
        bytes_max: usize,
        deadline: Micros,
        expiry: Micros,
    ) -> Option<Entry<T>> {
        if !entry.piece.try_add_to(&mut self.builder, bytes_max) {
            return Some(entry);
        }
        self.orders.extend(entry.order());
        let placed_by = entry.piece.placed_by();
        self.users.push(entry.user);
        self.data_sizes = self.data_sizes.and(entry.piece.data_size());
        self.range.start = self.range.start.min(placed_by);
        self.range.end_inclusive = self.range.end_inclusive.max(placed_by);
        // What is sent again is older than what was there.
        self.deadline = self.deadline.min(deadline);
        self.expiry = self.expiry.min(expiry);
        None
    }

    /// What is to be stored, and the builder, empty.
    pub(crate) fn seal(
        mut self,
        shard: Option<ShardNumber>,
        number: u64,
    ) -> (Sealed<T>, AggregateBuilder) {
        let data = AggregateData::Draft(self.builder.draft());
        let body = match self.users.len() {
            1 => Body::Plain(self.first),
            _ => Body::Aggregate { placed_by: self.placed_by, data },
        };
        let sealed = Sealed {
            users: self.users,
            orders: self.orders,
            body,
            range: self.range,
            data_sizes: self.data_sizes,
            shard,
            deadline: self.deadline,
            expiry: self.expiry,
            is_alone: false,
            number,
        };
        (sealed, self.builder)
    }
}

impl<T> Sealed<T> {
    /// A user record that is stored as it is.
    pub(crate) fn plain(
        entry: Entry<T>,
        shard: Option<ShardNumber>,
        deadline: Micros,
        expiry: Micros,
        number: u64,
    ) -> Self {
        let placed_by = entry.piece.placed_by();
        Self {
            range: HashKeyRange { start: placed_by, end_inclusive: placed_by },
            data_sizes: entry.piece.data_size(),
            shard,
            deadline,
            expiry,
            is_alone: false,
            number,
            orders: entry.order().into_iter().collect(),
            users: vec![entry.user],
            body: Body::Plain(entry.piece),
        }
    }

    pub(crate) fn is_aggregate(&self) -> bool {
        matches!(self.body, Body::Aggregate { .. })
    }

    /// Bytes that a request is charged: key and data.
    pub(crate) fn bytes(&self) -> usize {
        match &self.body {
            Body::Plain(piece) => piece.partition_key.len() + piece.data.len(),
            Body::Aggregate { data: AggregateData::Draft(data), .. } => {
                AGGREGATE_KEY.len() + data.len()
            }
            Body::Aggregate { data: AggregateData::Finished(data), .. } => {
                AGGREGATE_KEY.len() + data.len()
            }
        }
    }

    /// An attempt of which nothing is known may have stored it.
    pub(crate) fn may_be_stored(&mut self) {
        self.users.iter_mut().for_each(User::set_may_be_stored);
    }

    /// It was stored by a shard that does not hold all of it: its user records go another way.
    pub(crate) fn came_to_wrong_shard(&mut self) {
        for past in self.users.iter_mut().map(User::past_mut) {
            past.wrong_shards += 1;
            past.is_lone |= past.wrong_shards >= WRONG_SHARDS_MAX;
        }
    }

    /// Its user records are to be stored one by one.
    pub(crate) fn must_be_apart(&mut self) {
        self.users.iter_mut().for_each(|user| user.past_mut().is_lone = true);
    }

    /// What is sent of each.
    pub(crate) fn outgoing(records: &mut [Self]) -> Vec<OutgoingRecord> {
        let mut drafts = Vec::new();
        let mut unfinished = Vec::new();
        for data in records.iter_mut().filter_map(Self::aggregate_mut) {
            let empty = AggregateData::Finished(Bytes::new());
            match std::mem::replace(data, empty) {
                AggregateData::Draft(draft) => {
                    drafts.push(draft);
                    unfinished.push(data);
                }
                finished @ AggregateData::Finished(_) => *data = finished,
            }
        }
        let messages: Vec<&[u8]> = drafts.iter().map(Draft::message).collect();
        let checksums = md5_lanes::digests(&messages);
        for ((data, draft), checksum) in unfinished.into_iter().zip(drafts).zip(checksums) {
            *data = AggregateData::Finished(draft.finish(checksum).into());
        }
        records.iter().map(Self::outgoing_one).collect()
    }

    fn aggregate_mut(&mut self) -> Option<&mut AggregateData> {
        match &mut self.body {
            Body::Plain(_) => None,
            Body::Aggregate { data, .. } => Some(data),
        }
    }

    fn outgoing_one(&self) -> OutgoingRecord {
        match &self.body {
            Body::Plain(piece) => OutgoingRecord {
                partition_key: piece.partition_key.clone(),
                explicit_hash_key: piece.explicit_hash_key,
                data: piece.data.clone(),
            },
            Body::Aggregate { placed_by, data } => OutgoingRecord {
                partition_key: AGGREGATE_KEY.into(),
                explicit_hash_key: Some(*placed_by),
                data: match data {
                    AggregateData::Finished(data) => data.clone(),
                    AggregateData::Draft(_) => unreachable!("all were finished"),
                },
            },
        }
    }

    /// Its user records, whole again.
    ///
    /// # Panics
    /// If an aggregate that was built does not parse.
    pub(crate) fn take_apart(self) -> Vec<Entry<T>> {
        let data = match self.body {
            Body::Plain(piece) => {
                return self
                    .users
                    .into_iter()
                    .map(|user| Entry { user, piece: piece.clone() })
                    .collect();
            }
            Body::Aggregate { data: AggregateData::Finished(data), .. } => data,
            Body::Aggregate { data: AggregateData::Draft(draft), .. } => {
                let checksums = md5_lanes::digests(&[draft.message()]);
                draft.finish(checksums[0]).into()
            }
        };
        let aggregate = Aggregate::parse(&data).expect("it was built here");
        assert_eq!(aggregate.len(), self.users.len(), "a user for each record");
        // Copied, so that none keeps the whole aggregate.
        let pieces = aggregate.records().map(|record| {
            let hash_key = record.explicit_hash_key.and_then(hash_key::parse);
            let data = Bytes::copy_from_slice(record.data);
            let key_hash = hash_key::of_partition_key(record.partition_key);
            Piece::new(record.partition_key.into(), key_hash, hash_key, data)
        });
        let users = self.users.into_iter();
        users.zip(pieces).map(|(user, piece)| Entry { user, piece }).collect()
    }
}
