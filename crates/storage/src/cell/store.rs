//! The store: what the engine holds.

use crate::cell::deletion_time::held_ms;
use crate::cell::gate::Gate;
use crate::cell::health::StoreHealth;
use crate::cell::queue::{Appended, Caller, Succession, command_frame_bytes};
use crate::cell::read::{self, ReadError, ReadReply, ReadRequest};
use crate::cell::shared::Shared;
use crate::cell::tips::ShardTip;
use crate::error::AppendError;
use crate::format::runs::Runs;
use crate::options::Durability;
use anabranch_env::{ByteBudget, ByteShare, Clock, DiskLock};
use anabranch_model::ShardKey;
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The durable log of one cell.
///
/// Dropping it stops the threads after what is queued is written.
pub struct Store {
    shared: Arc<Shared>,
    /// Of the queue.
    room: ByteBudget,
    clock: Arc<dyn Clock>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Held as long as this process may write to the directory.
    lock: Mutex<Option<DiskLock>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

/// A command for which there is room in the queue.
#[derive(Debug)]
pub struct AdmittedCommand {
    payload: Bytes,
    room: ByteShare,
}

/// Tells when what was queued is durable.
#[derive(Debug)]
pub struct Confirmation(oneshot::Receiver<Result<(), AppendError>>);

impl Confirmation {
    /// Returns when it is durable. Confirmations are sent in the order of the
    /// journal.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn wait(self) -> Result<(), AppendError> {
        self.0.await.unwrap_or(Err(AppendError::Failed))
    }
}

impl Store {
    /// A store whose threads are not started yet.
    pub(crate) fn new(shared: Arc<Shared>, clock: Arc<dyn Clock>, lock: Option<DiskLock>) -> Self {
        Self {
            room: ByteBudget::new(shared.options.queue_bytes),
            shared,
            clock,
            threads: Mutex::new(Vec::new()),
            lock: Mutex::new(lock),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Takes a thread to wait for when the store shuts down.
    pub(crate) fn add_thread(&self, thread: JoinHandle<()>) {
        self.threads.lock().push(thread);
    }

    /// Appends runs as one unit and returns when they are durable. `gates` are those of the runs'
    /// shards, in order.
    ///
    /// Cancel safe in the sense that a dropped call leaves either all or nothing of them.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn append<'a>(
        &self,
        runs: Runs,
        gates: impl IntoIterator<Item = &'a Gate>,
    ) -> Result<Appended, AppendError> {
        let room = self.room_for(runs.frame_bytes()).await?;
        let (acknowledge, confirmed) = oneshot::channel();
        let caller = Caller { acknowledge, room };
        let appended = self.shared.queue.push_runs(runs, gates, self.now_ms(), caller)?;
        confirmed.await.unwrap_or(Err(AppendError::Failed))?;
        Ok(appended)
    }

    /// Waits for room for a command in the queue.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn admit_command(&self, payload: Bytes) -> Result<AdmittedCommand, AppendError> {
        let room = self.room_for(command_frame_bytes(&payload)).await?;
        Ok(AdmittedCommand { payload, room })
    }

    /// Queues a command, which gives it its place in the journal: before it is durable.
    /// `closing` gates are closed there. Whoever learns that it is not confirmed opens them again.
    ///
    /// # Errors
    /// See [`AppendError`]; gates are as they were. [`AppendError::StorageFull`] also when a command
    /// of its succession was refused before.
    pub fn queue_command(
        &self,
        AdmittedCommand { payload, room }: AdmittedCommand,
        closing: &[Arc<Gate>],
        succession: &Succession,
    ) -> Result<(Appended, Confirmation), AppendError> {
        let (acknowledge, confirmed) = oneshot::channel();
        let (caller, now_ms) = (Caller { acknowledge, room }, self.now_ms());
        let queue = &self.shared.queue;
        let appended = queue.push_command(payload, closing, succession, now_ms, caller)?;
        Ok((appended, Confirmation(confirmed)))
    }

    async fn room_for(&self, bytes: u64) -> Result<ByteShare, AppendError> {
        if let Some(room) = self.room.try_take(bytes) {
            return Ok(room);
        }
        let waited = timeout(self.shared.options.queue_patience, self.room.take(bytes)).await;
        waited.map_err(|_| AppendError::Overloaded)
    }

    /// Index that the next durable record will at least have: where LATEST is.
    #[must_use]
    pub fn durable_index(&self) -> u64 {
        self.shared.durable_index.load(Ordering::Acquire)
    }

    /// The cell's time in epoch milliseconds: the clock, but never before anything journaled. While
    /// the clock is, it goes on by itself.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.shared.queue.time().now_ms(&*self.clock)
    }

    /// When it is, as far as can be believed, epoch milliseconds: what can be read goes by it. A
    /// record that was dated ahead by a wrong clock hides no other.
    #[must_use]
    pub fn believed_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// What had expired by this time (epoch milliseconds) may be deleted.
    #[must_use]
    pub fn deletion_ms(&self) -> u64 {
        self.clock.deletion_ms()
    }

    /// How far deletion is behind the wall clock, in milliseconds, if it is held: because the machine
    /// was off, or its clock was set.
    #[must_use]
    pub fn deletion_held_ms(&self) -> Option<u64> {
        held_ms(&*self.clock)
    }

    /// The operator says that the wall clock is right, so that deletion goes on.
    pub fn resume_deletion(&self) {
        self.clock.believe_wall();
        self.shared.upkeep.request();
    }

    /// Tells of new durable records of a shard.
    #[must_use]
    pub fn watch_tip(&self, shard: ShardKey) -> ShardTip {
        self.shared.tips.watch(shard)
    }

    /// Wakes those who watch these shards, though no records came: there is something else to see.
    pub fn wake(&self, shards: Vec<ShardKey>) {
        self.shared.tips.advanced(Some(shards));
    }

    /// Whether a read from this index needs no disk.
    #[must_use]
    pub fn is_in_memory(&self, from_index: u64) -> bool {
        // Eviction goes from old to new: if this chapter is in memory, all later ones are.
        let chapter = self.shared.chapters.at_or_after(from_index);
        chapter.is_none_or(|chapter| chapter.state.read().memtable.is_some())
    }

    /// Reads durable records of one shard. Blocks on the disk unless [`Store::is_in_memory`].
    ///
    /// # Errors
    /// When a segment is damaged or cannot be read.
    pub fn read(&self, request: &ReadRequest) -> Result<ReadReply, ReadError> {
        read::read(&self.shared, request)
    }

    /// Whether the store takes writes.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        self.shared.health.state()
    }

    /// The durability in force.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.shared.options.durability
    }

    /// Wakes maintenance now instead of at its next turn.
    pub fn nudge_maintenance(&self) {
        self.shared.upkeep.request();
    }

    /// Has maintenance look at all that is due, and waits until it has. Blocks.
    pub fn maintain(&self) {
        self.shared.upkeep.make_turn();
    }

    /// Writes what is queued, syncs and stops. Later appends are refused.
    pub fn shut_down(&self) {
        self.shared.queue.stop(AppendError::ShuttingDown);
        self.shared.upkeep.stop();
        for thread in self.threads.lock().drain(..) {
            // A panic was reported by the thread itself.
            let _ = thread.join();
        }
        *self.lock.lock() = None;
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shut_down();
    }
}
