//! The queue of a cell, where everything that is appended gets its place in the one order.

use crate::cell::cell_time::CellTime;
use crate::cell::gate::Gate;
use crate::error::AppendError;
use crate::format::frame::FRAME_HEADER_BYTES;
use crate::format::runs::Runs;
use anabranch_env::ByteShare;
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::sync::oneshot;

/// The place of an append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Index of the first record of each run; of a command, the cell's next index at its place.
    pub first_indices: Vec<u64>,
    /// Arrival time of all of it, epoch milliseconds.
    pub arrival_ms: u64,
    /// Number of the command; 0 for runs.
    pub command: u64,
}

/// Commands of one succession build on one another: each was decided in the belief that all before it
/// will be stored. When one is refused for want of room, so are all that follow it, and no others.
#[derive(Clone, Debug, Default)]
pub struct Succession {
    is_broken: Arc<AtomicBool>,
}

impl Succession {
    fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Acquire)
    }
}

/// What to write.
#[derive(Debug)]
pub(crate) enum Content {
    /// Their indices follow one another from the submission's first one on.
    Runs(Runs),
    Command {
        number: u64,
        payload: Bytes,
        payload_crc: u32,
        succession: Succession,
    },
}

/// Who waits for an append to be confirmed, and the room that it takes until then.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) acknowledge: oneshot::Sender<Result<(), AppendError>>,
    pub(crate) room: ByteShare,
}

impl Caller {
    /// The caller may have gone: what was written is stored all the same.
    pub(crate) fn answer(self, outcome: Result<(), AppendError>) {
        drop(self.room);
        let _ = self.acknowledge.send(outcome);
    }
}

/// What one append queued, with its place already assigned; written, confirmed or refused as a
/// whole.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) content: Content,
    pub(crate) frame_bytes: u64,
    pub(crate) arrival_ms: u64,
    /// The cell's next index before and after.
    pub(crate) start_index: u64,
    pub(crate) end_index: u64,
    pub(crate) caller: Caller,
}

impl Submission {
    pub(crate) fn is_command(&self) -> bool {
        matches!(self.content, Content::Command { .. })
    }

    /// Has the commands refused that follow this one, if it is one.
    pub(crate) fn break_succession(&self) {
        if let Content::Command { succession, .. } = &self.content {
            succession.is_broken.store(true, Ordering::Release);
        }
    }

    /// Whether it is a command that follows one that was refused.
    pub(crate) fn is_broken(&self) -> bool {
        match &self.content {
            Content::Runs(_) => false,
            Content::Command { succession, .. } => succession.is_broken(),
        }
    }
}

/// What is waiting for the writer.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    /// Arrival times are assigned under the lock, and the time is read without it.
    time: CellTime,
}

#[derive(Debug, Default)]
struct State {
    submissions: Vec<Submission>,
    next_index: u64,
    next_command: u64,
    /// Set once no more is taken.
    stopped: Option<AppendError>,
    /// The writer is to look around, whether something is queued or not.
    is_woken: bool,
}

impl Queue {
    /// Says what the next place is.
    pub(crate) fn begin_at(&self, next_index: u64, next_command: u64, last_ms: u64) {
        let mut state = self.state.lock();
        (state.next_index, state.next_command) = (next_index, next_command);
        self.time.begin_at(last_ms);
    }

    /// Says that commands up to this one have been, whether they are found or not.
    pub(crate) fn skip_commands_through(&self, number: u64) {
        let mut state = self.state.lock();
        state.next_command = state.next_command.max(number + 1);
    }

    /// Queues runs behind everything else, unless one of their gates is closed. `gates` are those
    /// of the runs' shards, in order.
    pub(crate) fn push_runs<'a>(
        &self,
        runs: Runs,
        gates: impl IntoIterator<Item = &'a Gate>,
        now_ms: u64,
        caller: Caller,
    ) -> Result<Appended, AppendError> {
        let mut first_indices = Vec::with_capacity(runs.heads().len());
        let mut state = self.state.lock();
        if let Some(error) = state.stopped {
            return Err(error);
        }
        let mut gates = gates.into_iter();
        for head in runs.heads() {
            if gates.next().expect("a gate for each run").is_closed() {
                return Err(AppendError::Closed(head.shard));
            }
        }
        let arrival_ms = self.time.arrive(now_ms);
        let start_index = state.next_index;
        for head in runs.heads() {
            first_indices.push(state.next_index);
            state.next_index += u64::from(head.count);
        }
        let end_index = state.next_index;
        state.submissions.push(Submission {
            frame_bytes: runs.frame_bytes(),
            content: Content::Runs(runs),
            arrival_ms,
            start_index,
            end_index,
            caller,
        });
        drop(state);
        self.filled.notify_one();
        Ok(Appended { first_indices, arrival_ms, command: 0 })
    }

    /// Queues a command behind everything else and closes gates at its place.
    pub(crate) fn push_command(
        &self,
        payload: Bytes,
        closing: &[Arc<Gate>],
        succession: &Succession,
        now_ms: u64,
        caller: Caller,
    ) -> Result<Appended, AppendError> {
        let payload_crc = crc32fast::hash(&payload);
        let frame_bytes = command_frame_bytes(&payload);
        let mut state = self.state.lock();
        if let Some(error) = state.stopped {
            return Err(error);
        }
        if succession.is_broken() {
            return Err(AppendError::StorageFull);
        }
        let arrival_ms = self.time.arrive(now_ms);
        let (number, index) = (state.next_command, state.next_index);
        state.next_command += 1;
        closing.iter().for_each(|gate| gate.close());
        state.submissions.push(Submission {
            content: Content::Command {
                number,
                payload,
                payload_crc,
                succession: succession.clone(),
            },
            frame_bytes,
            arrival_ms,
            start_index: index,
            end_index: index,
            caller,
        });
        drop(state);
        self.filled.notify_one();
        Ok(Appended { first_indices: vec![index], arrival_ms, command: number })
    }

    /// The cell's time.
    pub(crate) fn time(&self) -> &CellTime {
        &self.time
    }

    /// The cell's next index, and the highest arrival time before it.
    pub(crate) fn position(&self) -> (u64, u64) {
        let state = self.state.lock();
        (state.next_index, self.time.last_ms())
    }

    /// All that is queued.
    pub(crate) fn take(&self) -> Vec<Submission> {
        std::mem::take(&mut self.state.lock().submissions)
    }

    /// Refuses what comes from now on. That the journal failed is said also of a store that closes.
    pub(crate) fn stop(&self, error: AppendError) {
        let mut state = self.state.lock();
        if state.stopped != Some(AppendError::Failed) {
            state.stopped = Some(error);
        }
        drop(state);
        self.wake();
    }

    /// Ends the writer's waiting, now or as soon as it waits again.
    pub(crate) fn wake(&self) {
        self.state.lock().is_woken = true;
        self.filled.notify_one();
    }

    /// Whether nothing is queued and nothing will be.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.state.lock();
        state.stopped.is_some() && state.submissions.is_empty()
    }

    /// Waits until something is queued or [`Queue::wake`] is called, up to the deadline.
    pub(crate) fn wait(&self, deadline: Option<Instant>) {
        let mut state = self.state.lock();
        while state.submissions.is_empty() && !std::mem::take(&mut state.is_woken) {
            match deadline {
                None => self.filled.wait(&mut state),
                Some(deadline) if self.filled.wait_until(&mut state, deadline).timed_out() => {
                    return;
                }
                Some(_) => {}
            }
        }
    }
}

/// Bytes of a command's frame.
pub(crate) fn command_frame_bytes(payload: &Bytes) -> u64 {
    FRAME_HEADER_BYTES as u64 + payload.len() as u64
}
