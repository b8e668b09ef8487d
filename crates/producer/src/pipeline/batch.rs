//! User records on their way into stored records.

use super::order::OrderKey;
use super::outcome::Failed;
use super::request::OutgoingRecord;
use super::rules::Micros;
use super::shard_map::ShardNumber;
use anabranch_model::hash_key::{self, HashKey, HashKeyRange};
use anabranch_protocol::aggregation::{Aggregate, AggregateBuilder};
use bytes::Bytes;

/// The partition key of an aggregate: it is placed by its explicit hash key.
const AGGREGATE_KEY: &str = "a";

/// What is known of a user record beside what it says.
#[derive(Debug)]
pub(crate) struct User<T> {
    /// By which the caller knows it.
    pub(crate) token: T,
    pub(crate) arrived: Micros,
    /// Set if its key asked for order.
    pub(crate) order: Option<OrderKey>,
    /// It may have been stored by an attempt of which nothing is known.
    pub(crate) may_be_stored: bool,
    /// It is not to be aggregated: an aggregate that it was in was refused, or came to a wrong shard.
    pub(crate) is_lone: bool,
    /// When its last attempt ended, or it arrived.
    pub(crate) idle_since: Micros,
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
    Aggregate { placed_by: HashKey, data: Bytes },
}

/// A stored record that is still added to.
#[derive(Debug)]
pub(crate) struct Open<T> {
    users: Vec<User<T>>,
    builder: AggregateBuilder,
    /// The first record: alone, it is stored as it is.
    first: Piece,
    placed_by: HashKey,
    range: HashKeyRange,
    deadline: Micros,
    expiry: Micros,
}

/// A record that is to be stored.
#[derive(Debug)]
pub(crate) struct Sealed<T> {
    pub(crate) users: Vec<User<T>>,
    body: Body,
    /// From the lowest to the highest hash key of its user records.
    pub(crate) range: HashKeyRange,
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
    pub(crate) fn new(
        partition_key: Box<str>,
        explicit_hash_key: Option<HashKey>,
        data: Bytes,
    ) -> Self {
        let key_hash = hash_key::of_partition_key(&partition_key);
        Self { partition_key, key_hash, explicit_hash_key, data }
    }

    /// Where it is placed.
    pub(crate) fn placed_by(&self) -> HashKey {
        self.explicit_hash_key.unwrap_or(self.key_hash)
    }

    /// Bytes of an aggregate with this record, too.
    pub(super) fn bytes_in(&self, builder: &AggregateBuilder) -> usize {
        builder.bytes_with(&self.partition_key, self.key_hash, self.explicit_hash_key, &self.data)
    }

    fn add_to(&self, builder: &mut AggregateBuilder) {
        builder.push(&self.partition_key, self.key_hash, self.explicit_hash_key, &self.data);
    }
}

impl<T> Open<T> {
    pub(crate) fn new(entry: Entry<T>, deadline: Micros, expiry: Micros) -> Self {
        let Entry { user, piece } = entry;
        let placed_by = piece.placed_by();
        let mut builder = AggregateBuilder::default();
        piece.add_to(&mut builder);
        Self {
            users: vec![user],
            builder,
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

    /// Bytes with one more record.
    pub(crate) fn bytes_with(&self, piece: &Piece) -> usize {
        piece.bytes_in(&self.builder)
    }

    pub(crate) fn push(&mut self, entry: Entry<T>, deadline: Micros, expiry: Micros) {
        let Entry { user, piece } = entry;
        piece.add_to(&mut self.builder);
        self.users.push(user);
        let placed_by = piece.placed_by();
        self.range.start = self.range.start.min(placed_by);
        self.range.end_inclusive = self.range.end_inclusive.max(placed_by);
        // What is sent again is older than what was there.
        self.deadline = self.deadline.min(deadline);
        self.expiry = self.expiry.min(expiry);
    }

    pub(crate) fn seal(self, shard: Option<ShardNumber>, number: u64) -> Sealed<T> {
        let body = match self.users.len() {
            1 => Body::Plain(self.first),
            _ => Body::Aggregate { placed_by: self.placed_by, data: self.builder.finish().into() },
        };
        Sealed {
            users: self.users,
            body,
            range: self.range,
            shard,
            deadline: self.deadline,
            expiry: self.expiry,
            is_alone: false,
            number,
        }
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
            shard,
            deadline,
            expiry,
            is_alone: false,
            number,
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
            Body::Aggregate { data, .. } => AGGREGATE_KEY.len() + data.len(),
        }
    }

    /// An attempt of which nothing is known may have stored it.
    pub(crate) fn may_be_stored(&mut self) {
        self.users.iter_mut().for_each(|user| user.may_be_stored = true);
    }

    /// Its user records are to be stored one by one.
    pub(crate) fn must_be_apart(&mut self) {
        self.users.iter_mut().for_each(|user| user.is_lone = true);
    }

    /// What is sent.
    pub(crate) fn outgoing(&self) -> OutgoingRecord {
        match &self.body {
            Body::Plain(piece) => OutgoingRecord {
                partition_key: piece.partition_key.clone(),
                explicit_hash_key: piece.explicit_hash_key,
                data: piece.data.clone(),
            },
            Body::Aggregate { placed_by, data } => OutgoingRecord {
                partition_key: AGGREGATE_KEY.into(),
                explicit_hash_key: Some(*placed_by),
                data: data.clone(),
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
            Body::Aggregate { data, .. } => data,
        };
        let aggregate = Aggregate::parse(&data).expect("it was built here");
        assert_eq!(aggregate.len(), self.users.len(), "a user for each record");
        // Copied, so that none keeps the whole aggregate.
        let pieces = aggregate.records().map(|record| {
            let hash_key = record.explicit_hash_key.and_then(hash_key::parse);
            let data = Bytes::copy_from_slice(record.data);
            Piece::new(record.partition_key.into(), hash_key, data)
        });
        let users = self.users.into_iter();
        users.zip(pieces).map(|(user, piece)| Entry { user, piece }).collect()
    }
}
