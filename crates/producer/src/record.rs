//! User records, and what becomes of them.

use crate::pipeline::{self, Landing, Micros, Past, Why};
use crate::spool::SpoolTrouble;
use anabranch_model::hash_key::HashKey;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// A user record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub(crate) partition_key: Box<str>,
    pub(crate) explicit_hash_key: Option<HashKey>,
    pub(crate) data: Bytes,
    pub(crate) is_ordered: bool,
}

impl Record {
    /// A record with a partition key of 1 to 256 characters.
    #[must_use]
    pub fn new(partition_key: impl Into<Box<str>>, data: impl Into<Bytes>) -> Self {
        Self {
            partition_key: partition_key.into(),
            explicit_hash_key: None,
            data: data.into(),
            is_ordered: false,
        }
    }

    /// Places it by this hash key instead of its partition key's.
    #[must_use]
    pub fn explicit_hash_key(mut self, hash_key: u128) -> Self {
        self.explicit_hash_key = Some(hash_key);
        self
    }

    /// It is stored after all ordered records of its partition key (or explicit hash key) that were put to
    /// the stream before it, whatever is throttled, sent again or resharded meanwhile. One stored record of a key is under way at a time, so
    /// that a key takes what fits into an aggregate in each round trip. A record that fails for good (see
    /// `record_ttl`) leaves a gap; those behind it go on. What was sent twice since its first request had no
    /// answer ([`Stored::may_be_twice`]) can come a second time later.
    #[must_use]
    pub fn ordered(mut self) -> Self {
        self.is_ordered = true;
        self
    }

    /// Bytes of partition key and data.
    #[must_use]
    pub fn size(&self) -> usize {
        self.partition_key.len() + self.data.len()
    }
}

/// Where a record is stored, and how it came there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    at: Arc<Landing>,
    place: u32,
    arrived: Micros,
    past: Option<Box<Past>>,
}

/// An attempt to store a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// From when it was put, or the attempt before ended, until it was sent.
    pub delay: Duration,
    /// From when it was sent until the answer.
    pub duration: Duration,
    /// Why it failed: the service's code, or `Expired`, `Wrong Shard`, `Record Count Mismatch`, `Closed`;
    /// with a text. `None`: it succeeded.
    pub error: Option<(Box<str>, Box<str>)>,
}

/// A record that is not stored, as far as is known.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("the record was not stored after {attempt_count} attempts: {}", self.reason())]
#[non_exhaustive]
pub struct PutError {
    /// What to do about it.
    pub kind: PutErrorKind,
    /// An attempt of which nothing is known may have stored it all the same.
    pub may_be_stored: bool,
    /// How many attempts there were.
    pub attempt_count: u32,
    /// The attempts: of very many the first nine and the last.
    pub attempts: Vec<Attempt>,
}

/// What to do about a record that was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutErrorKind {
    /// It was not stored in time: the service could not be reached, or throttled. It may be put again.
    Expired,
    /// The service refuses it as it is: putting it again does not help.
    Refused,
    /// The shard throttles, and `fail_if_throttled` is set.
    Throttled,
    /// The producer was closed or dropped before it was stored. With a spool it stays there, and the next
    /// producer sends it.
    Closed,
    /// The spool could not keep it, and it was not sent.
    NotSpooled,
}

impl PutError {
    pub(crate) fn reason(&self) -> String {
        let error = self.attempts.iter().rev().find_map(|attempt| attempt.error.as_ref());
        error.map_or_else(String::new, |(code, text)| format!("{code}: {text}"))
    }

    /// Of a record that the spool could not keep.
    pub(crate) fn not_spooled(trouble: SpoolTrouble) -> Self {
        let mut error = Self::gone(false);
        error.kind = PutErrorKind::NotSpooled;
        error.attempts[0].error = Some(("NotSpooled".into(), trouble.to_string().into()));
        error
    }

    /// Of a record whose producer is gone.
    pub(crate) fn gone(may_be_stored: bool) -> Self {
        let text = "the producer has ended";
        let attempt = Attempt {
            delay: Duration::ZERO,
            duration: Duration::ZERO,
            error: Some((CLOSED.into(), text.into())),
        };
        Self {
            kind: PutErrorKind::Closed,
            may_be_stored,
            attempt_count: 1,
            attempts: vec![attempt],
        }
    }
}

/// The code of a record whose producer was closed.
pub(crate) const CLOSED: &str = "Closed";

impl Stored {
    pub(crate) fn new(
        at: Arc<Landing>,
        place: u32,
        arrived: Micros,
        past: Option<Box<Past>>,
    ) -> Self {
        Self { at, place, arrived, past }
    }

    /// The shard.
    #[must_use]
    pub fn shard_id(&self) -> &str {
        &self.at.shard
    }

    /// The number of the stored record.
    #[must_use]
    pub fn sequence_number(&self) -> &str {
        &self.at.sequence_number
    }

    /// The record's place in the aggregate that was stored; `None`: it was stored by itself.
    #[must_use]
    pub fn sub_sequence_number(&self) -> Option<u32> {
        self.at.is_aggregate.then_some(self.place)
    }

    /// An earlier attempt may have stored it as well: consumers may see it twice.
    #[must_use]
    pub fn may_be_twice(&self) -> bool {
        self.past.as_ref().is_some_and(|past| past.may_be_stored)
    }

    /// How many attempts there were to store it; the last one succeeded.
    #[must_use]
    pub fn attempt_count(&self) -> u32 {
        self.past.as_ref().map_or(0, |past| past.failed.count).saturating_add(1)
    }

    /// The attempts. Of very many the first nine that failed, the last one that failed, and the one that
    /// succeeded.
    #[must_use]
    pub fn attempts(&self) -> Vec<Attempt> {
        let Landing { sent_at, answered_at, .. } = *self.at;
        let idle_since = self.past.as_ref().and_then(|past| past.idle_since);
        let mut attempts = self.past.as_ref().map_or_else(Vec::new, |past| attempts(&past.failed));
        attempts.push(Attempt {
            delay: span(sent_at.saturating_sub(idle_since.unwrap_or(self.arrived))),
            duration: span(answered_at.saturating_sub(sent_at)),
            error: None,
        });
        attempts
    }
}

fn span(micros: Micros) -> Duration {
    Duration::from_micros(micros)
}

fn attempts(failed: &pipeline::Failed) -> Vec<Attempt> {
    let attempt = |attempt: &pipeline::Attempt| {
        let reason = &attempt.error;
        Attempt {
            delay: span(attempt.delay),
            duration: span(attempt.duration),
            error: Some((reason.code.clone(), reason.message.clone())),
        }
    };
    failed.kept.iter().map(attempt).collect()
}

impl PutError {
    pub(crate) fn new(why: Why, past: Option<&Past>) -> Self {
        let failed = past.map(|past| &past.failed);
        Self {
            kind: match why {
                Why::Expired => PutErrorKind::Expired,
                Why::Invalid => PutErrorKind::Refused,
                Why::Throttled => PutErrorKind::Throttled,
                Why::Abandoned => PutErrorKind::Closed,
            },
            may_be_stored: past.is_some_and(|past| past.may_be_stored),
            attempt_count: failed.map_or(0, |failed| failed.count),
            attempts: failed.map_or_else(Vec::new, attempts),
        }
    }
}
