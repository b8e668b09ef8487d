//! What a cell has in common with the medium it lies on.

use crate::cell::chapter::Chapters;
use crate::cell::dropped::Dropped;
use crate::cell::health::Health;
use crate::cell::queue::Queue;
use crate::cell::upkeep::Upkeep;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// What of a cell its medium knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Common {
    pub(crate) queue: Arc<Queue>,
    pub(crate) chapters: Arc<Chapters>,
    pub(crate) health: Arc<Health>,
    pub(crate) upkeep: Arc<Upkeep>,
    pub(crate) dropped: Arc<Dropped>,
}

impl Common {
    /// Waits until maintenance has written enough segments for another chapter in memory.
    pub(crate) fn wait_for_backlog(&self, backlog_max: usize) -> io::Result<()> {
        self.upkeep.wait_while(|signals| {
            let is_behind = self.chapters.backlog() + 1 > backlog_max;
            if is_behind && signals.is_stuck_or_over() {
                return Err(ErrorKind::StorageFull.into());
            }
            Ok(is_behind)
        })
    }
}
