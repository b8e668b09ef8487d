//! The store: what the engine holds.

use crate::chapter::Chapters;
use crate::error::{AppendError, OpenError};
use crate::format::layout::Layout;
use crate::format::runs::Runs;
use crate::format::segment::SegmentCache;
use crate::host::Host;
use crate::maintenance;
use crate::medium::disk::recovery;
use crate::options::{Durability, StoreOptions};
use crate::read::{self, ReadError, ReadReply, ReadRequest};
use crate::recovered::Recovered;
use crate::tips::{ShardTip, Tips};
use crate::writer;
use anabranch_env::{Clock, Disk};
use anabranch_model::ShardKey;
use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Lets records of one shard into the journal until it is closed.
///
/// It is checked under the lock that assigns indices, so after a command that closed it no
/// record of the shard follows in the journal.
#[derive(Debug, Default)]
pub struct Gate(AtomicBool);

impl Gate {
    /// A gate that is already closed.
    #[must_use]
    pub fn closed() -> Self {
        Self(AtomicBool::new(true))
    }

    /// Whether the gate is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Opens the gate again, when the command that closed it was not confirmed.
    pub fn reopen(&self) {
        self.0.store(false, Ordering::Release);
    }
}

/// A confirmed append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Index of the first record of each run; of a command, the cell's next index at its place.
    pub first_indices: Vec<u64>,
    /// Arrival time of all of it, epoch milliseconds.
    pub arrival_ms: u64,
    /// Number of the command; 0 for runs.
    pub command: u64,
}

/// Whether the store takes writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreHealth {
    /// All is well.
    Writable,
    /// The volume is full; reads work.
    Full,
    /// A write or sync failed; reads work, a restart is needed.
    Failed,
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
    },
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
    pub(crate) acknowledge: oneshot::Sender<Result<(), AppendError>>,
    /// Room in the queue, given back when the submission is done.
    pub(crate) _room: Option<OwnedSemaphorePermit>,
}

/// The queue and the counters under its lock.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) submissions: Vec<Submission>,
    pub(crate) next_index: u64,
    pub(crate) next_command: u64,
    pub(crate) last_ms: u64,
    /// Set once no more is taken.
    pub(crate) stopped: Option<AppendError>,
}

/// What the threads and the callers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: StoreOptions,
    pub(crate) layout: Layout,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) queue: Mutex<Queue>,
    pub(crate) queue_filled: Condvar,
    pub(crate) chapters: Chapters,
    pub(crate) segment_cache: SegmentCache,
    /// Every record below is durable and readable.
    pub(crate) durable_index: AtomicU64,
    /// Who waits for records of which shard.
    pub(crate) tips: Arc<Tips>,
    /// Highest arrival time assigned so far.
    pub(crate) last_ms: AtomicU64,
    pub(crate) full: AtomicBool,
    pub(crate) failed: AtomicBool,
    /// Number of the last command in a snapshot that is surely durable.
    pub(crate) covered_command: Mutex<Option<u64>>,
    /// Held while the next journal file is prepared or used, or a retired one kept.
    pub(crate) spare: Mutex<()>,
    /// The writer had to wait for a spare journal file since maintenance last made one.
    pub(crate) lacked_spare: AtomicBool,
    pub(crate) maintenance: Mutex<maintenance::Signals>,
    pub(crate) maintenance_wanted: Condvar,
    pub(crate) maintenance_progress: Condvar,
}

/// The durable log of one cell.
///
/// Dropping it stops the threads after what is queued is written.
pub struct Store {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    journal: Mutex<Option<crate::medium::disk::journal_file::JournalFile>>,
    /// Held as long as this process may write to the directory.
    lock: Mutex<Option<Box<dyn Send + Sync>>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

/// The queue is measured in units of this many bytes.
const ROOM_UNIT: u64 = 1024;

impl Store {
    /// Opens the directory, recovers what is in it and starts nothing yet (see [`Store::start`]).
    ///
    /// # Errors
    /// When the directory is locked, damaged, of another format or cannot be read.
    pub fn open(
        options: StoreOptions,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Recovered), OpenError> {
        let layout = Layout::new(&options.directory);
        let opened = recovery::open(&options, &layout, &*disk)?;
        let queue = Queue {
            submissions: Vec::new(),
            next_index: opened.next_index,
            next_command: opened.next_command,
            last_ms: opened.last_ms,
            stopped: None,
        };
        let room = usize::try_from(options.queue_bytes / ROOM_UNIT).unwrap_or(usize::MAX);
        let shared = Arc::new(Shared {
            layout,
            disk,
            queue: Mutex::new(queue),
            queue_filled: Condvar::new(),
            chapters: Chapters::new(opened.chapters),
            segment_cache: SegmentCache::default(),
            durable_index: AtomicU64::new(opened.next_index),
            tips: Arc::default(),
            last_ms: AtomicU64::new(opened.last_ms),
            full: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            covered_command: Mutex::new(opened.covered_command),
            spare: Mutex::new(()),
            lacked_spare: AtomicBool::new(false),
            maintenance: Mutex::new(maintenance::Signals::default()),
            maintenance_wanted: Condvar::new(),
            maintenance_progress: Condvar::new(),
            options,
        });
        let store = Self {
            shared,
            room: Arc::new(Semaphore::new(room.clamp(1, Semaphore::MAX_PERMITS))),
            clock,
            threads: Mutex::new(Vec::new()),
            journal: Mutex::new(opened.journal),
            lock: Mutex::new(opened.lock),
        };
        Ok((store, opened.recovered))
    }

    /// Starts writing and maintenance. Appends made before wait.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(&self, host: Arc<dyn Host>) -> std::io::Result<()> {
        let journal = self.journal.lock().take();
        let (shared, clock) = (self.shared.clone(), self.clock.clone());
        let writer = spawn("journal", move || writer::run(&shared, journal))?;
        let shared = self.shared.clone();
        let maintenance = spawn("maintenance", move || maintenance::run(&shared, &*host, &*clock))?;
        self.threads.lock().extend([writer, maintenance]);
        Ok(())
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
        let appended = self.enqueue_runs(runs, gates, room, acknowledge)?;
        confirmed.await.unwrap_or(Err(AppendError::Failed))?;
        Ok(appended)
    }

    /// Appends a command and returns when it is durable.
    ///
    /// `closing` gates are closed at the command's place in the journal: the returned index is
    /// above that of every record behind them. When the append fails they are open again.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub async fn append_command(
        &self,
        payload: Bytes,
        closing: &[Arc<Gate>],
    ) -> Result<Appended, AppendError> {
        let bytes = frame_bytes(&payload);
        let room = self.room_for(bytes).await?;
        let (acknowledge, confirmed) = oneshot::channel();
        let appended = self.enqueue_command(payload, closing, room, acknowledge)?;
        match confirmed.await.unwrap_or(Err(AppendError::Failed)) {
            Ok(()) => Ok(appended),
            Err(error) => {
                closing.iter().for_each(|gate| gate.reopen());
                Err(error)
            }
        }
    }

    async fn room_for(&self, bytes: u64) -> Result<OwnedSemaphorePermit, AppendError> {
        let units = bytes.div_ceil(ROOM_UNIT).min(self.shared.options.queue_bytes / ROOM_UNIT);
        let units = u32::try_from(units.max(1)).unwrap_or(u32::MAX);
        if let Ok(permit) = self.room.clone().try_acquire_many_owned(units) {
            return Ok(permit);
        }
        let patience = self.shared.options.queue_patience;
        match tokio::time::timeout(patience, self.room.clone().acquire_many_owned(units)).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(AppendError::ShuttingDown),
            Err(_) => Err(AppendError::Overloaded),
        }
    }

    fn enqueue_runs<'a>(
        &self,
        runs: Runs,
        gates: impl IntoIterator<Item = &'a Gate>,
        room: OwnedSemaphorePermit,
        acknowledge: oneshot::Sender<Result<(), AppendError>>,
    ) -> Result<Appended, AppendError> {
        let now_ms = self.clock.now_ms();
        let mut first_indices = Vec::with_capacity(runs.heads().len());
        let mut queue = self.shared.queue.lock();
        if let Some(error) = queue.stopped {
            return Err(error);
        }
        let mut gates = gates.into_iter();
        for head in runs.heads() {
            if gates.next().expect("a gate for each run").is_closed() {
                return Err(AppendError::Closed(head.shard));
            }
        }
        let arrival_ms = queue.arrival(now_ms);
        self.shared.last_ms.store(arrival_ms, Ordering::Release);
        let start_index = queue.next_index;
        for head in runs.heads() {
            first_indices.push(queue.next_index);
            queue.next_index += u64::from(head.count);
        }
        let end_index = queue.next_index;
        queue.submissions.push(Submission {
            frame_bytes: runs.frame_bytes(),
            content: Content::Runs(runs),
            arrival_ms,
            start_index,
            end_index,
            acknowledge,
            _room: Some(room),
        });
        drop(queue);
        self.shared.queue_filled.notify_one();
        Ok(Appended { first_indices, arrival_ms, command: 0 })
    }

    fn enqueue_command(
        &self,
        payload: Bytes,
        closing: &[Arc<Gate>],
        room: OwnedSemaphorePermit,
        acknowledge: oneshot::Sender<Result<(), AppendError>>,
    ) -> Result<Appended, AppendError> {
        let now_ms = self.clock.now_ms();
        let payload_crc = crc32fast::hash(&payload);
        let frame_bytes = frame_bytes(&payload);
        let mut queue = self.shared.queue.lock();
        if let Some(error) = queue.stopped {
            return Err(error);
        }
        let arrival_ms = queue.arrival(now_ms);
        self.shared.last_ms.store(arrival_ms, Ordering::Release);
        let (number, index) = (queue.next_command, queue.next_index);
        queue.next_command += 1;
        closing.iter().for_each(|gate| gate.0.store(true, Ordering::Release));
        queue.submissions.push(Submission {
            content: Content::Command { number, payload, payload_crc },
            frame_bytes,
            arrival_ms,
            start_index: index,
            end_index: index,
            acknowledge,
            _room: Some(room),
        });
        drop(queue);
        self.shared.queue_filled.notify_one();
        Ok(Appended { first_indices: vec![index], arrival_ms, command: number })
    }

    /// Index that the next durable record will at least have: where LATEST is.
    #[must_use]
    pub fn durable_index(&self) -> u64 {
        self.shared.durable_index.load(Ordering::Acquire)
    }

    /// The cell's time in epoch milliseconds: the clock, but never before anything journaled.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms().max(self.shared.last_ms.load(Ordering::Acquire))
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
        if self.shared.failed.load(Ordering::Acquire) {
            StoreHealth::Failed
        } else if self.shared.full.load(Ordering::Acquire) {
            StoreHealth::Full
        } else {
            StoreHealth::Writable
        }
    }

    /// The durability in force.
    #[must_use]
    pub fn durability(&self) -> Durability {
        self.shared.options.durability
    }

    /// Wakes maintenance now instead of at its next turn.
    pub fn nudge_maintenance(&self) {
        self.shared.maintenance.lock().wanted = true;
        self.shared.maintenance_wanted.notify_one();
    }

    /// Writes what is queued, syncs and stops. Later appends are refused.
    pub fn shut_down(&self) {
        self.shared.queue.lock().stopped.get_or_insert(AppendError::ShuttingDown);
        self.shared.queue_filled.notify_one();
        self.shared.maintenance.lock().stop = true;
        self.shared.maintenance_wanted.notify_one();
        self.shared.maintenance_progress.notify_all();
        for thread in self.threads.lock().drain(..) {
            // A panic was reported by the thread itself.
            let _ = thread.join();
        }
        *self.lock.lock() = None;
    }
}

#[cfg(test)]
impl Store {
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// For tests that do the threads' work themselves instead of calling [`Store::start`].
    pub(crate) fn take_apart(
        &self,
    ) -> (Arc<Shared>, Option<crate::medium::disk::journal_file::JournalFile>) {
        (self.shared.clone(), self.journal.lock().take())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shut_down();
    }
}

impl Queue {
    /// Arrival time of what is queued now: the clock, but never before anything earlier.
    fn arrival(&mut self, now_ms: u64) -> u64 {
        self.last_ms = self.last_ms.max(now_ms);
        self.last_ms
    }
}

/// Starts a thread that callers wait for.
fn spawn(
    name: &'static str,
    work: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        if let Err(error) = anabranch_env::ask_for_short_slices() {
            tracing::debug!(%error, name, "a thread may wait longer for a processor");
        }
        abort_on_panic(work);
    })
}

/// A broken invariant in storage must not leave callers waiting, or worse, go on: the process
/// ends, and recovery starts from what is on the disk. The panic itself was reported before.
fn abort_on_panic(work: impl FnOnce()) {
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
        std::process::abort();
    }
}

fn frame_bytes(body: &Bytes) -> u64 {
    crate::format::frame::FRAME_HEADER_BYTES as u64 + body.len() as u64
}
