//! The writer thread: group commit.
//!
//! It takes everything that has queued and begins it as one batch, which on a disk is one vectored
//! write and one sync; when the medium confirms it, it is shown to readers and acknowledged. The
//! batch grows with the load: at low load an append costs one sync, at high load the disk's
//! bandwidth is the limit.

use crate::cell::chapter::Chapter;
use crate::cell::memtable::Memtable;
use crate::cell::queue::{Content, Submission};
use crate::cell::shared::Shared;
use crate::error::AppendError;
use crate::format::run::MemRun;
use crate::format::runs::{RunHead, Runs};
use crate::medium::journal::{Journal, JournalError, Room, deadline_now};
use anabranch_model::ShardKey;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Bytes that one write takes at most, so that early callers do not wait for late ones.
const BATCH_BYTES_MAX: u64 = 16 << 20;

/// Brings what is queued into the journal, and what is confirmed to readers.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    journal: Box<dyn Journal>,
    chapter: Arc<Chapter>,
    /// Taken from the queue, and not begun.
    taken: VecDeque<Submission>,
    /// Batches that were begun and are not confirmed, the oldest first.
    under_way: VecDeque<Vec<Submission>>,
    lacks: Lacks,
}

/// What there was no room for when it was last tried, if writes are refused for that.
#[derive(Debug, Default)]
struct Lacks {
    /// Commands may still have some, which says nothing of records.
    room_for_chapter: bool,
    room_for_batch: bool,
}

/// What is next when a turn is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another turn.
    Again,
    /// Another turn when something is queued or the medium has got on, or at this time.
    Wait(Option<Instant>),
    /// Nothing any more: the store is stopped, and everything that was queued is answered.
    Stop,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, journal: Box<dyn Journal>) -> Self {
        let chapter = shared.chapters.active();
        let (taken, under_way) = (VecDeque::new(), VecDeque::new());
        Self { shared, journal, chapter, taken, under_way, lacks: Lacks::default() }
    }

    /// Everything that is queued by then is done before it returns.
    pub(crate) fn write_until_stopped(mut self) {
        loop {
            match self.turn(deadline_now()) {
                Next::Again => {}
                Next::Wait(deadline) => self.shared.queue.wait(deadline),
                Next::Stop => return,
            }
        }
    }

    /// Does what there is to do at this time, without waiting for more.
    pub(crate) fn turn(&mut self, now: Instant) -> Next {
        self.publish_confirmed();
        self.take_queued();
        if self.begin_batches() {
            // What is due does not wait for the queue to be empty.
            self.meet_deadline(deadline_now());
            return Next::Again;
        }
        if self.taken.is_empty() && self.under_way.is_empty() {
            self.idle();
            if self.shared.queue.is_over() {
                self.finish();
                return Next::Stop;
            }
        }
        if self.meet_deadline(now) {
            return Next::Again;
        }
        Next::Wait(self.journal.deadline())
    }

    /// All that has queued, behind what could not be begun yet.
    fn take_queued(&mut self) {
        let queued = self.shared.queue.take();
        if self.taken.is_empty() {
            self.taken = queued.into();
        } else {
            self.taken.extend(queued);
        }
    }

    /// Begins as much as the medium takes. `false`: that is nothing.
    fn begin_batches(&mut self) -> bool {
        let mut has_begun = false;
        while let Some(first) = self.taken.front() {
            if self.shared.health.is_failed() {
                refuse(self.taken.drain(..), AppendError::Failed);
                return true;
            }
            if first.is_broken() {
                refuse(self.taken.pop_front(), AppendError::StorageFull);
                has_begun = true;
                continue;
            }
            if !self.journal.takes_more() {
                break;
            }
            let mut room = self.journal.room();
            let is_over = !room.takes(0, first);
            // What is confirmed later belongs to the chapter that is over.
            if is_over && !self.under_way.is_empty() {
                break;
            }
            has_begun = true;
            if is_over {
                if let Err(error) = self.begin_chapter() {
                    let first = self.taken.pop_front();
                    first.iter().for_each(Submission::break_succession);
                    refuse(first, error);
                    continue;
                }
                room = self.journal.room();
            }
            let batch = self.next_batch(room);
            self.begin_batch(batch);
        }
        has_begun
    }

    /// Begins the next chapter, for what was taken first.
    fn begin_chapter(&mut self) -> Result<(), AppendError> {
        let first = &self.taken[0];
        let first_index = first.start_index;
        if let Err(error) = self.journal.begin_chapter(first) {
            self.lacks.room_for_chapter = true;
            return Err(self.take_error(error));
        }
        self.lacks = Lacks::default();
        self.shared.health.set_full(false);
        let next = self.chapter.next(first_index);
        // The next one first: a reader that sees the end of this one finds where to go on.
        self.shared.chapters.push(next.clone());
        self.chapter.state.write().end_index = Some(first_index);
        self.chapter = next;
        self.shared.upkeep.request();
        Ok(())
    }

    /// What was taken first, and behind it as much as fits.
    fn next_batch(&mut self, room: Room) -> Vec<Submission> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(next) = self.taken.front() {
            let fits = room.takes(bytes, next) && bytes + next.frame_bytes <= BATCH_BYTES_MAX;
            if !batch.is_empty() && (!fits || next.is_broken()) {
                break;
            }
            bytes += next.frame_bytes;
            batch.extend(self.taken.pop_front());
        }
        batch
    }

    fn begin_batch(&mut self, mut batch: Vec<Submission>) {
        if self.shared.health.is_failed() {
            return refuse(batch, AppendError::Failed);
        }
        match self.journal.begin_batch(&mut batch) {
            Ok(()) => {
                if std::mem::take(&mut self.lacks.room_for_batch) {
                    self.shared.health.set_full(self.lacks.room_for_chapter);
                }
                self.under_way.push_back(batch);
                self.publish_confirmed();
            }
            Err(error) => {
                self.lacks.room_for_batch = true;
                let error = self.take_error(error);
                batch.iter().for_each(Submission::break_succession);
                refuse(batch, error);
            }
        }
    }

    /// A journal that failed has nothing under way, and is not asked again.
    fn publish_confirmed(&mut self) {
        if self.under_way.is_empty() {
            return;
        }
        match self.journal.confirmed() {
            Ok(batches) => (0..batches).for_each(|_| {
                let batch = self.under_way.pop_front().expect("only what was begun is confirmed");
                self.publish(batch);
            }),
            Err(error) => {
                self.take_error(error);
            }
        }
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
                    push_runs(memtable, runs, submission.start_index, submission.arrival_ms);
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

    /// Does what was promised for a deadline that has come. `false`: none has.
    fn meet_deadline(&mut self, now: Instant) -> bool {
        let is_due = self.journal.deadline().is_some_and(|deadline| deadline <= now);
        if is_due && let Err(error) = self.journal.on_deadline() {
            self.take_error(error);
        }
        is_due
    }

    fn idle(&mut self) {
        let next_index = self.shared.durable_index.load(Ordering::Acquire);
        if !self.shared.health.is_failed()
            && let Err(error) = self.journal.idle(next_index)
        {
            self.take_error(error);
        }
    }

    fn finish(&mut self) {
        let next_index = self.shared.durable_index.load(Ordering::Acquire);
        if !self.shared.health.is_failed()
            && let Err(error) = self.journal.finish(next_index)
        {
            self.take_error(error);
        }
    }

    /// What an error of the journal means for what was to be written.
    fn take_error(&mut self, error: JournalError) -> AppendError {
        match error {
            JournalError::Full(error) => {
                if !self.shared.health.set_full(true) {
                    tracing::error!(
                        %error,
                        directory = %self.shared.options.directory.display(),
                        "the journal cannot go on for now; writes are refused until it can: make room \
                         on the volume, or raise the limit of open files"
                    );
                }
                AppendError::StorageFull
            }
            JournalError::MemoryFull => {
                if !self.shared.health.set_full(true) {
                    let tail_cache_bytes = self.shared.options.tail_cache_bytes;
                    tracing::error!(
                        tail_cache_bytes,
                        "the memory for records is full; writes are refused until some expire; \
                         raise --tail-cache-bytes, or let the oldest ones go with --memory-full \
                         drop-oldest"
                    );
                }
                AppendError::MemoryFull
            }
            JournalError::Failed(error) => {
                self.fail(&error);
                AppendError::Failed
            }
        }
    }

    /// After a failed write or sync nobody knows what is on the disk: nothing is confirmed any
    /// more until recovery has read it.
    fn fail(&mut self, error: &io::Error) {
        tracing::error!(
            %error,
            directory = %self.shared.options.directory.display(),
            "writing the journal failed; writes are refused until the server is restarted"
        );
        self.shared.health.fail();
        self.shared.queue.stop(AppendError::Failed);
        self.under_way.drain(..).for_each(|batch| refuse(batch, AppendError::Failed));
    }
}

/// Puts runs into the memtable, their indices one after the other from `first_index` on.
fn push_runs(memtable: &mut Memtable, runs: Runs, mut first_index: u64, arrival_ms: u64) {
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

fn refuse(submissions: impl IntoIterator<Item = Submission>, error: AppendError) {
    submissions.into_iter().for_each(|submission| submission.caller.answer(Err(error)));
}
