//! Keeps the tail cache within its limit.

use crate::cell::shared::Shared;
use std::thread::{Builder, JoinHandle};

/// Drops memtables whose records are in segments.
///
/// To give the memory of a hundred thousand bodies back takes longer than the journal can wait for
/// maintenance, so another thread does it, one lot after the other: beside the limit there is at
/// most what was dropped at once, and that at most what queued up for maintenance.
#[derive(Debug, Default)]
pub(crate) struct Eviction {
    freeing: Option<JoinHandle<()>>,
}

impl Eviction {
    /// Drops memtables, old ones first, until the tail cache is within its limit.
    pub(crate) fn evict(&mut self, shared: &Shared) {
        let mut evicted = Vec::new();
        let limit = shared.options.tail_cache_bytes;
        let mut excess = shared.chapters.memory_bytes().saturating_sub(limit);
        for chapter in shared.chapters.all() {
            if excess == 0 {
                break;
            }
            let mut state = chapter.state.write();
            if state.segments.is_some()
                && let Some(memtable) = state.memtable.take()
            {
                excess = excess.saturating_sub(memtable.bytes());
                evicted.push(memtable);
            }
        }
        if evicted.is_empty() {
            return;
        }
        if let Some(thread) = self.freeing.take() {
            let _ = thread.join();
        }
        // Without a thread they are freed here.
        #[expect(clippy::disallowed_methods, reason = "it ends by itself, and is waited for")]
        let freeing = Builder::new().name("eviction".into()).spawn(move || drop(evicted));
        self.freeing = freeing.ok();
    }
}
