//! What the journal drops to make room, until maintenance tells of it.

use crate::host::{DeletedRange, Deletion, Host};
use parking_lot::Mutex;

/// Ranges that wait to be told. More are counted only.
const RANGES_MAX: usize = 100_000;

/// Ranges that were dropped.
#[derive(Debug, Default)]
pub(crate) struct Dropped(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    ranges: Vec<DeletedRange>,
    more: u64,
}

impl Dropped {
    pub(crate) fn add(&self, ranges: Vec<DeletedRange>) {
        let mut waiting = self.0.lock();
        let room = RANGES_MAX - waiting.ranges.len();
        waiting.more += ranges.len().saturating_sub(room) as u64;
        waiting.ranges.extend(ranges.into_iter().take(room));
    }

    pub(crate) fn tell(&self, host: &dyn Host) {
        let Waiting { ranges, more } = std::mem::take(&mut *self.0.lock());
        if !ranges.is_empty() {
            host.deleting(Deletion::MemoryFull, &ranges);
        }
        if more > 0 {
            tracing::info!(ranges = more, "the memory for records is full: more were dropped");
        }
    }
}
