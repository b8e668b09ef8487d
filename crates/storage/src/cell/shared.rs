//! What a cell's threads and its callers share.

use crate::cell::chapter::Chapters;
use crate::cell::dropped::Dropped;
use crate::cell::health::Health;
use crate::cell::queue::Queue;
use crate::cell::segment_cache::SegmentCache;
use crate::cell::tips::Tips;
use crate::cell::upkeep::Upkeep;
use crate::medium::shelf::Shelf;
use crate::options::StoreOptions;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// What the threads and the callers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: StoreOptions,
    pub(crate) shelf: Arc<dyn Shelf>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) chapters: Arc<Chapters>,
    pub(crate) segment_cache: SegmentCache,
    /// Every record below is durable and readable.
    pub(crate) durable_index: AtomicU64,
    /// Who waits for records of which shard.
    pub(crate) tips: Arc<Tips>,
    pub(crate) health: Arc<Health>,
    pub(crate) upkeep: Arc<Upkeep>,
    pub(crate) dropped: Arc<Dropped>,
}
