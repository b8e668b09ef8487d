//! Fan-out consumers of a stream.

use super::policy::ResourcePolicy;
use super::scope::{ConsumerRef, StreamRef};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A fan-out consumer of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumer {
    /// Its name, unique within the stream.
    pub name: Arc<str>,
    /// Its creation time, epoch seconds: another one of the same name has another.
    pub created_secs: u64,
    /// It is CREATING until then, epoch milliseconds.
    pub active_at_ms: u64,
    /// When it is DELETING: it is gone from then on, epoch milliseconds.
    pub gone_at_ms: Option<u64>,
    /// Tags by key.
    pub tags: BTreeMap<String, String>,
    /// Who else may do what with it.
    pub policy: Option<Arc<ResourcePolicy>>,
}

/// A consumer's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerStatus {
    /// Not there yet for subscriptions.
    Creating,
    /// In order.
    Active,
    /// On its way out.
    Deleting,
}

impl Consumer {
    /// The consumer's state. `None`: it is gone.
    #[must_use]
    pub fn status(&self, now_ms: u64) -> Option<ConsumerStatus> {
        match self.gone_at_ms {
            Some(gone_at_ms) if now_ms >= gone_at_ms => None,
            Some(_) => Some(ConsumerStatus::Deleting),
            None if now_ms < self.active_at_ms => Some(ConsumerStatus::Creating),
            None => Some(ConsumerStatus::Active),
        }
    }

    /// Its full name.
    #[must_use]
    pub fn reference(&self, stream: &StreamRef) -> ConsumerRef {
        let (name, created_secs) = (self.name.clone(), self.created_secs);
        ConsumerRef { stream: stream.clone(), name, created_secs }
    }
}

/// How a caller names a consumer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerName {
    /// The stream it reads.
    pub stream: StreamRef,
    pub name: Arc<str>,
    /// Its creation time in epoch seconds, if the caller said it.
    pub created_secs: Option<u64>,
}

impl From<ConsumerRef> for ConsumerName {
    fn from(consumer: ConsumerRef) -> Self {
        let ConsumerRef { stream, name, created_secs } = consumer;
        Self { stream, name, created_secs: Some(created_secs) }
    }
}
