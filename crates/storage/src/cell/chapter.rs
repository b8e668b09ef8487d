//! Chapters: the records of one journal file, wherever they are now.

use crate::cell::memtable::Memtable;
use crate::format::segment::SegmentName;
use parking_lot::RwLock;
use std::collections::VecDeque;
use std::sync::Arc;

/// The records of one journal file.
#[derive(Debug)]
pub(crate) struct Chapter {
    /// Number of its part of the journal and of its segments.
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
    /// Whether its part of the journal is still there, to be retired. There is none of a chapter that
    /// is in memory alone.
    pub(crate) has_journal: bool,
    /// Number of the last command in it; 0 for none.
    pub(crate) last_command: u64,
}

impl Chapter {
    /// One that is in the journal and takes records.
    pub(crate) fn active(number: u64, first_index: u64) -> Arc<Self> {
        Self::empty(number, first_index, true)
    }

    /// One that is in memory alone and takes records.
    pub(crate) fn in_memory(number: u64, first_index: u64) -> Arc<Self> {
        Self::empty(number, first_index, false)
    }

    fn empty(number: u64, first_index: u64, has_journal: bool) -> Arc<Self> {
        let memtable = Some(Memtable::default());
        let state = ChapterState { memtable, has_journal, ..ChapterState::default() };
        Arc::new(Self { number, first_index, state: RwLock::new(state) })
    }

    /// The chapter behind this one, which is active, and where this one is.
    pub(crate) fn next(&self, first_index: u64) -> Arc<Self> {
        Self::empty(self.number + 1, first_index, self.state.read().has_journal)
    }

    fn memory_bytes(&self) -> u64 {
        self.state.read().memtable.as_ref().map_or(0, Memtable::bytes)
    }

    /// Whether it takes no more records and its part of the journal is still there.
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
    pub(crate) fn extend(&self, chapters: VecDeque<Arc<Chapter>>) {
        self.0.write().extend(chapters);
    }

    /// The one that takes records.
    ///
    /// # Panics
    /// Before there is one.
    pub(crate) fn active(&self) -> Arc<Chapter> {
        self.0.read().back().expect("the active chapter is always there").clone()
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
        self.0.read().iter().map(|chapter| chapter.memory_bytes()).sum()
    }

    /// Memory that the records of the active chapter take.
    pub(crate) fn active_bytes(&self) -> u64 {
        self.0.read().back().map_or(0, |chapter| chapter.memory_bytes())
    }
}
