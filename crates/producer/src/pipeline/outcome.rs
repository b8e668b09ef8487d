//! What becomes of a user record: where it is stored, and why not.

use super::rules::Micros;
use std::fmt;
use std::sync::Arc;

/// An attempt to store a record that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// From when it arrived, or the attempt before ended, until it was sent.
    pub(crate) delay: Micros,
    /// From when it was sent until the answer.
    pub(crate) duration: Micros,
    pub(crate) error: Arc<Reason>,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// The service's code, or one of the Kinesis Producer Library's: `Expired`, `Wrong Shard`.
    pub(crate) code: Box<str>,
    pub(crate) message: Box<str>,
}

/// Where and when a record was stored: one for all of its user records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Landing {
    pub(crate) shard: Arc<str>,
    pub(crate) sequence_number: Arc<str>,
    /// A user record's place in it is its sub-sequence number.
    pub(crate) is_aggregate: bool,
    pub(crate) sent_at: Micros,
    pub(crate) answered_at: Micros,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// Why no attempt follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is too old.
    Expired,
    /// The service refuses it as it is.
    Invalid,
    /// Its shard throttles, and that is final.
    Throttled,
    /// The producer ends.
    Abandoned,
}

/// Attempts of one record that are kept: in an outage of hours there are thousands.
const KEPT_MAX: usize = 10;

/// Attempts that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failed {
    /// The first ones and the last one.
    pub(crate) kept: Vec<Attempt>,
    /// How many there were.
    pub(crate) count: u32,
}

impl Failed {
    pub(crate) fn push(&mut self, attempt: Attempt) {
        self.count = self.count.saturating_add(1);
        if self.kept.len() == KEPT_MAX {
            self.kept.pop();
        }
        self.kept.push(attempt);
    }
}
