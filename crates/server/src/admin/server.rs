//! What the routes tell of.

use crate::audit::{AuditWriter, Strangers};
use anabranch_engine::{Cells, Durability, StoreHealth};
use http::StatusCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// The server as its routes see it, from its start on.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) durability: Durability,
    /// Counts calls whose caller is not known.
    pub(crate) strangers: Strangers,
    /// Where calls are written.
    pub(crate) audit: Option<Arc<AuditWriter>>,
    /// Set when recovery has ended.
    cells: OnceLock<Arc<dyn Cells>>,
    /// Bodies that were refused for want of memory. Set when recovery has ended.
    refusals: OnceLock<Arc<AtomicU64>>,
    /// Set when it is to stop.
    is_draining: AtomicBool,
}

impl Server {
    /// A server that is starting.
    pub(crate) fn new(durability: Durability, audit: Option<Arc<AuditWriter>>) -> Self {
        Self {
            durability,
            strangers: Strangers::default(),
            audit,
            cells: OnceLock::new(),
            refusals: OnceLock::new(),
            is_draining: AtomicBool::new(false),
        }
    }

    /// From now on it is ready.
    pub(crate) fn has_started(&self, cells: Arc<dyn Cells>, refusals: Arc<AtomicU64>) {
        // It starts once.
        let _ = self.refusals.set(refusals);
        let _ = self.cells.set(cells);
    }

    /// How many requests were refused so far because there was no memory for their bodies.
    pub(super) fn refused_bodies(&self) -> u64 {
        self.refusals.get().map_or(0, |refusals| refusals.load(Ordering::Relaxed))
    }

    /// From now on nothing new is to be sent to it.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Relaxed)
    }

    /// The cells. `None`: it is starting.
    pub(super) fn cells(&self) -> Option<&dyn Cells> {
        self.cells.get().map(|cells| &**cells)
    }

    /// How far deletion is behind the wall clock, in milliseconds, if it is held.
    pub(super) fn deletion_held_ms(&self) -> Option<u64> {
        let cells = self.cells()?.all();
        cells.iter().filter_map(|cell| cell.store().deletion_held_ms()).max()
    }

    /// The server's health in a word, and the status that says whether it is to be left alone. On a
    /// full volume reads go on, and writes come back by themselves.
    pub(super) fn health(&self) -> (StatusCode, &'static str) {
        match self.cells().map(<dyn Cells>::health) {
            None => (StatusCode::OK, "starting"),
            Some(StoreHealth::Writable) => (StatusCode::OK, "ok"),
            Some(StoreHealth::Full) => (StatusCode::OK, "full"),
            Some(StoreHealth::Failed) => (StatusCode::SERVICE_UNAVAILABLE, "failed"),
        }
    }

    /// What the server is about in a word, and whether requests are to be sent to it. A full one
    /// answers reads and takes deletions, which are what makes room.
    pub(super) fn readiness(&self) -> (StatusCode, &'static str) {
        match self.health() {
            _ if self.is_draining() => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
            (_, "starting") => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
            (status, "ok") => (status, "ready"),
            other => other,
        }
    }
}
