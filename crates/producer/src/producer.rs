//! The producer: tasks, memory and futures around a pipeline for each stream.

use crate::inbox::{Arrived, Inbox, Then, Token, Waiting};
use crate::metrics::{Registry, Uploading};
use crate::pipeline::{Answer, Fact, Micros, Outcome, Pipeline, Reason, Step, Why};
use crate::receipt::Receipt;
use crate::record::{CLOSED, PutError, Record, Stored};
use crate::sdk::Sdk;
use crate::service::Service;
use crate::settings::Settings;
use crate::spool::{Settled, SpoolTrouble, Store};
use anabranch_client::Client;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::{Notify, Semaphore, TryAcquireError};
use tokio::task::JoinSet;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep_until, timeout};

/// A record is in the inbox for this part of the linger at most, and for no longer than this.
const INBOX_PART: Micros = 10;
const INBOX_MAX: Micros = 5_000;

/// Characters of a partition key.
const KEY_CHARACTERS_MAX: usize = 256;

/// Produces records to any number of streams. Clones are the same producer.
///
/// When the last clone is dropped, what was put is still sent, as long as the runtime lives; only
/// [`Producer::close`] says what became of it.
#[derive(Clone, Debug)]
pub struct Producer(Arc<Handle>);

/// A producer's way to one stream, for those who put very much: the stream is not looked up for each record.
///
/// As long as one is there, the producer is.
#[derive(Clone, Debug)]
pub struct StreamProducer {
    handle: Arc<Handle>,
    stream: Arc<Stream>,
}

/// Ends the streams' tasks when the last producer is gone.
#[derive(Debug)]
struct Handle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    service: Box<dyn Service>,
    settings: Settings,
    streams: Mutex<HashMap<Arc<str>, Arc<Stream>>>,
    /// Bytes of records without an outcome that are still free.
    room: Semaphore,
    started: Instant,
    is_closed: AtomicBool,
    /// Records go through it, if there is one.
    spool: Option<Arc<Store<Self>>>,
    /// Taken by itself.
    counted: Mutex<Registry>,
    /// The task that uploads what is counted, if there is one.
    uploading: Mutex<Option<Arc<Uploading>>>,
}

/// A stream that records were put to.
#[derive(Debug)]
struct Stream {
    name: Arc<str>,
    /// Taken after `state`, if both are.
    inbox: Mutex<Inbox>,
    state: Mutex<State>,
    /// There is something to do before the time that the task sleeps until.
    wake: Notify,
    /// All records have an outcome.
    idle: Notify,
}

#[derive(Debug)]
struct State {
    pipeline: Pipeline<Token>,
    /// Empty: the list that changes places with the inbox's.
    arrived: Arrived,
    /// Outcomes are being told.
    is_telling: bool,
    /// Why the newest answer is none.
    trouble: Option<Trouble>,
}

/// Why a record is not taken.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refused {
    /// The partition key is empty or too long.
    #[error("a partition key has 1 to {KEY_CHARACTERS_MAX} characters, not {characters}")]
    PartitionKey {
        /// How many it has.
        characters: usize,
    },
    /// It is larger than `max_user_record_size`.
    #[error("a record has {max} bytes at most with its partition key, not {bytes}")]
    TooLarge {
        /// Bytes of partition key and data.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// [`Producer::close`] was called.
    #[error("the producer is closed")]
    Closed,
    /// The spool does not keep it.
    #[error("the spool does not keep the record: {0}")]
    Spool(#[from] SpoolTrouble),
}

/// Why [`Producer::try_put`] does not take a record.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TryPutError {
    /// There is no room for it now: `buffer_max_bytes` are taken. The record is given back.
    #[error("the buffer is full")]
    Full(Box<Record>),
    /// It is never taken.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// A request that failed as a whole.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{code}: {message}")]
#[non_exhaustive]
pub struct Trouble {
    /// The service's code, or one of ours: `Unreachable`, `RequestTimeout`, `BrokenAnswer`,
    /// `NoCredentials`, `NotMade`.
    pub code: Box<str>,
    /// The service's words, or the errors on the way.
    pub message: Box<str>,
}

impl From<Reason> for Trouble {
    fn from(Reason { code, message }: Reason) -> Self {
        Self { code, message }
    }
}

/// Records had no outcome when the patience of [`Producer::close`] was over. Their receipts say so.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("{unsent} records were given up, {maybe_stored} of which may be stored")]
pub struct CloseError {
    /// How many.
    pub unsent: usize,
    /// Those of them that an attempt without an answer may have stored.
    pub maybe_stored: usize,
}

impl Producer {
    /// A producer that speaks to the service by this client. The client's retries are not used.
    ///
    /// # Panics
    /// If the settings have a spool: that is for [`Producer::open`]. Its other methods panic outside of a Tokio
    /// runtime.
    #[must_use]
    pub fn new(client: &Client, settings: Settings) -> Self {
        let sdk = Sdk::new(client, settings.request_timeout);
        Self::with(Box::new(sdk), settings)
    }

    pub(crate) fn with(service: Box<dyn Service>, settings: Settings) -> Self {
        assert!(settings.spool.is_none(), "a producer with a spool is opened");
        Self::having(service, settings, None)
    }

    fn having(
        service: Box<dyn Service>,
        settings: Settings,
        spool: Option<Arc<Store<Shared>>>,
    ) -> Self {
        let room = settings.buffer_max_bytes.clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Handle(Arc::new(Shared {
            service,
            streams: Mutex::default(),
            room: Semaphore::new(room),
            counted: Mutex::new(Registry::new(
                settings.metrics_level,
                settings.metrics_granularity,
                &settings.metrics_dimensions,
                settings.metrics_max_bytes,
            )),
            settings: Settings { buffer_max_bytes: room, ..settings },
            started: Instant::now(),
            is_closed: AtomicBool::new(false),
            uploading: Mutex::default(),
            spool,
        }))))
    }

    /// Asks for the shards of a stream now rather than with its first record, so that the first records are
    /// aggregated too. Nothing need wait for it, and nothing is lost if it fails.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// When the shards could not be listed. Until they can, records go one by one.
    pub async fn prepare(&self, stream: &str) -> Result<(), Trouble> {
        let shared = self.shared();
        let shards = shared.service.open_shards(stream).await?;
        let stream = shared.stream(stream);
        stream.state(shared).pipeline.on_shards(shards, shared.now());
        stream.wake.notify_one();
        Ok(())
    }

    /// Why the newest request for a stream failed as a whole; `None` if it did not. Its records are tried
    /// again all the same, as long as they may be.
    #[must_use]
    pub fn trouble(&self, stream: &str) -> Option<Trouble> {
        let stream = self.shared().streams.lock().get(stream).cloned()?;
        stream.state.lock().trouble.clone()
    }

    /// The way to a stream, by its name or ARN.
    #[must_use]
    pub fn stream(&self, stream: &str) -> StreamProducer {
        StreamProducer { handle: self.0.clone(), stream: self.shared().stream(stream) }
    }

    /// Takes a record for a stream, by its name or ARN; waits while the buffer is full. The receipt says
    /// where it is stored.
    ///
    /// With a spool it returns when the record is durable in it, and waits while the spool is full.
    ///
    /// Cancel safe: a record whose `put` was dropped before it returned was not taken. With a spool it may have
    /// been.
    ///
    /// # Errors
    /// When the record is not taken.
    pub async fn put(&self, stream: &str, record: Record) -> Result<Receipt, Refused> {
        let shared = self.shared();
        shared.put(stream, || shared.stream(stream), record).await
    }

    /// Takes a record if there is room for it. With a spool that is room in the spool, and the record becomes
    /// durable later, in turn: its receipt says if it does not ([`crate::PutErrorKind::NotSpooled`]).
    ///
    /// # Errors
    /// When the record is not taken, now or ever.
    pub fn try_put(&self, stream: &str, record: Record) -> Result<Receipt, TryPutError> {
        let shared = self.shared();
        shared.try_put(stream, || shared.stream(stream), record)
    }

    /// Sends what was put so far without waiting for more, and returns when there is an outcome of all
    /// records, those too that are put meanwhile.
    ///
    /// Cancel safe: what was put goes on without it.
    pub async fn flush(&self) {
        if let Some(spool) = &self.shared().spool {
            spool.until_handed_on().await;
        }
        self.hurry(None);
        for stream in self.shared().all() {
            stream.until_idle().await;
        }
    }

    /// Sends what was put so far, to this stream or to all, without waiting for more records. Does not
    /// wait for outcomes either, as [`Producer::flush`] does.
    pub fn hurry(&self, stream: Option<&str>) {
        let shared = self.shared();
        for known in shared.all() {
            if stream.is_none_or(|name| *name == *known.name) {
                known.flush(shared);
            }
        }
    }

    /// Takes no more records, sends those that are there, and waits so long for their outcomes. What is left of the time
    /// the last upload of metrics has, if there are uploads.
    ///
    /// Cancel safe: it may be called again, and goes on.
    ///
    /// # Errors
    /// When there were records without an outcome then. They are given up, and their receipts say so. With a
    /// spool they stay there.
    pub async fn close(&self, patience: Duration) -> Result<(), CloseError> {
        let shared = self.shared();
        let began = Instant::now();
        if let Some(spool) = &shared.spool {
            spool.close();
            let _ = timeout(patience, self.flush()).await;
            spool.stop();
            shared.end();
        } else {
            shared.end();
            let _ = timeout(patience, self.flush()).await;
        }
        let (mut unsent, mut maybe_stored) = (0, 0);
        for stream in shared.all() {
            let settled = {
                let mut state = stream.state(shared);
                let text = "the producer was closed before it was stored";
                let reason = Reason { code: CLOSED.into(), message: text.into() };
                // What had an outcome already is none of these.
                let before = state.pipeline.settled();
                state.pipeline.abandon(reason, shared.now());
                let given_up = state.pipeline.settled();
                unsent += given_up.len();
                let may_be = |outcome: &&Outcome<Token>| matches!(outcome, Outcome::Failed { user, .. } if user.may_be_stored());
                maybe_stored += given_up.iter().filter(may_be).count();
                [before, given_up]
            };
            settled.into_iter().for_each(|settled| shared.tell(settled));
            stream.wake.notify_one();
        }
        if let Some(spool) = &shared.spool {
            spool.finish(shared).await;
            unsent = usize::try_from(spool.status().records).unwrap_or(usize::MAX);
        }
        let uploading = shared.uploading.lock().clone();
        if let Some(uploading) = uploading {
            uploading.end();
            let left = patience.saturating_sub(began.elapsed());
            let _ = timeout(left, uploading.ended()).await;
        }
        if unsent == 0 { Ok(()) } else { Err(CloseError { unsent, maybe_stored }) }
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }
}

impl StreamProducer {
    /// As [`Producer::put`].
    ///
    /// Cancel safe: a record whose `put` was dropped before it returned was not taken.
    ///
    /// # Errors
    /// When the record is never taken.
    pub async fn put(&self, record: Record) -> Result<Receipt, Refused> {
        self.handle.0.put(&self.stream.name, || self.stream.clone(), record).await
    }

    /// As [`Producer::try_put`].
    ///
    /// # Errors
    /// When the record is not taken, now or ever.
    pub fn try_put(&self, record: Record) -> Result<Receipt, TryPutError> {
        self.handle.0.try_put(&self.stream.name, || self.stream.clone(), record)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Some(spool) = &self.0.spool {
            spool.close();
            spool.stop();
        }
        self.0.end();
        for stream in self.0.all() {
            stream.flush(&self.0);
        }
        if let Some(uploading) = &*self.0.uploading.lock() {
            uploading.end();
        }
    }
}

impl Shared {
    fn now(&self) -> Micros {
        Micros::try_from(self.started.elapsed().as_micros()).unwrap_or(Micros::MAX)
    }

    fn at(&self, time: Micros) -> Instant {
        self.started + Duration::from_micros(time)
    }

    fn all(&self) -> Vec<Arc<Stream>> {
        self.streams.lock().values().cloned().collect()
    }

    /// What a record is charged.
    fn check(&self, record: &Record) -> Result<u32, Refused> {
        let key = &record.partition_key;
        // As many bytes have no fewer characters.
        if key.is_empty() || key.len() > KEY_CHARACTERS_MAX {
            let characters = key.chars().count();
            if !(1..=KEY_CHARACTERS_MAX).contains(&characters) {
                return Err(Refused::PartitionKey { characters });
            }
        }
        let (bytes, max) = (record.size(), self.settings.max_user_record_size);
        if bytes > max {
            return Err(Refused::TooLarge { bytes, max });
        }
        Ok(self.charge_of(bytes))
    }

    fn charge_of(&self, bytes: usize) -> u32 {
        // One that is larger than the whole buffer has it for itself.
        let charge = (bytes + Settings::RECORD_OVERHEAD_BYTES).min(self.settings.buffer_max_bytes);
        u32::try_from(charge).unwrap_or(u32::MAX)
    }

    /// `stream` is of this name. It is made for a record that is taken alone.
    async fn put(
        self: &Arc<Self>,
        name: &str,
        stream: impl FnOnce() -> Arc<Stream>,
        record: Record,
    ) -> Result<Receipt, Refused> {
        let charge = self.check(&record)?;
        if let Some(spool) = &self.spool {
            return self.put_spooled(spool, name, record, charge).await;
        }
        // Who puts for ever lets others work, the stream's task among them.
        consume_budget().await;
        match self.room.try_acquire_many(charge) {
            Ok(permit) => permit.forget(),
            Err(TryAcquireError::NoPermits) => {
                // Closed only when the producer is.
                let permit = self.room.acquire_many(charge).await;
                permit.map_err(|_| Refused::Closed)?.forget();
            }
            Err(TryAcquireError::Closed) => return Err(Refused::Closed),
        }
        self.take(&stream(), record, charge)
    }

    fn try_put(
        self: &Arc<Self>,
        name: &str,
        stream: impl FnOnce() -> Arc<Stream>,
        record: Record,
    ) -> Result<Receipt, TryPutError> {
        let charge = self.check(&record)?;
        if let Some(spool) = &self.spool {
            return self.try_put_spooled(spool, name, record, charge);
        }
        match self.room.try_acquire_many(charge) {
            Ok(permit) => permit.forget(),
            Err(TryAcquireError::NoPermits) => return Err(TryPutError::Full(Box::new(record))),
            Err(TryAcquireError::Closed) => return Err(Refused::Closed.into()),
        }
        Ok(self.take(&stream(), record, charge)?)
    }

    /// Takes a record that has its room.
    fn take(&self, stream: &Stream, record: Record, charge: u32) -> Result<Receipt, Refused> {
        let pushed = stream.inbox.lock().push(record, charge, || self.now());
        let Ok((receipt, then)) = pushed else {
            self.room.add_permits(charge as usize);
            return Err(Refused::Closed);
        };
        stream.follow(then, self);
        Ok(receipt)
    }

    /// Takes a record of the spool that has its room. If nothing is taken any more, it stays there.
    fn take_spooled(self: &Arc<Self>, stream: &str, waiting: Waiting) {
        let stream = self.stream(stream);
        let pushed = stream.inbox.lock().push_waiting(waiting, || self.now());
        match pushed {
            Ok(then) => stream.follow(then, self),
            Err(waiting) => {
                let Waiting { token, may_be_stored, .. } = *waiting;
                self.room.add_permits(token.ticket.charge as usize);
                let told = token.ticket.tell(Err(PutError::gone(may_be_stored)));
                told.into_iter().for_each(Waker::wake);
            }
        }
    }

    fn stream(self: &Arc<Self>, name: &str) -> Arc<Stream> {
        let mut streams = self.streams.lock();
        if let Some(stream) = streams.get(name) {
            return stream.clone();
        }
        let name: Arc<str> = name.into();
        let rules = self.settings.rules(rand::random());
        let mut inbox = Inbox::new((rules.linger / INBOX_PART).min(INBOX_MAX));
        if self.is_closed.load(Ordering::Acquire) {
            inbox.close();
        }
        let stream = Arc::new(Stream {
            name: name.clone(),
            inbox: Mutex::new(inbox),
            state: Mutex::new(State {
                pipeline: Pipeline::new(rules),
                arrived: Arrived::default(),
                is_telling: false,
                trouble: None,
            }),
            wake: Notify::new(),
            idle: Notify::new(),
        });
        #[expect(
            clippy::disallowed_methods,
            reason = "it ends with the last record of the producer"
        )]
        tokio::spawn(run(self.clone(), stream.clone()));
        streams.insert(name, stream.clone());
        stream
    }

    /// Takes no more records.
    fn end(&self) {
        let streams = self.streams.lock();
        self.is_closed.store(true, Ordering::Release);
        self.room.close();
        for stream in streams.values() {
            stream.inbox.lock().close();
            stream.wake.notify_one();
        }
    }

    /// Tells the owners what became of their records.
    fn tell(self: &Arc<Self>, settled: Vec<Outcome<Token>>) {
        let (mut charges, mut spooled) = (0, Settled::default());
        let mut wakers: Vec<Waker> = Vec::new();
        let mut tell = |token: Token, is_done: bool, result| {
            charges += token.ticket.charge as usize;
            if let Some(id) = token.spooled.filter(|_| is_done) {
                spooled.note(*id, &result);
            }
            wakers.extend(token.ticket.tell(result));
        };
        for outcome in settled {
            match outcome {
                Outcome::Stored { at, users } => {
                    for (place, user) in users.into_iter().enumerate() {
                        let place = place as u32;
                        let stored = Stored::new(at.clone(), place, user.arrived, user.past);
                        tell(user.token, true, Ok(stored));
                    }
                }
                Outcome::Failed { why, user } => {
                    let error = PutError::new(why, user.past.as_deref());
                    // What was given up stays in the spool.
                    tell(user.token, why != Why::Abandoned, Err(error));
                }
            }
        }
        // Nobody is woken for one record while the next ones are told.
        wakers.into_iter().for_each(Waker::wake);
        self.settle_spooled(spooled);
        self.room.add_permits(charges);
    }
}

impl State {
    /// What was put before. Returns the time of that.
    fn take_in(&mut self, inbox: &Mutex<Inbox>, shared: &Shared) -> Micros {
        let Self { pipeline, arrived, .. } = self;
        inbox.lock().take(arrived);
        let (since, now) = (arrived.since, shared.now());
        for given in arrived.drain() {
            pipeline.put(given, since, now);
        }
        arrived.shrink();
        now
    }

    /// What has happened, and how many records have no outcome.
    fn told(&mut self) -> (Vec<Fact>, usize) {
        (self.pipeline.facts(), self.pipeline.pending())
    }

    /// Whether all records that it knows have an outcome that their owners have been told.
    fn is_idle(&self) -> bool {
        self.pipeline.pending() == 0 && !self.is_telling && !self.pipeline.has_settled()
    }
}

impl Stream {
    /// The state, with all that was put before.
    fn state(&self, shared: &Shared) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        state.take_in(&self.inbox, shared);
        state
    }

    /// Does what is to be done after a record was put.
    fn follow(&self, then: Then, shared: &Shared) {
        match then {
            Then::Nothing => {}
            Then::Wake => self.wake.notify_one(),
            Then::Empty => self.try_empty_inbox(shared),
        }
    }

    /// Does the task's work on the records that are here, if nobody is at it: who has put them has them at hand
    /// still.
    fn try_empty_inbox(&self, shared: &Shared) {
        let Some(mut state) = self.state.try_lock() else {
            // Who is at it need not see the newest.
            if self.inbox.lock().wakes_for_records() {
                self.wake.notify_one();
            }
            return;
        };
        let now = state.take_in(&self.inbox, shared);
        let at = state.pipeline.wake_at(now);
        drop(state);
        if self.inbox.lock().wakes_for_work(at.unwrap_or(Micros::MAX)) {
            self.wake.notify_one();
        }
    }

    fn flush(&self, shared: &Shared) {
        self.state(shared).pipeline.flush(shared.now());
        self.inbox.lock().wake();
        self.wake.notify_one();
    }

    async fn until_idle(&self) {
        loop {
            let idle = self.idle.notified();
            tokio::pin!(idle);
            // Before it is looked at, so that nothing is missed.
            idle.as_mut().enable();
            if self.is_idle() {
                return;
            }
            idle.await;
        }
    }

    fn is_idle(&self) -> bool {
        let state = self.state.lock();
        state.is_idle() && self.inbox.lock().is_empty()
    }
}

/// What a stream's task does next.
enum Next {
    Do(Step),
    End,
}

/// Gives up what is there when a stream's task ends before its records: with the runtime, or in a panic.
struct GivingUp {
    shared: Arc<Shared>,
    stream: Arc<Stream>,
}

impl Drop for GivingUp {
    fn drop(&mut self) {
        self.stream.inbox.lock().close();
        let mut state = self.stream.state(&self.shared);
        let text = "the producer's runtime has ended";
        let reason = Reason { code: CLOSED.into(), message: text.into() };
        state.pipeline.abandon(reason, self.shared.now());
        let settled = state.pipeline.settled();
        state.is_telling = false;
        drop(state);
        self.shared.tell(settled);
        self.stream.idle.notify_waiters();
    }
}

/// The task of a stream: does what its pipeline says.
async fn run(shared: Arc<Shared>, stream: Arc<Stream>) {
    let _giving_up = GivingUp { shared: shared.clone(), stream: stream.clone() };
    let mut under_way = JoinSet::new();
    loop {
        let (next, settled, told) = {
            let mut state = stream.state(&shared);
            let step = state.pipeline.step(shared.now());
            let told = state.told();
            let settled = state.pipeline.settled();
            state.is_telling = !settled.is_empty();
            let inbox = stream.inbox.lock();
            let is_over = inbox.is_closed() && inbox.is_empty() && state.pipeline.pending() == 0;
            (if is_over { Next::End } else { Next::Do(step) }, settled, told)
        };
        shared.count(&stream.name, told);
        if !settled.is_empty() {
            shared.tell(settled);
            stream.state.lock().is_telling = false;
        }
        if stream.is_idle() {
            stream.idle.notify_waiters();
        }
        match next {
            Next::End => return,
            Next::Do(Step::Send(outgoing)) => {
                let (shared, stream) = (shared.clone(), stream.clone());
                under_way.spawn(async move {
                    let answer = shared.service.put_records(&stream.name, outgoing.records).await;
                    let now = shared.now();
                    let mut state = stream.state.lock();
                    state.trouble = match &answer {
                        Answer::Records(_) => None,
                        Answer::Failed(failure) => Some(failure.reason.clone().into()),
                    };
                    state.pipeline.on_answer(outgoing.id, answer, now);
                    drop(state);
                    stream.wake.notify_one();
                });
            }
            Next::Do(Step::ListShards) => {
                let (shared, stream) = (shared.clone(), stream.clone());
                under_way.spawn(async move {
                    let answer = shared.service.open_shards(&stream.name).await;
                    let now = shared.now();
                    match answer {
                        Ok(shards) => stream.state.lock().pipeline.on_shards(shards, now),
                        Err(reason) => {
                            tracing::warn!(
                                stream = &*stream.name,
                                %reason,
                                "the shards could not be listed: records go one by one"
                            );
                            stream.state.lock().pipeline.on_shards_failed(now);
                        }
                    }
                    stream.wake.notify_one();
                });
            }
            Next::Do(Step::Wait(at)) => {
                let at = stream.inbox.lock().sleep(at.unwrap_or(Micros::MAX));
                if at <= shared.now() {
                    // Records came meanwhile that wait for nothing; a timer would round their time up.
                    stream.inbox.lock().wake();
                    tokio::task::yield_now().await;
                    continue;
                }
                let until = async {
                    match at {
                        Micros::MAX => std::future::pending().await,
                        at => sleep_until(shared.at(at)).await,
                    }
                };
                tokio::select! {
                    () = stream.wake.notified() => {}
                    () = until => {}
                }
                stream.inbox.lock().wake();
                // The results of tasks are told by themselves; this only forgets them.
                while under_way.try_join_next().is_some() {}
            }
        }
    }
}

mod counted;
mod spooled;
#[cfg(test)]
mod upload_tests;

#[cfg(test)]
mod tests;
