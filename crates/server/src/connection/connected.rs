//! An open connection as those see it who give out what all connections share.

use super::windows::WAITING_BODIES;
use crate::body_budget::BodyBudget;
use anabranch_env::ByteBudget;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

/// What one connection, and all of one peer, may have of what all share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    /// Bytes of request bodies of one connection.
    pub(crate) connection_bodies: u64,
    /// Bytes of request bodies of all connections of a peer.
    pub(crate) peer_bodies: u64,
    /// Bytes of large replies that one connection has not taken yet.
    pub(crate) connection_replies: u64,
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connected {
    address: IpAddr,
    /// Its share of the memory for bodies.
    pub(crate) bodies: BodyBudget,
    /// The share of all connections of its peer.
    pub(crate) peer_bodies: BodyBudget,
    /// Its share of the memory for large replies.
    pub(crate) replies: ByteBudget,
    waiting_bodies: Semaphore,
    is_proven: AtomicBool,
    may_be_known: AtomicBool,
    under_way: AtomicU32,
    /// A caller has been proven, or the last request under way is over.
    pub(super) changed: Notify,
    /// It is to end, for its place goes to another.
    pub(super) end: Notify,
}

/// A request under way, until it is dropped.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Connected>);

impl Connected {
    pub(crate) fn new(address: IpAddr, shares: Shares, peer_bodies: BodyBudget) -> Self {
        Self {
            address,
            bodies: BodyBudget::new(shares.connection_bodies),
            peer_bodies,
            replies: ByteBudget::new(shares.connection_replies),
            waiting_bodies: Semaphore::new(WAITING_BODIES),
            is_proven: AtomicBool::new(false),
            may_be_known: AtomicBool::new(false),
            under_way: AtomicU32::new(0),
            changed: Notify::new(),
            end: Notify::new(),
        }
    }

    /// The same of a peer that has this memory.
    #[cfg(test)]
    pub(crate) fn with_peer_bodies(self, peer_bodies: BodyBudget) -> Self {
        Self { peer_bodies, ..self }
    }

    /// A caller on it has said who they are. Signed with a key, if keys are asked for.
    pub(crate) fn prove(&self) {
        // Nearly always it is so already, and a line that many read is not to be written.
        if !self.is_proven() && !self.is_proven.swap(true, Ordering::Relaxed) {
            self.changed.notify_one();
        }
    }

    /// Whether a caller on it is known.
    pub(crate) fn is_proven(&self) -> bool {
        self.is_proven.load(Ordering::Relaxed)
    }

    /// A request on it has a head that a known caller's may have: there is none better to keep until
    /// its body is there.
    pub(crate) fn suppose_known(&self) {
        self.may_be_known.store(true, Ordering::Relaxed);
    }

    /// Whether a caller on it may be known.
    pub(crate) fn may_be_known(&self) -> bool {
        self.may_be_known.load(Ordering::Relaxed)
    }

    /// Lets a body wait for memory. `None`: so many do that one more would hold up everything else on
    /// the connection, for what was sent of them is in its window.
    pub(crate) fn begin_waiting(&self) -> Option<SemaphorePermit<'_>> {
        self.waiting_bodies.try_acquire().ok()
    }

    /// Counts a request until what this gives is dropped.
    pub(super) fn begin_request(self: &Arc<Self>) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    /// Waits until its place goes to another.
    pub(super) async fn evicted(&self) {
        self.end.notified().await;
    }

    /// Requests under way.
    pub(super) fn requests(&self) -> u32 {
        self.under_way.load(Ordering::Relaxed)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.0.under_way.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.changed.notify_one();
        }
    }
}
