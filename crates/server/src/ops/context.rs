//! What a handler works with.

use crate::auth::Caller;
use crate::call_rates::CallLimiter;
use anabranch_engine::{Cells, Engine, Scope, StreamRef};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a handler works with.
pub(crate) struct Context<'a> {
    pub(crate) cells: &'a dyn Cells,
    pub(crate) caller: &'a Caller,
    /// The caller's account and Region.
    pub(crate) scope: Scope,
    pub(crate) calls: &'a CallLimiter,
    pub(crate) origin: Origin<'a>,
    /// Whether the handler has asked what the caller may do.
    pub(crate) asked: Asked,
}

impl Context<'_> {
    /// The cell that a stream of this name lives in, or would.
    pub(crate) fn cell(&self, stream: &StreamRef) -> &Arc<Engine> {
        self.cells.of_stream(stream)
    }

    /// The cell that keeps what belongs to the caller's account.
    pub(crate) fn home(&self) -> &Arc<Engine> {
        self.cells.home(&self.scope)
    }
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    pub(crate) is_tls: bool,
}

/// How a request came, for conditions of policies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) peer: Peer,
    pub(crate) user_agent: Option<&'a str>,
}

/// Whether a handler has asked what its caller may do. One that answers without having asked is
/// our mistake, and its answer is not sent.
#[derive(Debug, Default)]
pub(crate) struct Asked(AtomicBool);

impl Asked {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
