//! Memory: nothing is written anywhere, and a restart is empty.
//!
//! The journal is the chapters themselves, which are as large as journal files would be. They end
//! when their records have expired. When all memory is taken, no more is, or the oldest ones go.

use crate::cell::chapter::Chapter;
use crate::cell::common::Common;
use crate::cell::queue::Submission;
use crate::error::OpenError;
use crate::format::segment::{SegmentContent, SegmentFile, SegmentName};
use crate::format::snapshot::SnapshotPlace;
use crate::medium::journal::{Journal, JournalError, Room};
use crate::medium::opened::{Found, Medium, Opened};
use crate::medium::shelf::Shelf;
use crate::options::StoreOptions;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// Chapters that memory is for at least, where the oldest one goes when it is full.
const CHAPTERS_MIN: u64 = 8;

/// Memory, as a medium.
#[derive(Debug)]
pub(crate) struct MemoryMedium {
    chapter_bytes: u64,
    bytes_max: u64,
    drops_oldest: bool,
}

impl MemoryMedium {
    pub(crate) fn new(options: &StoreOptions) -> Self {
        let StoreOptions { journal_file_bytes, tail_cache_bytes, drops_oldest, .. } = *options;
        let piece = tail_cache_bytes / CHAPTERS_MIN;
        let chapter_bytes =
            if drops_oldest { journal_file_bytes.min(piece) } else { journal_file_bytes };
        Self { chapter_bytes, bytes_max: tail_cache_bytes, drops_oldest }
    }
}

impl Medium for MemoryMedium {
    fn open(&self, common: &Common) -> Result<Opened, OpenError> {
        let mut found = Found::nothing();
        found.chapters.push_back(Chapter::in_memory(1, found.next_index));
        let journal = MemoryJournal {
            common: common.clone(),
            chapter_bytes: self.chapter_bytes,
            bytes_max: self.bytes_max,
            drops_oldest: self.drops_oldest,
            taken: 0,
        };
        Ok(Opened { found, journal: Box::new(journal), shelf: Arc::new(EmptyShelf), lock: None })
    }
}

#[derive(Debug)]
struct MemoryJournal {
    common: Common,
    chapter_bytes: u64,
    /// Of all chapters.
    bytes_max: u64,
    /// Whether the oldest chapter goes when there is no room.
    drops_oldest: bool,
    /// Batches that were taken, and not told of as confirmed.
    taken: usize,
}

impl MemoryJournal {
    /// Drops chapters, the oldest first, until there is room for so many bytes, or only the active one
    /// is left.
    fn drop_oldest(&self, wanted_bytes: u64) {
        let mut chapters = self.common.chapters.all();
        chapters.pop();
        for chapter in chapters {
            let held = self.common.chapters.memory_bytes();
            if held + wanted_bytes <= self.bytes_max {
                return;
            }
            self.common.chapters.remove(chapter.number);
            if let Some(memtable) = &chapter.state.read().memtable {
                self.common.dropped.add(memtable.ranges());
            }
            self.common.upkeep.request();
        }
    }
}

impl Journal for MemoryJournal {
    fn room(&self) -> Room {
        let held = self.common.chapters.active_bytes();
        let left = self.chapter_bytes.saturating_sub(held);
        // Commands take no memory.
        Room { records: if held == 0 { u64::MAX } else { left }, commands: u64::MAX }
    }

    fn begin_chapter(&mut self, first: &Submission) -> Result<(), JournalError> {
        if self.drops_oldest {
            // Room for all that the chapter will take.
            self.drop_oldest(self.chapter_bytes.max(first.frame_bytes));
            return Ok(());
        }
        let held = self.common.chapters.memory_bytes();
        if held + first.frame_bytes > self.bytes_max {
            // Expired chapters may go now.
            self.common.upkeep.request();
            return Err(JournalError::MemoryFull);
        }
        Ok(())
    }

    fn takes_more(&self) -> bool {
        true
    }

    fn begin_batch(&mut self, _batch: &mut [Submission]) -> Result<(), JournalError> {
        self.taken += 1;
        Ok(())
    }

    fn confirmed(&mut self) -> Result<usize, JournalError> {
        Ok(std::mem::take(&mut self.taken))
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn on_deadline(&mut self) -> Result<(), JournalError> {
        Ok(())
    }

    fn idle(&mut self, _next_index: u64) -> Result<(), JournalError> {
        Ok(())
    }

    fn finish(&mut self, _next_index: u64) -> Result<(), JournalError> {
        Ok(())
    }
}

/// A shelf that nothing comes to: a chapter that is in memory alone is never due to be retired.
#[derive(Debug)]
struct EmptyShelf;

impl Shelf for EmptyShelf {
    fn publish(&self, _: &SegmentName, _: &SegmentContent<'_>) -> io::Result<()> {
        Err(ErrorKind::Unsupported.into())
    }

    fn keep_deletion_time(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn settle(&self) -> io::Result<()> {
        Ok(())
    }

    fn declare(&self, _: &[SegmentName]) -> io::Result<()> {
        Ok(())
    }

    fn undeclare(&self) -> io::Result<()> {
        Ok(())
    }

    fn list(&self) -> io::Result<Vec<SegmentName>> {
        Ok(Vec::new())
    }

    fn open(&self, _: &SegmentName) -> io::Result<Box<dyn SegmentFile>> {
        Err(ErrorKind::NotFound.into())
    }

    fn path(&self, name: &SegmentName) -> PathBuf {
        PathBuf::from(name.file_name())
    }

    fn remove(&self, _: &SegmentName) -> io::Result<()> {
        Err(ErrorKind::NotFound.into())
    }

    fn put_snapshot(&self, _: SnapshotPlace, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn release(&self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn idle(&self) {}
}
