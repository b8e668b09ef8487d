//! Segments that are open.

use crate::format::segment::{OpenSegment, SegmentError, SegmentName};
use crate::medium::shelf::Shelf;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// Open segment files.
const CACHE_FILES: usize = 256;

/// Open segments, least recently used out first.
#[derive(Debug)]
pub(crate) struct SegmentCache {
    /// Memory for their directories; one is held in any case.
    bytes_max: usize,
    state: Mutex<CacheState>,
}

#[derive(Debug, Default)]
struct CacheState {
    open: HashMap<SegmentName, (u64, Arc<OpenSegment>)>,
    bytes: usize,
    uses: u64,
}

impl SegmentCache {
    pub(crate) fn new(bytes_max: u64) -> Self {
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        Self { bytes_max, state: Mutex::default() }
    }

    pub(crate) fn get(
        &self,
        shelf: &dyn Shelf,
        name: &SegmentName,
    ) -> Result<Arc<OpenSegment>, SegmentError> {
        if let Some(segment) = self.state.lock().hit(name) {
            return Ok(segment);
        }
        // Opened without the lock: two readers may both do it, and one result is dropped.
        let segment = OpenSegment::load(shelf.open(name), shelf.path(name), name.chapter)?;
        let segment = Arc::new(segment);
        self.state.lock().insert(*name, segment.clone(), self.bytes_max);
        Ok(segment)
    }

    pub(crate) fn forget(&self, name: &SegmentName) {
        self.state.lock().remove(name);
    }
}

impl CacheState {
    fn hit(&mut self, name: &SegmentName) -> Option<Arc<OpenSegment>> {
        self.uses += 1;
        let (used, segment) = self.open.get_mut(name)?;
        *used = self.uses;
        Some(segment.clone())
    }

    fn insert(&mut self, name: SegmentName, segment: Arc<OpenSegment>, bytes_max: usize) {
        self.remove(&name);
        self.bytes += segment.memory_bytes();
        self.open.insert(name, (self.uses, segment));
        while self.open.len() > 1 && (self.bytes > bytes_max || self.open.len() > CACHE_FILES) {
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
