//! Chapters: the records of one journal file, wherever they are now.

use crate::cell::memtable::Memtable;
use crate::format::segment::SegmentName;
use parking_lot::RwLock;
use std::collections::VecDeque;
use std::sync::Arc;

/// The records of one journal file.
#[derive(Debug)]
pub(crate) struct Chapter {
    /// Number of the journal file and of the segments.
    pub(crate) number: u64,
    /// Every record of the chapter has this index or a higher one.
    pub(crate) first_index: u64,
    pub(crate) state: RwLock<ChapterState>,
}

/// What changes in a chapter's life.
#[derive(Debug, Default)]
pub(crate) struct ChapterState {
    /// Set when the chapter takes no more records: all of its indices are below.
    pub(crate) end_index: Option<u64>,
    /// Highest arrival time in it, epoch milliseconds.
    pub(crate) last_ms: u64,
    /// Its records in memory. `None` after eviction.
    pub(crate) memtable: Option<Memtable>,
    /// Its records in segments. `None` until they are written.
    pub(crate) segments: Option<Vec<SegmentName>>,
    /// Whether writing them was begun before.
    pub(crate) was_tried: bool,
    /// Whether its journal file is still there.
    pub(crate) has_journal: bool,
    /// Number of the last command in its journal file; 0 for none.
    pub(crate) last_command: u64,
}

impl Chapter {
    pub(crate) fn active(number: u64, first_index: u64) -> Arc<Self> {
        let state = ChapterState {
            memtable: Some(Memtable::default()),
            has_journal: true,
            ..ChapterState::default()
        };
        Arc::new(Self { number, first_index, state: RwLock::new(state) })
    }

    /// Whether it takes no more records and its journal file is still there.
    pub(crate) fn is_due(&self) -> bool {
        let state = self.state.read();
        state.end_index.is_some() && state.has_journal
    }

    pub(crate) fn has_segment(&self, name: &SegmentName) -> bool {
        let state = self.state.read();
        state.segments.as_ref().is_some_and(|segments| segments.contains(name))
    }
}

/// All chapters in order. The last one is active.
#[derive(Debug, Default)]
pub(crate) struct Chapters(RwLock<VecDeque<Arc<Chapter>>>);

impl Chapters {
    pub(crate) fn new(chapters: VecDeque<Arc<Chapter>>) -> Self {
        Self(RwLock::new(chapters))
    }

    pub(crate) fn push(&self, chapter: Arc<Chapter>) {
        self.0.write().push_back(chapter);
    }

    /// The first chapter that may hold an index of `index` or later.
    pub(crate) fn at_or_after(&self, index: u64) -> Option<Arc<Chapter>> {
        let chapters = self.0.read();
        let after = chapters.partition_point(|chapter| chapter.first_index <= index);
        chapters
            .range(after.saturating_sub(1)..)
            .find(|chapter| chapter.state.read().end_index.is_none_or(|end| end > index))
            .cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Chapter>> {
        self.0.read().iter().cloned().collect()
    }

    /// All segments that readers see.
    pub(crate) fn segments(&self) -> Vec<SegmentName> {
        let names = |chapter: &Arc<Chapter>| chapter.state.read().segments.clone();
        self.0.read().iter().filter_map(names).flatten().collect()
    }

    pub(crate) fn remove(&self, number: u64) {
        self.0.write().retain(|chapter| chapter.number != number);
    }

    /// Whether maintenance has a chapter to retire.
    pub(crate) fn is_any_due(&self) -> bool {
        self.0.read().iter().any(|chapter| chapter.is_due())
    }

    /// Sealed chapters whose segments are not written yet.
    pub(crate) fn backlog(&self) -> usize {
        let waiting = |chapter: &&Arc<Chapter>| {
            let state = chapter.state.read();
            state.end_index.is_some() && state.segments.is_none()
        };
        self.0.read().iter().filter(waiting).count()
    }

    /// Memory that the chapters' records take.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let bytes = |chapter: &Arc<Chapter>| {
            chapter.state.read().memtable.as_ref().map_or(0, Memtable::bytes)
        };
        self.0.read().iter().map(bytes).sum()
    }
}
