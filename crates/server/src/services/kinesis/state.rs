//! What all requests of the service share.

use super::event_cache::EventCache;
use crate::call_rates::CallLimiter;
use crate::context::Context;
use anabranch_engine::{Cells, Engine};
use std::sync::Arc;

/// Kinesis over the cells that its streams live in.
#[derive(Debug)]
pub(crate) struct Kinesis {
    pub(super) cells: Arc<dyn Cells>,
    pub(super) calls: CallLimiter,
    /// Events that several consumers get.
    pub(super) events: Arc<EventCache>,
}

impl Kinesis {
    /// The service; `limit_calls`: whether operations may be called only so often.
    pub(crate) fn new(cells: Arc<dyn Cells>, limit_calls: bool) -> Self {
        Self { cells, calls: CallLimiter::new(limit_calls), events: Arc::default() }
    }
}

impl Context<'_, Kinesis> {
    pub(super) fn cells(&self) -> &dyn Cells {
        &*self.service.cells
    }

    /// The cell that keeps what belongs to the caller's account.
    pub(super) fn home(&self) -> &Arc<Engine> {
        self.service.cells.home(&self.scope)
    }
}
