//! Requests and their answers.

use super::outcome::Reason;
use anabranch_model::hash_key::HashKey;
use bytes::Bytes;
use std::sync::Arc;

/// A request.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) id: RequestId,
    pub(crate) records: Vec<OutgoingRecord>,
}

/// The number of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RequestId(pub(super) u64);

/// A record of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutgoingRecord {
    pub(crate) partition_key: Box<str>,
    pub(crate) explicit_hash_key: Option<HashKey>,
    pub(crate) data: Bytes,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// One of each record, in their order.
    Records(Vec<RecordAnswer>),
    /// The request failed as a whole.
    Failed(Failure),
}

/// What was answered about a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecordAnswer {
    Stored { shard: Arc<str>, sequence_number: Arc<str> },
    Failed { reason: Reason, is_throttled: bool },
}

/// Why a request failed as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) reason: Reason,
    pub(crate) fault: Fault,
}

/// Whose fault it is, and what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The service refused it before it stored anything: it throttles, lacks something, knows no such
    /// stream, or it was not reached. Later it may go.
    NothingStored,
    /// There is no such stream: nothing is stored, and what is known of its shards is wrong.
    NoStream,
    /// The records themselves are refused: as they are they never go.
    Invalid,
    /// Nobody knows whether it was stored.
    Unknown,
}
