//! What a handler works with.

use crate::audit::Trail;
use crate::auth::{Authenticator, Caller};
use crate::peer::Peer;
use crate::reply_body::ReplyRoom;
use anabranch_engine::Scope;
use anabranch_env::Clock;
use http::header;
use http::request::Parts;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a handler of a service works with.
pub(crate) struct Context<'a, S> {
    pub(crate) service: &'a S,
    pub(crate) caller: &'a Caller,
    pub(crate) authenticator: &'a Arc<Authenticator>,
    /// The caller's account and Region.
    pub(crate) scope: Scope,
    pub(crate) origin: Origin<'a>,
    pub(crate) clock: &'a Arc<dyn Clock>,
    /// When the request came by the wall clock, epoch milliseconds. What a cell knows goes by its own
    /// time.
    pub(crate) now_ms: u64,
    /// Whether the handler has asked what the caller may do.
    pub(crate) asked: Asked,
    /// What is noted of the call for the audit log.
    pub(crate) trail: &'a Trail,
    /// Where a large reply gets its memory before it is read.
    pub(crate) room: ReplyRoom<'a>,
}

/// How a request came, for conditions of policies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) peer: Peer,
    pub(crate) user_agent: Option<&'a str>,
}

impl<'a> Origin<'a> {
    pub(crate) fn of(parts: &'a Parts, peer: Peer) -> Self {
        let user_agent = parts.headers.get(header::USER_AGENT);
        Self { peer, user_agent: user_agent.and_then(|value| value.to_str().ok()) }
    }
}

/// Whether a handler has asked what its caller may do. One that answers without having asked is
/// our mistake, and its answer is not sent.
#[derive(Debug, Default)]
pub(crate) struct Asked(AtomicBool);

impl Asked {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
