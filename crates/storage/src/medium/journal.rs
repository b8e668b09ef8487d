//! What the writer thread needs of a medium.

use crate::cell::queue::Submission;
use std::fmt::Debug;
use std::io::{self, ErrorKind};
use std::time::Instant;

/// Now, on the clock of deadlines: they wake a thread, and say nothing of what is stored.
#[expect(clippy::disallowed_methods, reason = "a thread waits in real time")]
pub(crate) fn deadline_now() -> Instant {
    Instant::now()
}

/// The end of a cell's log that is written to, chapter after chapter, batch after batch.
///
/// A batch is begun, and confirmed when it is as durable as the setting asks; several may be under
/// way at once. Batches are confirmed in the order in which they were begun, so that what is
/// confirmed is at every moment a prefix of the log. A batch is recovered as the requests in it,
/// each whole or not at all, and a later one only with all that were before it.
///
/// All calls come from one thread. None of them is for a record, and none but
/// [`Journal::begin_chapter`] and [`Journal::begin_batch`] may take long.
pub(crate) trait Journal: Debug + Send {
    /// What fits into the chapter behind all that was begun.
    fn room(&self) -> Room;

    /// Ends the chapter and begins the next one, with `first` at its start. Nothing is under way.
    /// It may wait for maintenance.
    fn begin_chapter(&mut self, first: &Submission) -> Result<(), JournalError>;

    /// Whether another batch may be begun before one is confirmed.
    fn takes_more(&self) -> bool;

    /// Begins to write a batch behind all that was begun. It fits, and it is there until it is
    /// confirmed or the journal has failed.
    fn begin_batch(&mut self, batch: &mut [Submission]) -> Result<(), JournalError>;

    /// How many more batches are confirmed, the oldest ones first. A medium that confirms one
    /// without having been asked calls [`wake`](crate::cell::queue::Queue::wake).
    fn confirmed(&mut self) -> Result<usize, JournalError>;

    /// When [`Journal::on_deadline`] must be called.
    fn deadline(&self) -> Option<Instant>;

    /// Does what was promised for the deadline.
    fn on_deadline(&mut self) -> Result<(), JournalError>;

    /// There is nothing to write for now: all is confirmed up to `next_index`.
    fn idle(&mut self, next_index: u64) -> Result<(), JournalError>;

    /// There will be nothing to write any more. Nothing is under way.
    fn finish(&mut self, next_index: u64) -> Result<(), JournalError>;
}

/// Bytes of frames that fit into a chapter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) records: u64,
    /// The rest is kept for them: when a volume is full, streams can still be deleted and retention
    /// lowered, which makes room.
    pub(crate) commands: u64,
}

impl Room {
    /// Whether a submission fits behind `queued` bytes that come before it.
    pub(crate) fn takes(&self, queued: u64, next: &Submission) -> bool {
        let bytes_max = if next.is_command() { self.commands } else { self.records };
        queued + next.frame_bytes <= bytes_max
    }
}

/// Why a journal does not go on.
///
/// A medium that several processes write to will have another reason: that the cell belongs to
/// another one now.
#[derive(Debug)]
pub(crate) enum JournalError {
    /// There is no room, or none could be made; everything is as before and it may work later.
    Full(io::Error),
    /// As [`JournalError::Full`], where records are kept in memory alone.
    MemoryFull,
    /// Nobody knows what was written: nothing is confirmed before recovery has read it.
    Failed(io::Error),
}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// What the operating system said, for whom no error is better than another.
impl From<JournalError> for io::Error {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Full(error) | JournalError::Failed(error) => error,
            JournalError::MemoryFull => ErrorKind::OutOfMemory.into(),
        }
    }
}
