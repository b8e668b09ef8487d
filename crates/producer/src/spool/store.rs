//! What the callers of a spool, the one that writes and the one that reads back share.

use super::error::{Damage, SpoolError, SpoolTrouble};
use super::files::Files;
use super::format::{
    DATA_BYTES_MAX, FILE_HEADER_BYTES, HEAD_BYTES, KEY_BYTES_MAX, SEGMENT_BYTES_MAX,
    STREAM_BYTES_MAX, SpoolRecord,
};
use super::ledger::{Ledger, RecordId, SEGMENT_OVERHEAD_BYTES, charge_of};
use super::opening::open;
use super::settings::{LOCK, Spool, SpoolStatus};
use anabranch_env::Disk;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::fmt::Debug;
use std::future::Future;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, TryAcquireError, oneshot, watch};
use tokio::time::timeout;

/// Bytes of records that are on their way to the disk at most; one that is larger goes alone.
pub(super) const WRITING_BYTES_MAX: usize = 4 << 20;
/// Space comes back segment by segment: there are at least so many.
const SEGMENTS_MIN: u64 = 16;
const SEGMENT_BYTES_MIN: u64 = 16 << 10;
/// Tickets are looked through when there are so many, and then when there are twice as many as were left.
const SWEPT_AT_MIN: usize = 1_024;
/// How often a caller that waits for fewer tickets looks.
const TICKETS_PERIOD: Duration = Duration::from_secs(1);
/// Parts that cannot be read of which the place is kept.
const DAMAGE_MAX: usize = 100;

/// Where records go from the spool.
pub(crate) trait Outlet: Debug + Send + Sync + 'static {
    /// By what the caller knows a record.
    type Ticket: Debug + Send + 'static;

    /// Takes a record over. Room was taken for it. Must not wait, nor call the store.
    fn take(self: &Arc<Self>, spooled: Spooled<Self::Ticket>);

    /// Waits for room for a record and takes it. `None`: nothing is taken any more. Cancel safe.
    fn room<'a>(
        &'a self,
        record: &SpoolRecord,
    ) -> Pin<Box<dyn Future<Output = Option<u32>> + Send + 'a>>;

    /// Room that was taken is not needed.
    fn give_back(&self, room: u32);

    /// Whether somebody waits for the record's outcome.
    fn is_wanted(ticket: &Self::Ticket) -> bool;

    /// The spool could not keep the record.
    fn refuse(&self, ticket: Self::Ticket, trouble: SpoolTrouble);

    /// The record stays in the spool for the next process.
    fn leave(&self, ticket: Self::Ticket);
}

/// A record that is durable.
#[derive(Debug)]
pub(crate) struct Spooled<T> {
    pub(crate) id: RecordId,
    pub(crate) record: SpoolRecord,
    /// `None`: nobody waits for its outcome.
    pub(crate) ticket: Option<T>,
    pub(crate) room: u32,
    /// An earlier process had it, and may have sent it.
    pub(crate) is_found: bool,
}

/// A record that is to be made durable.
#[derive(Debug)]
pub(crate) struct Append<T> {
    pub(crate) record: SpoolRecord,
    pub(crate) ticket: T,
    /// Room that was taken for it; `None`: there was none, and it stays on the disk alone.
    pub(crate) room: Option<u32>,
    /// Who waits until it is durable. If nobody does any more, it is not written.
    pub(crate) accepted: Option<oneshot::Sender<Result<(), SpoolTrouble>>>,
    /// What it takes.
    pub(crate) admission: Admission,
}

/// Records that have an outcome.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    pub(crate) stored: Vec<RecordId>,
    /// How many of `stored` may be stored twice.
    pub(crate) maybe_twice: u64,
    pub(crate) failed: Vec<RecordId>,
    /// Why the first of `failed` did.
    pub(crate) failure: Option<Box<str>>,
}

/// What a record takes of the bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Admission {
    pub(super) space: u32,
    pub(super) writing: u32,
}

#[derive(Debug)]
pub(crate) struct Store<O: Outlet> {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) directory: PathBuf,
    pub(super) segment_bytes: u64,
    tickets_max: usize,
    runtime: Handle,
    /// Bytes on the disk that are free.
    space: Semaphore,
    /// Callers that wait for space.
    waiting: AtomicUsize,
    /// Bytes on their way to the disk that are free.
    writing: Semaphore,
    pub(super) state: Mutex<State<O::Ticket>>,
    /// Of whoever writes, for as long as it does.
    pub(super) files: Mutex<Files>,
    /// There is something to be read back.
    pub(super) wake: Notify,
    /// Something came to an end.
    pub(super) quiet: Notify,
    stop: watch::Sender<bool>,
}

#[derive(Debug)]
pub(super) struct State<T> {
    pub(super) queue: VecDeque<Append<T>>,
    /// Somebody writes, and will look at the queue again.
    pub(super) is_working: bool,
    pub(super) ledger: Ledger,
    /// From here on records are on the disk alone. `None`: there is no such record.
    pub(super) from: Option<Place>,
    /// Those of records on the disk alone.
    pub(super) tickets: HashMap<RecordId, T>,
    swept_at: usize,
    /// Bytes that were taken though they were not free.
    debt: u64,
    is_closed: bool,
    pub(super) has_failed: bool,
    found: u64,
    stored: u64,
    found_stored: u64,
    maybe_twice: u64,
    failed: u64,
    failure: Option<Box<str>>,
    damage: Vec<Damage>,
}

/// A place in the order of all records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) offset: u64,
    pub(super) index: u32,
}

/// A caller that waits for space.
struct WaitingForSpace<'a>(&'a AtomicUsize);

impl Drop for WaitingForSpace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl<O: Outlet> Store<O> {
    /// Opens a spool for records of so many bytes at most, key and data. There may be so many tickets of
    /// records on the disk alone.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        spool: &Spool,
        record_bytes_max: usize,
        tickets_max: usize,
    ) -> Result<Arc<Self>, SpoolError> {
        let directory = spool.directory.clone();
        let largest = HEAD_BYTES + STREAM_BYTES_MAX + record_bytes_max;
        let min = u64::from(charge_of(largest)) + SEGMENT_OVERHEAD_BYTES;
        if spool.max_bytes < min {
            return Err(SpoolError::TooSmall { max_bytes: spool.max_bytes, min });
        }
        let io = SpoolError::io(&directory);
        disk.create_dir_all(&directory).map_err(&io)?;
        let lock = disk.lock(&directory.join(LOCK)).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => SpoolError::InUse { path: directory.clone() },
            _ => io(error),
        })?;
        // The name of the directory itself.
        let parent = anabranch_env::files::directory_of(&directory);
        disk.sync_dir(parent).map_err(&io)?;
        let opened = open(&*disk, &directory)?;
        let (found, charged) = (opened.ledger.unsettled(), opened.ledger.charged());
        let first = opened.ledger.at_or_after(0).map(|segment| segment.name.number);
        let store = Arc::new(Self {
            disk,
            directory,
            segment_bytes: (spool.max_bytes / SEGMENTS_MIN)
                .clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX),
            tickets_max,
            runtime: Handle::current(),
            space: Semaphore::new(permits(spool.max_bytes)),
            waiting: AtomicUsize::new(0),
            writing: Semaphore::new(WRITING_BYTES_MAX),
            files: Mutex::new(Files::new(lock, opened.next_number)),
            state: Mutex::new(State {
                queue: VecDeque::new(),
                is_working: false,
                ledger: opened.ledger,
                from: first.map(|segment| Place { segment, offset: 0, index: 0 }),
                tickets: HashMap::new(),
                swept_at: SWEPT_AT_MIN,
                debt: 0,
                is_closed: false,
                has_failed: false,
                found,
                stored: 0,
                found_stored: 0,
                maybe_twice: 0,
                failed: 0,
                failure: None,
                damage: Vec::new(),
            }),
            wake: Notify::new(),
            quiet: Notify::new(),
            stop: watch::Sender::new(false),
        });
        store.charge(&mut store.state.lock(), charged);
        if found > 0 {
            tracing::info!(
                found,
                directory = %store.directory.display(),
                "the spool has records without an outcome: they are sent again"
            );
        }
        Ok(store)
    }

    /// Whether a spool can keep the record, whatever is free.
    pub(crate) fn check(record: &SpoolRecord) -> Result<(), SpoolTrouble> {
        debug_assert!(record.partition_key.len() <= KEY_BYTES_MAX);
        debug_assert!(record.data.len() <= DATA_BYTES_MAX);
        match (1..=STREAM_BYTES_MAX).contains(&record.stream.len()) {
            true => Ok(()),
            false => Err(SpoolTrouble::StreamName),
        }
    }

    /// Waits for space for a record and takes it. `None`: the spool is closed. Cancel safe.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        outlet: &Arc<O>,
        record: &SpoolRecord,
    ) -> Option<Admission> {
        while self.has_too_many_tickets() {
            if self.space.is_closed() {
                return None;
            }
            // Nobody says when a ticket is not wanted any more.
            let _ = timeout(TICKETS_PERIOD, self.quiet.notified()).await;
        }
        let admission = Self::admission(record);
        let space = match self.space.try_acquire_many(admission.space) {
            Ok(space) => space,
            Err(TryAcquireError::Closed) => return None,
            Err(TryAcquireError::NoPermits) => {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                let _waiting = WaitingForSpace(&self.waiting);
                self.kick(&mut self.state.lock(), outlet);
                self.space.acquire_many(admission.space).await.ok()?
            }
        };
        let writing = self.writing.acquire_many(admission.writing).await.ok()?;
        space.forget();
        writing.forget();
        Some(admission)
    }

    /// Takes space for a record if there is some. `Ok(None)`: there is none now. `Err`: the spool is closed.
    pub(crate) fn try_admit(
        self: &Arc<Self>,
        outlet: &Arc<O>,
        record: &SpoolRecord,
    ) -> Result<Option<Admission>, ()> {
        if self.has_too_many_tickets() {
            return Ok(None);
        }
        let admission = Self::admission(record);
        let space = match self.space.try_acquire_many(admission.space) {
            Ok(space) => space,
            Err(TryAcquireError::Closed) => return Err(()),
            Err(TryAcquireError::NoPermits) => {
                self.waiting.fetch_add(1, Ordering::SeqCst);
                let _waiting = WaitingForSpace(&self.waiting);
                self.kick(&mut self.state.lock(), outlet);
                return Ok(None);
            }
        };
        let writing = match self.writing.try_acquire_many(admission.writing) {
            Ok(writing) => writing,
            Err(TryAcquireError::Closed) => return Err(()),
            Err(TryAcquireError::NoPermits) => return Ok(None),
        };
        space.forget();
        writing.forget();
        Ok(Some(admission))
    }

    fn admission(record: &SpoolRecord) -> Admission {
        let bytes = record.frame_bytes();
        let writing = bytes.min(WRITING_BYTES_MAX);
        Admission { space: charge_of(bytes), writing: u32::try_from(writing).unwrap_or(u32::MAX) }
    }

    /// Queues a record that was admitted. What is appended first is handed on first.
    pub(crate) fn append(self: &Arc<Self>, outlet: &Arc<O>, append: Append<O::Ticket>) {
        let mut state = self.state.lock();
        if state.has_failed {
            drop(state);
            return self.refuse(&**outlet, append, SpoolTrouble::Failed);
        }
        state.queue.push_back(append);
        self.kick(&mut state, outlet);
    }

    /// These have an outcome. Each is told once.
    pub(crate) fn settle(self: &Arc<Self>, outlet: &Arc<O>, settled: Settled) {
        let Settled { stored, maybe_twice, failed, failure } = settled;
        if stored.is_empty() && failed.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        state.found_stored += state.ledger.settle(&stored);
        state.ledger.settle(&failed);
        state.stored += stored.len() as u64;
        state.maybe_twice += maybe_twice;
        state.failed += failed.len() as u64;
        state.failure = state.failure.take().or(failure);
        self.kick(&mut state, outlet);
    }

    /// Takes nothing more. What was appended is still written.
    pub(crate) fn close(&self) {
        self.state.lock().is_closed = true;
        self.space.close();
        self.writing.close();
    }

    /// Hands nothing more on.
    pub(crate) fn stop(&self) {
        // Whoever hands something on holds this.
        let _state = self.state.lock();
        self.stop.send_replace(true);
    }

    pub(super) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    pub(super) async fn stopped(&self) {
        // The sender is here.
        let _ = self.stop.subscribe().wait_for(|is_stopped| *is_stopped).await;
    }

    /// Returns when everything that was appended is handed on, or nothing is any more. Cancel safe.
    pub(crate) async fn until_handed_on(&self) {
        loop {
            let quiet = self.quiet.notified();
            tokio::pin!(quiet);
            quiet.as_mut().enable();
            {
                let state = self.state.lock();
                let is_done = state.from.is_none() || self.is_stopped();
                if is_done && !state.is_working {
                    return;
                }
            }
            tokio::select! {
                () = quiet => {}
                () = self.stopped(), if !self.is_stopped() => {}
            }
        }
    }

    /// Writes what there is to write and lets go of the directory. Nothing is taken or handed on any more.
    pub(crate) async fn finish(self: &Arc<Self>, outlet: &Arc<O>) {
        self.close();
        self.stop();
        self.until_handed_on().await;
        let store = self.clone();
        let written = self.runtime.spawn_blocking(move || store.end()).await;
        if let Err(error) = written {
            tracing::warn!(%error, "the spool was not ended: it is as after a crash");
        }
        let tickets = std::mem::take(&mut self.state.lock().tickets);
        tickets.into_values().for_each(|ticket| outlet.leave(ticket));
        self.quiet.notify_waiters();
    }

    pub(crate) fn status(&self) -> SpoolStatus {
        let state = self.state.lock();
        SpoolStatus {
            found: state.found,
            records: state.ledger.unsettled(),
            stored: state.stored,
            found_stored: state.found_stored,
            maybe_twice: state.maybe_twice,
            failed: state.failed,
            failure: state.failure.clone(),
            bytes: state.ledger.charged(),
            has_failed: state.has_failed,
            damage: state.damage.clone(),
        }
    }

    /// Has somebody write if there is something to write.
    pub(super) fn kick(self: &Arc<Self>, state: &mut State<O::Ticket>, outlet: &Arc<O>) {
        if !state.is_working {
            state.is_working = true;
            let (store, outlet) = (self.clone(), outlet.clone());
            self.runtime.spawn_blocking(move || store.work(&outlet));
        }
    }

    /// Whether somebody waits for space.
    pub(super) fn wants_space(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// What a record was to take is not taken.
    pub(super) fn take_back(&self, admission: Admission) {
        self.release(&mut self.state.lock(), u64::from(admission.space));
        self.writing.add_permits(admission.writing as usize);
    }

    /// Records have come to the disk.
    pub(super) fn arrived(&self, writing: usize) {
        self.writing.add_permits(writing);
    }

    /// Tells that a record is not kept.
    pub(super) fn refuse(&self, outlet: &O, append: Append<O::Ticket>, trouble: SpoolTrouble) {
        self.take_back(append.admission);
        if let Some(room) = append.room {
            outlet.give_back(room);
        }
        match append.accepted {
            // Its caller need not look at two places.
            Some(accepted) => {
                let _ = accepted.send(Err(trouble));
            }
            None => outlet.refuse(append.ticket, trouble),
        }
    }

    /// Takes space whether it is there or not.
    pub(super) fn charge(&self, state: &mut State<O::Ticket>, bytes: u64) {
        let taken = self.space.forget_permits(permits(bytes));
        state.debt += bytes - taken as u64;
    }

    pub(super) fn release(&self, state: &mut State<O::Ticket>, bytes: u64) {
        let paid = state.debt.min(bytes);
        state.debt -= paid;
        self.space.add_permits(permits(bytes - paid));
    }

    /// Notes what cannot be read, and says so.
    pub(super) fn note(&self, state: &mut State<O::Ticket>, damage: Damage) {
        tracing::error!(
            path = %damage.path.display(),
            offset = damage.offset,
            bytes = damage.bytes,
            "a part of the spool cannot be read: its records are lost"
        );
        if state.damage.len() < DAMAGE_MAX {
            state.damage.push(damage);
        }
    }

    fn has_too_many_tickets(&self) -> bool {
        let mut state = self.state.lock();
        if state.tickets.len() < self.tickets_max {
            return false;
        }
        state.tickets.retain(|_, ticket| O::is_wanted(ticket));
        state.tickets.len() >= self.tickets_max
    }

    /// A record stays on the disk alone.
    pub(super) fn spill(
        state: &mut State<O::Ticket>,
        id: RecordId,
        offset: u64,
        ticket: O::Ticket,
    ) {
        let place = Place { segment: id.segment, offset, index: id.index };
        state.from.get_or_insert(place);
        if state.tickets.len() >= state.swept_at {
            state.tickets.retain(|_, ticket| O::is_wanted(ticket));
            state.swept_at = (2 * state.tickets.len()).max(SWEPT_AT_MIN);
        }
        if O::is_wanted(&ticket) {
            state.tickets.insert(id, ticket);
        }
    }
}

/// Bytes as a semaphore counts them.
fn permits(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS)
}

const _: () = assert!(SEGMENT_BYTES_MIN > (FILE_HEADER_BYTES + HEAD_BYTES) as u64);
