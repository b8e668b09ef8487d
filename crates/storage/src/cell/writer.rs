//! The writer thread: group commit.
//!
//! It takes everything that has queued, writes it with one vectored write, makes it durable with
//! one sync, shows it to readers and acknowledges it. The batch grows with the load: at low load
//! an append costs one sync, at high load the disk's bandwidth is the limit.

use crate::cell::chapter::Chapter;
use crate::cell::memtable::Memtable;
use crate::cell::queue::{Content, Submission};
use crate::cell::shared::Shared;
use crate::error::AppendError;
use crate::format::frame::{FrameHeader, FrameKind};
use crate::format::journal_header::JournalHeader;
use crate::format::run::MemRun;
use crate::format::runs::{RunHead, Runs};
use crate::medium::disk::journal_file::JournalFile;
use crate::medium::disk::spare;
use crate::options::Durability;
use anabranch_model::ShardKey;
use std::io::{self, ErrorKind, IoSlice};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Bytes that one write takes at most, so that early callers do not wait for late ones.
const BATCH_BYTES_MAX: u64 = 16 << 20;
/// The end of a journal file that only commands may use, at most a 16th of it: when the volume is
/// full, streams can still be deleted and retention lowered, which makes room.
const COMMAND_RESERVE_BYTES: u64 = 256 << 10;

/// Why the next chapter could not be begun.
enum TurnError {
    /// There is no room, or none could be made; everything is as before and it may work later.
    NoRoom(io::Error),
    /// Nobody knows what is on the disk.
    Failed(io::Error),
}

impl From<io::Error> for TurnError {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}

/// The one that writes.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    /// `None` in durability `memory`.
    journal: Option<JournalFile>,
    chapter: Arc<Chapter>,
    /// In durability `interval`: when the oldest write that is not synced was made.
    unsynced_since: Option<Instant>,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, journal: Option<JournalFile>) -> Self {
        let chapter = shared.chapters.all().pop().expect("the active chapter is always there");
        Self { shared, journal, chapter, unsynced_since: None }
    }

    /// Writes until the store is stopped and everything queued is done.
    pub(crate) fn run(mut self) {
        while let Some(submissions) = self.next_batch() {
            self.commit_all(submissions);
        }
        self.end();
    }

    /// Writes what is queued, without the thread: for tests that decide who goes when.
    #[cfg(test)]
    pub(crate) fn step(&mut self) {
        let submissions = self.shared.queue.take();
        if !submissions.is_empty() {
            self.commit_all(submissions);
        }
    }

    /// What the thread does when nothing queues until the interval is over.
    #[cfg(test)]
    pub(crate) fn idle(&mut self) {
        if !self.shared.health.is_failed()
            && let Err(error) = self.sync()
        {
            self.fail(&error);
        }
        if !self.shared.health.is_failed() && self.wants_mark() {
            self.mark();
        }
    }

    /// What the thread does last.
    pub(crate) fn end(&mut self) {
        if !self.shared.health.is_failed()
            && let Err(error) = self.finish()
        {
            self.fail(&error);
        }
    }

    /// Waits for work. `None`: the store is stopped and the queue is empty.
    fn next_batch(&mut self) -> Option<Vec<Submission>> {
        loop {
            let submissions = self.shared.queue.take();
            if !submissions.is_empty() {
                return Some(submissions);
            }
            if self.wants_mark() && !self.shared.health.is_failed() {
                self.mark();
                continue;
            }
            if self.shared.queue.is_over() {
                return None;
            }
            if !self.shared.queue.wait(self.sync_deadline())
                && let Err(error) = self.sync()
            {
                self.fail(&error);
            }
        }
    }

    fn wants_mark(&self) -> bool {
        self.journal.as_ref().is_some_and(JournalFile::wants_mark)
    }

    /// Leaves the file so that the next process can tell damage from a torn tail.
    fn finish(&mut self) -> io::Result<()> {
        self.sync()?;
        let next_index = self.shared.durable_index.load(Ordering::Acquire);
        let Some(journal) = &mut self.journal else { return Ok(()) };
        if journal.wants_mark() {
            journal.mark(next_index)?;
        }
        journal.sync_mark()
    }

    /// With nothing to do, says what is durable so far.
    fn mark(&mut self) {
        let next_index = self.shared.durable_index.load(Ordering::Acquire);
        let marked = self.journal.as_mut().map_or(Ok(()), |journal| journal.mark(next_index));
        if let Err(error) = marked {
            self.fail(&error);
        }
    }

    fn sync_deadline(&self) -> Option<Instant> {
        match self.shared.options.durability {
            Durability::Interval(period) => self.unsynced_since.map(|since| since + period),
            Durability::Sync | Durability::Memory => None,
        }
    }

    fn commit_all(&mut self, submissions: Vec<Submission>) {
        let mut batch = Vec::new();
        let mut batch_bytes = 0;
        for submission in submissions {
            if self.shared.health.is_failed() {
                refuse(vec![submission], AppendError::Failed);
                continue;
            }
            if self.shared.queue.is_broken(&submission) {
                refuse(vec![submission], AppendError::StorageFull);
                continue;
            }
            let bytes = submission.frame_bytes;
            let fits = self.has_room(batch_bytes, &submission);
            if !batch.is_empty() && (!fits || batch_bytes + bytes > BATCH_BYTES_MAX) {
                self.commit(std::mem::take(&mut batch));
                batch_bytes = 0;
            }
            if !self.has_room(batch_bytes, &submission) && !self.make_room(&submission) {
                let failed = self.shared.health.is_failed();
                let error = if failed { AppendError::Failed } else { AppendError::StorageFull };
                if submission.is_command() {
                    self.shared.queue.break_succession();
                }
                refuse(vec![submission], error);
                continue;
            }
            batch_bytes += bytes;
            batch.push(submission);
        }
        if !batch.is_empty() {
            self.commit(batch);
        }
        if self.sync_deadline().is_some_and(|deadline| deadline <= Instant::now())
            && let Err(error) = self.sync()
        {
            self.fail(&error);
        }
    }

    /// Whether a submission fits behind `batch_bytes` that are to be written before.
    fn has_room(&self, batch_bytes: u64, submission: &Submission) -> bool {
        let bytes = batch_bytes + submission.frame_bytes;
        let is_command = submission.is_command();
        match &self.journal {
            Some(journal) if is_command => journal.has_room(bytes),
            Some(journal) => {
                let part = self.shared.options.journal_file_bytes / 16;
                journal.has_room(bytes + part.min(COMMAND_RESERVE_BYTES))
            }
            // Commands take no memory.
            None if is_command => true,
            None => {
                let state = self.chapter.state.read();
                let held = state.memtable.as_ref().map_or(0, Memtable::bytes);
                held == 0 || held + bytes <= self.shared.options.journal_file_bytes
            }
        }
    }

    /// Begins the next chapter. `false`: the submission has to be refused.
    fn make_room(&mut self, submission: &Submission) -> bool {
        if self.shared.health.is_failed() {
            return false;
        }
        let turned = match self.journal.take() {
            Some(journal) => self.turn_journal(journal, submission),
            None => self.turn_memory(submission),
        };
        match turned {
            Ok(()) => {
                self.shared.health.set_full(false);
                true
            }
            Err(TurnError::NoRoom(error)) => {
                if !self.shared.health.set_full(true) {
                    tracing::error!(
                        %error,
                        directory = %self.shared.options.directory.display(),
                        "no room for the next journal file; writes are refused until there is"
                    );
                }
                false
            }
            Err(TurnError::Failed(error)) => {
                self.fail(&error);
                false
            }
        }
    }

    /// Seals `journal` and begins the next file. A full volume leaves things as they were.
    fn turn_journal(
        &mut self,
        mut journal: JournalFile,
        submission: &Submission,
    ) -> Result<(), TurnError> {
        let shared = self.shared.clone();
        // Not later than promised, however long it waits.
        journal.sync()?;
        self.unsynced_since = None;
        let waited = self.wait_for_backlog().and_then(|()| self.wait_for_spare());
        let _sole = shared.spare.lock();
        if shared.health.is_failed() {
            return Err(io::Error::other("the journal's directory could not be synced").into());
        }
        let spare = waited.and_then(|()| {
            spare::prepare(&*shared.disk, &shared.layout, shared.options.journal_file_bytes)
        });
        let spare = match spare {
            Ok(spare) => spare,
            Err(error) => {
                self.journal = Some(journal);
                return Err(TurnError::NoRoom(error));
            }
        };
        // From here on every error is final: the file may be sealed.
        journal.seal(submission.start_index)?;
        let (start_index, arrival_ms) = (submission.start_index, submission.arrival_ms);
        let header = JournalHeader {
            acknowledges_early: shared.options.durability.acknowledges_early(),
            ..JournalHeader::new(journal.number + 1, start_index, arrival_ms)
        };
        self.journal = Some(JournalFile::begin(&*shared.disk, &shared.layout, &header, spare)?);
        self.turn_chapter(header.number, submission.start_index);
        Ok(())
    }

    fn turn_memory(&mut self, submission: &Submission) -> Result<(), TurnError> {
        let held = self.shared.chapters.memory_bytes();
        if held + submission.frame_bytes > self.shared.options.tail_cache_bytes {
            // Expired chapters may go now.
            self.request_maintenance();
            return Err(TurnError::NoRoom(ErrorKind::StorageFull.into()));
        }
        self.turn_chapter(self.chapter.number + 1, submission.start_index);
        Ok(())
    }

    fn turn_chapter(&mut self, number: u64, start_index: u64) {
        let next = Chapter::active(number, start_index);
        // The next one first: a reader that sees the end of this one finds where to go on.
        self.shared.chapters.push(next.clone());
        self.chapter.state.write().end_index = Some(start_index);
        self.chapter = next;
        self.request_maintenance();
    }

    fn request_maintenance(&self) {
        self.shared.upkeep.request();
    }

    /// Waits until maintenance has written enough segments for another chapter in memory.
    fn wait_for_backlog(&self) -> io::Result<()> {
        let backlog_max = self.shared.options.backlog_chapters_max();
        self.shared.upkeep.wait_while(|signals| {
            let is_behind = self.shared.chapters.backlog() + 1 > backlog_max;
            if is_behind && signals.is_stuck_or_over() {
                return Err(ErrorKind::StorageFull.into());
            }
            Ok(is_behind)
        })
    }

    /// Waits for the file of a chapter that is being retired, or one that is being made, unless
    /// there is a spare one: to make another takes longer, and takes the disk from them.
    fn wait_for_spare(&self) -> io::Result<()> {
        let shared = &*self.shared;
        let bytes = shared.options.journal_file_bytes;
        shared.upkeep.wait_while(|signals| {
            let waits = signals.makes_progress()
                && (signals.makes_spare || shared.chapters.is_any_due())
                && spare::count(&*shared.disk, &shared.layout, bytes)? == 0;
            if waits {
                shared.lacked_spare.store(true, Ordering::Relaxed);
            }
            Ok(waits)
        })
    }

    fn commit(&mut self, mut batch: Vec<Submission>) {
        if self.shared.health.is_failed() {
            return refuse(batch, AppendError::Failed);
        }
        if let Err(error) = self.write(&mut batch) {
            self.fail(&error);
            return refuse(batch, AppendError::Failed);
        }
        self.publish(batch);
    }

    /// Writes the batch's frames and makes them as durable as the setting asks.
    fn write(&mut self, batch: &mut [Submission]) -> io::Result<()> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let (file_id, durable_bytes) = (journal.file_id, journal.synced());
        let frames: Vec<Frames<'_>> =
            batch.iter_mut().map(|submission| submission.frames(file_id, durable_bytes)).collect();
        let mut slices: Vec<IoSlice<'_>> = frames
            .iter()
            .flat_map(|frames| [frames.command_header.as_slice(), frames.rest])
            .filter(|bytes| !bytes.is_empty())
            .map(IoSlice::new)
            .collect();
        journal.write(&mut slices)?;
        if self.shared.options.durability == Durability::Sync {
            journal.sync()?;
        } else {
            self.unsynced_since.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.unsynced_since = None;
        self.journal.as_mut().map_or(Ok(()), JournalFile::sync)
    }

    /// Shows a durable batch to readers, then acknowledges it.
    fn publish(&self, batch: Vec<Submission>) {
        let mut end_index = self.shared.durable_index.load(Ordering::Acquire);
        let mut callers = Vec::with_capacity(batch.len());
        let advancing = self.shared.tips.is_watched().then(|| shards(&batch));
        let mut state = self.chapter.state.write();
        for submission in batch {
            end_index = end_index.max(submission.end_index);
            state.last_ms = state.last_ms.max(submission.arrival_ms);
            match submission.content {
                Content::Runs(runs) => {
                    let memtable = state.memtable.as_mut().expect("the active one has it");
                    keep(memtable, runs, submission.start_index, submission.arrival_ms);
                }
                Content::Command { number, .. } => state.last_command = number,
            }
            callers.push(submission.caller);
        }
        drop(state);
        self.shared.durable_index.store(end_index, Ordering::Release);
        callers.into_iter().for_each(|caller| caller.answer(Ok(())));
        self.shared.tips.advanced(advancing);
    }

    /// After a failed write or sync nobody knows what is on the disk: nothing is confirmed any
    /// more until recovery has read it.
    fn fail(&self, error: &io::Error) {
        tracing::error!(
            %error,
            directory = %self.shared.options.directory.display(),
            "writing the journal failed; writes are refused until the server is restarted"
        );
        self.shared.health.fail();
        self.shared.queue.stop(AppendError::Failed);
    }
}

/// Puts runs into the memtable, their indices one after the other from `first_index` on.
fn keep(memtable: &mut Memtable, runs: Runs, mut first_index: u64, arrival_ms: u64) {
    let runs = runs.into_bodies().map(|(head, body)| {
        let RunHead { shard, count, body_crc, .. } = head;
        let run = MemRun { first_index, arrival_ms, count, body_crc, body };
        first_index += u64::from(count);
        (shard, run)
    });
    // Bodies are counted references, and each count waits for the memory that was written before:
    // with the table's in between, a request to many shards would miss the cache once after another.
    let runs: Vec<(ShardKey, MemRun)> = runs.collect();
    runs.iter().for_each(|(shard, _)| memtable.fetch(*shard));
    for (shard, run) in runs {
        memtable.push(shard, run);
    }
}

/// The shards that a batch has records of.
fn shards(batch: &[Submission]) -> Vec<ShardKey> {
    let heads = batch.iter().flat_map(|submission| match &submission.content {
        Content::Runs(runs) => runs.heads(),
        Content::Command { .. } => &[],
    });
    heads.map(|head| head.shard).collect()
}

fn refuse(batch: Vec<Submission>, error: AppendError) {
    for submission in batch {
        submission.caller.answer(Err(error));
    }
}

/// The frames of a submission. Those of runs are in one piece already.
struct Frames<'a> {
    command_header: Vec<u8>,
    rest: &'a [u8],
}

impl Submission {
    fn frames(&mut self, file_id: u64, durable_bytes: u64) -> Frames<'_> {
        let blank = FrameHeader {
            kind: FrameKind::Run,
            file_id,
            subject: 0,
            index: self.start_index,
            arrival_ms: self.arrival_ms,
            count: 0,
            body_len: 0,
            body_crc: 0,
            durable_bytes,
            continues: false,
        };
        match &mut self.content {
            Content::Runs(runs) => {
                let mut left = runs.heads().len();
                let mut next_index = self.start_index;
                let rest = runs.with_headers(|&RunHead { shard, count, body_len, body_crc }| {
                    let (subject, index) = (shard.0, next_index);
                    next_index += u64::from(count);
                    left -= 1;
                    let continues = left > 0;
                    FrameHeader { subject, index, count, body_len, body_crc, continues, ..blank }
                });
                Frames { command_header: Vec::new(), rest }
            }
            Content::Command { number, payload, payload_crc, .. } => {
                let header = FrameHeader {
                    kind: FrameKind::Command,
                    subject: *number,
                    body_len: u32::try_from(payload.len()).expect("a command is below 4 GiB"),
                    body_crc: *payload_crc,
                    ..blank
                };
                Frames { command_header: header.encode().to_vec(), rest: payload }
            }
        }
    }
}
