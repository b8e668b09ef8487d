//! What the routes tell of.

use anabranch_engine::{Cells, StoreHealth};
use http::StatusCode;
use std::sync::Arc;
use tokio::sync::watch;

/// The server as its routes see it.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) cells: Arc<dyn Cells>,
    /// Turns true when it stops.
    pub(crate) stopping: watch::Receiver<bool>,
}

impl Server {
    /// The server's health in a word, and the status that says whether it can be used. On a full
    /// volume reads go on, and writes come back by themselves.
    pub(super) fn health(&self) -> (StatusCode, &'static str) {
        match self.cells.health() {
            StoreHealth::Writable => (StatusCode::OK, "ok"),
            StoreHealth::Full => (StatusCode::OK, "full"),
            StoreHealth::Failed => (StatusCode::SERVICE_UNAVAILABLE, "failed"),
        }
    }
}
