//! Segments that are open.

use crate::format::segment::{OpenSegment, SegmentError, SegmentName};
use crate::medium::shelf::Shelf;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Memory for the directories of open segments.
const CACHE_BYTES: usize = 64 << 20;
/// Open segment files.
const CACHE_FILES: usize = 256;

/// Open segments, least recently used out first.
#[derive(Debug, Default)]
pub(crate) struct SegmentCache(Mutex<CacheState>);

#[derive(Debug, Default)]
struct CacheState {
    open: HashMap<SegmentName, (u64, Arc<OpenSegment>)>,
    bytes: usize,
    uses: u64,
}

impl SegmentCache {
    pub(crate) fn get(
        &self,
        shelf: &dyn Shelf,
        name: &SegmentName,
    ) -> Result<Arc<OpenSegment>, SegmentError> {
        if let Some(segment) = self.0.lock().hit(name) {
            return Ok(segment);
        }
        // Opened without the lock: two readers may both do it, and one result is dropped.
        let segment = OpenSegment::load(shelf.open(name), shelf.path(name), name.chapter)?;
        let segment = Arc::new(segment);
        self.0.lock().insert(*name, segment.clone());
        Ok(segment)
    }

    pub(crate) fn forget(&self, name: &SegmentName) {
        self.0.lock().remove(name);
    }
}

impl CacheState {
    fn hit(&mut self, name: &SegmentName) -> Option<Arc<OpenSegment>> {
        self.uses += 1;
        let (used, segment) = self.open.get_mut(name)?;
        *used = self.uses;
        Some(segment.clone())
    }

    fn insert(&mut self, name: SegmentName, segment: Arc<OpenSegment>) {
        self.remove(&name);
        self.bytes += segment.memory_bytes();
        self.open.insert(name, (self.uses, segment));
        while self.open.len() > 1 && (self.bytes > CACHE_BYTES || self.open.len() > CACHE_FILES) {
            let oldest = self.open.iter().min_by_key(|(_, (used, _))| *used).map(|(name, _)| *name);
            self.remove(&oldest.expect("there is more than one"));
        }
    }

    fn remove(&mut self, name: &SegmentName) {
        if let Some((_, segment)) = self.open.remove(name) {
            self.bytes -= segment.memory_bytes();
        }
    }
}
