//! What happened, for those who count: one fact for each request and each stored record.

use super::batch::{Sealed, User};
use super::outcome::Why;
use super::rules::Micros;
use crate::statistics::Statistics;
use std::sync::Arc;

/// Something that happened to the records of a stream. Times are in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fact {
    /// So many user records were put.
    Received(u64),
    /// A request has an answer, or none comes.
    Request { millis: f64, kinesis_records: usize, user_records: usize },
    /// A Kinesis record is stored, and its user records have their outcome.
    Stored {
        shard: Arc<str>,
        bytes: usize,
        /// Bytes of data, time before the first attempt, and retries of each user record.
        data: Statistics,
        buffering: Statistics,
        retries: Statistics,
    },
    /// Attempts to store a Kinesis record have failed for the same reason.
    Refused { shard: Option<Arc<str>>, code: Arc<str>, count: u64 },
    /// User records have failed for good.
    Failed { count: u64, expired: u64, retries: Statistics, buffering: Option<Statistics> },
}

/// Facts that nobody took yet. What an answer adds is less than the records that it is about.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    is_wanted: bool,
    pub(super) received: u64,
    list: Vec<Fact>,
}

impl Facts {
    pub(super) fn new(is_wanted: bool) -> Self {
        Self { is_wanted, ..Self::default() }
    }

    pub(super) fn take(&mut self) -> Vec<Fact> {
        let received = std::mem::take(&mut self.received);
        if received > 0 && self.is_wanted {
            self.list.push(Fact::Received(received));
        }
        std::mem::take(&mut self.list)
    }

    pub(super) fn request<T>(&mut self, records: &[Sealed<T>], time: Micros) {
        if self.is_wanted {
            let user_records = records.iter().map(|sealed| sealed.users.len()).sum();
            let kinesis_records = records.len();
            self.list.push(Fact::Request { millis: millis(time), kinesis_records, user_records });
        }
    }

    pub(super) fn stored<T>(&mut self, sealed: &Sealed<T>, shard: &Arc<str>, sent_at: Micros) {
        let users = sealed.users.iter();
        let buffering = users.clone().map(|user| {
            buffering(user).unwrap_or_else(|| millis(sent_at.saturating_sub(user.arrived)))
        });
        let retries = users.map(|user| f64::from(user.failed_count()));
        if self.is_wanted
            && let Some(buffering) = Statistics::of_all(buffering)
            && let Some(retries) = Statistics::of_all(retries)
        {
            let (shard, bytes, data) = (shard.clone(), sealed.bytes(), sealed.data_sizes);
            self.list.push(Fact::Stored { shard, bytes, data, buffering, retries });
        }
    }

    pub(super) fn refused(&mut self, shard: Option<&Arc<str>>, code: &str) {
        if !self.is_wanted {
            return;
        }
        // Those of a request mostly fail alike.
        if let Some(Fact::Refused { shard: last, code: last_code, count }) = self.list.last_mut()
            && **last_code == *code
            && last.as_ref() == shard
        {
            *count += 1;
            return;
        }
        self.list.push(Fact::Refused { shard: shard.cloned(), code: code.into(), count: 1 });
    }

    pub(super) fn failed<T>(&mut self, user: &User<T>, why: Why) {
        if !self.is_wanted {
            return;
        }
        let is_expired = u64::from(why == Why::Expired);
        // The last attempt of what expires or is abandoned is none.
        let is_attempt = !matches!(why, Why::Expired | Why::Abandoned);
        let attempts = user.failed_count().saturating_sub(u32::from(!is_attempt));
        let one = Statistics::of(f64::from(attempts.saturating_sub(1)));
        let waited = buffering(user).map(Statistics::of);
        if let Some(Fact::Failed { count, expired, retries, buffering }) = self.list.last_mut() {
            *count += 1;
            *expired += is_expired;
            *retries = retries.and(one);
            *buffering = [*buffering, waited].into_iter().flatten().reduce(Statistics::and);
            return;
        }
        let (retries, buffering) = (one, waited);
        self.list.push(Fact::Failed { count: 1, expired: is_expired, retries, buffering });
    }
}

/// Before the first attempt, if one has failed.
fn buffering<T>(user: &User<T>) -> Option<f64> {
    let first = user.past.as_ref().and_then(|past| past.failed.kept.first());
    first.map(|attempt| millis(attempt.delay))
}

fn millis(time: Micros) -> f64 {
    time as f64 / 1e3
}
