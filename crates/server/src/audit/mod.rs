//! Who did what: an audit log of calls, and the count of those whose caller was not known.
//!
//! A call has a [`Trail`]. What is learnt of it on its way (who calls, what is to be done with what)
//! is noted there, and one line is written when it ends: with its outcome, or as unanswered if the
//! client went away, for what it asked for may have been done.
//!
//! Control calls are written, calls on records if that is asked for. Calls whose caller is not known
//! are written so many a second, and the rest of them counted: a stranger must not fill the log.

mod line;
mod strangers;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use strangers::Strangers;
pub(crate) use writer::AuditWriter;

use crate::auth::Caller;
use crate::peer::Peer;
use anabranch_env::Clock;
use anabranch_model::token_bucket::TokenBucket;
use http::StatusCode;
use line::Line;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;

/// Calls of strangers that are written in a second.
const STRANGERS_PER_S: u64 = 10;
/// Resources of one call that are named: a batch names few.
const RESOURCES_MAX: usize = 16;

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// Streams, consumers, policies, the server: what there is.
    Control,
    /// Records: thousands a second.
    Data,
}

/// The audit log.
#[derive(Debug)]
pub(crate) struct AuditLog {
    writer: Arc<AuditWriter>,
    clock: Arc<dyn Clock>,
    with_data_calls: bool,
    of_strangers: Mutex<OfStrangers>,
}

#[derive(Debug)]
struct OfStrangers {
    tokens: TokenBucket,
    /// Calls that were not written since one was.
    left_out: u64,
}

impl AuditLog {
    pub(crate) fn new(
        writer: Arc<AuditWriter>,
        clock: Arc<dyn Clock>,
        with_data_calls: bool,
    ) -> Self {
        let tokens = TokenBucket::full(STRANGERS_PER_S, clock.monotonic_us());
        let of_strangers = Mutex::new(OfStrangers { tokens, left_out: 0 });
        Self { writer, clock, with_data_calls, of_strangers }
    }

    fn write(&self, facts: &Facts, outcome: &str, status: Option<StatusCode>) {
        let Some((service, operation, kind)) = facts.operation else { return };
        let is_wanted = kind == CallKind::Control || self.with_data_calls;
        let mut left_out = 0;
        if facts.is_of_stranger {
            let mut strangers = self.of_strangers.lock();
            if !strangers.tokens.try_take(STRANGERS_PER_S, self.clock.monotonic_us(), 1) {
                strangers.left_out += 1;
                return;
            }
            left_out = std::mem::take(&mut strangers.left_out);
        } else if !is_wanted {
            return;
        }
        let line = Line {
            now_ms: self.clock.now_ms(),
            request_id: &facts.request_id,
            source: facts.peer.address,
            caller: facts.caller.as_ref(),
            service,
            operation,
            resources: &facts.resources,
            outcome,
            status,
            left_out,
        };
        self.writer.write(&line.to_bytes());
    }
}

/// What is known of a call so far.
#[derive(Debug)]
struct Facts {
    request_id: String,
    peer: Peer,
    operation: Option<(&'static str, &'static str, CallKind)>,
    caller: Option<Caller>,
    is_of_stranger: bool,
    resources: Vec<String>,
    error: Option<&'static str>,
}

/// The trail of a call. One that nobody wants notes nothing.
pub(crate) struct Trail(Option<(Arc<AuditLog>, Mutex<Facts>)>);

impl Trail {
    /// The trail of a call from `peer` in this log.
    pub(crate) fn new(log: Option<&Arc<AuditLog>>, request_id: &str, peer: Peer) -> Self {
        Self(log.map(|log| {
            let facts = Facts {
                request_id: request_id.to_owned(),
                peer,
                operation: None,
                caller: None,
                is_of_stranger: false,
                resources: Vec::new(),
                error: None,
            };
            (log.clone(), Mutex::new(facts))
        }))
    }

    fn note(&self, note: impl FnOnce(&mut Facts)) {
        if let Some((_, facts)) = &self.0 {
            note(&mut facts.lock());
        }
    }

    /// Notes what is to be done, by its names in policies: `kinesis` and `CreateStream`.
    pub(crate) fn operation(&self, service: &'static str, operation: &'static str, kind: CallKind) {
        self.note(|facts| facts.operation = Some((service, operation, kind)));
    }

    /// Notes who calls.
    pub(crate) fn caller(&self, caller: &Caller) {
        self.note(|facts| facts.caller = Some(caller.clone()));
    }

    /// Notes that nobody knows who calls.
    pub(crate) fn stranger(&self) {
        self.note(|facts| facts.is_of_stranger = true);
    }

    /// Notes what it is about; the last one noted is not named twice.
    pub(crate) fn resource(&self, arn: &dyn fmt::Display) {
        self.note(|facts| {
            let arn = arn.to_string();
            if facts.resources.len() < RESOURCES_MAX && facts.resources.last() != Some(&arn) {
                facts.resources.push(arn);
            }
        });
    }

    /// Notes why it is refused.
    pub(crate) fn error(&self, name: &'static str) {
        self.note(|facts| facts.error = Some(name));
    }

    /// Writes the line of a call that is answered like this.
    pub(crate) fn end(mut self, status: StatusCode) {
        if let Some((log, facts)) = self.0.take() {
            let facts = facts.into_inner();
            log.write(&facts, facts.error.unwrap_or("ok"), Some(status));
        }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        if let Some((log, facts)) = self.0.take() {
            log.write(&facts.into_inner(), "unanswered", None);
        }
    }
}
