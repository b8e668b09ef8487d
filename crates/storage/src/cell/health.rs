//! Whether a store takes writes.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the store takes writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreHealth {
    /// All is well.
    Writable,
    /// The volume is full; reads work.
    Full,
    /// A write or sync failed; reads work, a restart is needed.
    Failed,
}

/// Set by the threads, asked by everybody.
#[derive(Debug, Default)]
pub(crate) struct Health {
    is_full: AtomicBool,
    is_failed: AtomicBool,
}

impl Health {
    pub(crate) fn state(&self) -> StoreHealth {
        if self.is_failed() {
            StoreHealth::Failed
        } else if self.is_full.load(Ordering::Acquire) {
            StoreHealth::Full
        } else {
            StoreHealth::Writable
        }
    }

    /// Says whether there is no room, and returns what was said before.
    pub(crate) fn set_full(&self, is_full: bool) -> bool {
        self.is_full.swap(is_full, Ordering::AcqRel)
    }

    pub(crate) fn is_failed(&self) -> bool {
        self.is_failed.load(Ordering::Acquire)
    }

    /// Nothing is confirmed from now on, until recovery has read what is there.
    pub(crate) fn fail(&self) {
        self.is_failed.store(true, Ordering::Release);
    }
}
