//! User records, and what becomes of them.

use crate::pipeline::{self, Micros, Outcome, Piece};
use bytes::Bytes;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::oneshot;

/// A user record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub(crate) piece: Piece,
    pub(crate) is_ordered: bool,
}

impl Record {
    /// A record with a partition key of 1 to 256 characters.
    #[must_use]
    pub fn new(partition_key: impl Into<String>, data: impl Into<Bytes>) -> Self {
        let piece = Piece::new(partition_key.into().into_boxed_str(), None, data.into());
        Self { piece, is_ordered: false }
    }

    /// Places it by this hash key instead of its partition key's.
    #[must_use]
    pub fn explicit_hash_key(mut self, hash_key: u128) -> Self {
        self.piece.explicit_hash_key = Some(hash_key);
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
        self.piece.partition_key.len() + self.piece.data.len()
    }
}

/// Where a record is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// The shard.
    pub shard_id: Arc<str>,
    /// The number of the stored record.
    pub sequence_number: Arc<str>,
    /// The record's place in the aggregate that was stored; `None`: it was stored by itself.
    pub sub_sequence_number: Option<u32>,
    /// An earlier attempt may have stored it as well: consumers may see it twice.
    pub may_be_twice: bool,
    /// The attempts to store it, the last of which succeeded. Of very many the first nine and the last.
    pub attempts: Vec<Attempt>,
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
    /// The producer was closed or dropped before it was stored.
    Closed,
}

impl PutError {
    fn reason(&self) -> String {
        let error = self.attempts.iter().rev().find_map(|attempt| attempt.error.as_ref());
        error.map_or_else(String::new, |(code, text)| format!("{code}: {text}"))
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

/// What a record's result is waited for with. Dropping it does not take the record back.
///
/// Cancel safe: it may be polled again after it was dropped from a `select!`, by reference.
#[derive(Debug)]
#[must_use = "only the receipt says whether the record is stored"]
pub struct Receipt(pub(crate) oneshot::Receiver<Result<Stored, PutError>>);

impl Future for Receipt {
    type Output = Result<Stored, PutError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let told = Pin::new(&mut self.0).poll(cx);
        // The runtime was shut down under the producer.
        told.map(|told| told.unwrap_or_else(|_| Err(PutError::gone(true))))
    }
}

fn span(micros: Micros) -> Duration {
    Duration::from_micros(micros)
}

fn attempts(failed: pipeline::Failed) -> Vec<Attempt> {
    let attempt = |attempt: pipeline::Attempt| {
        let reason = &attempt.error;
        Attempt {
            delay: span(attempt.delay),
            duration: span(attempt.duration),
            error: Some((reason.code.clone(), reason.message.clone())),
        }
    };
    failed.kept.into_iter().map(attempt).collect()
}

/// What the caller is told.
pub(crate) fn result_of(outcome: Outcome) -> Result<Stored, PutError> {
    match outcome {
        Outcome::Stored { at, delay, duration, may_be_twice, failed } => {
            let mut attempts = attempts(failed);
            attempts.push(Attempt { delay: span(delay), duration: span(duration), error: None });
            Ok(Stored {
                shard_id: at.shard,
                sequence_number: at.sequence_number,
                sub_sequence_number: at.sub_sequence_number,
                may_be_twice,
                attempts,
            })
        }
        Outcome::Failed { why, may_be_stored, failed } => Err(PutError {
            kind: match why {
                pipeline::Why::Expired => PutErrorKind::Expired,
                pipeline::Why::Invalid => PutErrorKind::Refused,
                pipeline::Why::Throttled => PutErrorKind::Throttled,
                pipeline::Why::Abandoned => PutErrorKind::Closed,
            },
            may_be_stored,
            attempt_count: failed.count,
            attempts: attempts(failed),
        }),
    }
}
