//! The journal of a data directory: one file after the other.

use crate::cell::queue::Submission;
use crate::format::journal_header::JournalHeader;
use crate::medium::disk::directory::Directory;
use crate::medium::disk::journal_file::JournalFile;
use crate::medium::disk::spare;
use crate::medium::frames::Frames;
use crate::medium::journal::{Journal, JournalError, Room, deadline_now};
use crate::options::Durability;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::Instant;

/// The end of a journal file that only commands may use, at most a 16th of it.
const COMMAND_RESERVE_BYTES: u64 = 256 << 10;

/// The journal of a data directory. A batch is written and synced before anything else is done.
#[derive(Debug)]
pub(crate) struct DiskJournal {
    directory: Arc<Directory>,
    file: JournalFile,
    /// In durability `interval`: when the oldest write that is not synced was made.
    unsynced_since: Option<Instant>,
    /// Batches that were written, and not told of as confirmed.
    written: usize,
}

impl DiskJournal {
    pub(crate) fn new(directory: Arc<Directory>, file: JournalFile) -> Self {
        Self { directory, file, unsynced_since: None, written: 0 }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.unsynced_since = None;
        self.file.sync()
    }
}

impl Journal for DiskJournal {
    fn room(&self) -> Room {
        let commands = self.file.room();
        let reserve = (self.directory.options.journal_file_bytes / 16).min(COMMAND_RESERVE_BYTES);
        Room { records: commands.saturating_sub(reserve), commands }
    }

    /// Seals the file and begins the next one. A full volume leaves things as they were.
    fn begin_chapter(&mut self, first: &Submission) -> Result<(), JournalError> {
        // Not later than promised, however long it waits.
        self.sync()?;
        let Directory { options, layout, disk, common, spares, .. } = &*self.directory;
        let waited = common
            .wait_for_backlog(options.backlog_chapters_max())
            .and_then(|()| self.directory.wait_for_spare());
        let _sole = spares.sole.lock();
        if common.health.is_failed() {
            return Err(io::Error::other("the journal's directory could not be synced").into());
        }
        self.directory.check_lock()?;
        let spare =
            waited.and_then(|()| spare::prepare(&**disk, layout, options.journal_file_bytes));
        let spare = spare.map_err(JournalError::Full)?;
        let header = JournalHeader {
            acknowledges_early: options.durability.acknowledges_early(),
            ..JournalHeader::new(&**disk, self.file.number + 1, first.start_index, first.arrival_ms)
        };
        // First what may want for room: a sealed file takes no more, whatever there is behind it.
        let next = JournalFile::nameless(&header, spare)?;
        self.file.seal(first.start_index)?;
        next.put_in_place(&**disk, layout)?;
        self.file = next;
        Ok(())
    }

    fn takes_more(&self) -> bool {
        true
    }

    /// Writes the batch's frames and makes them as durable as the setting asks.
    fn begin_batch(&mut self, batch: &mut [Submission]) -> Result<(), JournalError> {
        let (file_id, durable_bytes) = (self.file.file_id, self.file.synced());
        let first_index = batch.first().map_or(0, |first| first.start_index);
        let frames: Vec<Frames<'_>> = batch
            .iter_mut()
            .map(|submission| Frames::of(submission, file_id, durable_bytes))
            .collect();
        let mut slices: Vec<IoSlice<'_>> = frames.iter().flat_map(Frames::slices).collect();
        self.file.write(&mut slices, first_index)?;
        if self.directory.options.durability == Durability::Sync {
            self.file.sync()?;
        } else {
            self.unsynced_since.get_or_insert_with(deadline_now);
        }
        // Whoever may have taken the directory over since has found what is durable by now.
        self.directory.check_lock()?;
        self.written += 1;
        Ok(())
    }

    fn confirmed(&mut self) -> Result<usize, JournalError> {
        Ok(std::mem::take(&mut self.written))
    }

    fn deadline(&self) -> Option<Instant> {
        let Durability::Interval(period) = self.directory.options.durability else { return None };
        self.unsynced_since.map(|since| since + period)
    }

    fn on_deadline(&mut self) -> Result<(), JournalError> {
        Ok(self.sync()?)
    }

    /// Says what is durable so far.
    fn idle(&mut self, next_index: u64) -> Result<(), JournalError> {
        if self.file.wants_mark() {
            self.file.mark(next_index)?;
        }
        Ok(())
    }

    /// Leaves the file so that the next process can tell damage from a torn tail.
    fn finish(&mut self, next_index: u64) -> Result<(), JournalError> {
        self.sync()?;
        self.idle(next_index)?;
        Ok(self.file.sync_mark()?)
    }
}
