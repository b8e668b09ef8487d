//! Closing a shard at a place in the journal.

use std::sync::atomic::{AtomicBool, Ordering};

/// Lets records of one shard into the journal until it is closed.
///
/// It is checked under the lock that assigns indices, so after a command that closed it no
/// record of the shard follows in the journal.
#[derive(Debug, Default)]
pub struct Gate(AtomicBool);

impl Gate {
    /// A gate that is already closed.
    #[must_use]
    pub fn closed() -> Self {
        Self(AtomicBool::new(true))
    }

    /// Whether the gate is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn close(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Opens the gate again, when the command that closed it was not confirmed.
    pub fn reopen(&self) {
        self.0.store(false, Ordering::Release);
    }
}
