//! A store without threads: what the writer and maintenance do happens when the test says so.

use crate::cell::maintenance::Maintenance;
use crate::cell::shared::Shared;
use crate::cell::upkeep::Turn;
use crate::cell::writer::{Next, Writer};
use crate::tests::support::append_command;
use crate::{AppendError, Appended, Gate, Host, OpenError, Recovered, Runs, Store, StoreOptions};
use anabranch_env::{Clock, FakeDisk, ManualClock};
use bytes::Bytes;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Requests that one batch takes at most: so many chapters may be in memory only.
pub(super) const BATCH_MAX: usize = 3;

/// Half of what is over when nothing has queued for an interval, whatever it is.
const HOUR: Duration = Duration::from_secs(3_600);

/// Something to append.
#[derive(Debug)]
pub(super) enum Request {
    Runs { runs: Runs, gates: Vec<Arc<Gate>> },
    Command { payload: Bytes, closing: Vec<Arc<Gate>> },
}

pub(super) struct Driver {
    pub(super) store: Store,
    pub(super) shared: Arc<Shared>,
    writer: Writer,
    maintenance: Maintenance,
    clock: Arc<ManualClock>,
    host: Arc<dyn Host>,
}

impl Driver {
    pub(super) fn open(
        options: StoreOptions,
        disk: &FakeDisk,
        clock: &Arc<ManualClock>,
        host: Arc<dyn Host>,
    ) -> Result<(Self, Recovered), OpenError> {
        assert!(options.backlog_chapters_max() >= BATCH_MAX);
        let (opening, recovered) = Store::open(options, Arc::new(disk.clone()), clock.clone())?;
        let (store, writer, maintenance) = opening.take_apart();
        let (shared, clock) = (store.shared().clone(), clock.clone());
        Ok((Self { store, shared, writer, maintenance, clock, host }, recovered))
    }

    /// Queues the requests, lets the writer go once, and returns the answers.
    pub(super) fn submit(&mut self, requests: Vec<Request>) -> Vec<Result<Appended, AppendError>> {
        self.make_room(requests.len());
        let store = &self.store;
        let mut calls: Vec<_> =
            requests.into_iter().map(|request| Box::pin(call(store, request))).collect();
        let early: Vec<_> = calls.iter_mut().map(|call| poll(call.as_mut())).collect();
        // A call without an answer is queued.
        if early.iter().any(Option::is_none) {
            self.writer.turn(Instant::now());
        }
        let answers = early.into_iter().zip(&mut calls).map(|(early, call)| {
            early.or_else(|| poll(call.as_mut())).expect("the writer answers everybody")
        });
        answers.collect()
    }

    /// What the writer does when nothing has queued until the interval is over.
    pub(super) fn idle(&mut self) {
        let over = Instant::now() + 2 * HOUR;
        while self.writer.turn(over) == Next::Again {}
    }

    pub(super) fn shut_down(&mut self) {
        self.store.shut_down();
        while self.writer.turn(Instant::now()) != Next::Stop {}
    }

    /// Where the last journal file begins: those before are sealed.
    pub(super) fn sealed_index(&self) -> u64 {
        self.shared.chapters.all().last().expect("the active chapter is always there").first_index
    }

    /// One turn of the maintenance thread.
    pub(super) fn maintain(&mut self) -> io::Result<()> {
        let now_ms = self.clock.now_ms();
        let outcome = self.maintenance.turn(&self.shared, &*self.host, now_ms);
        self.shared.upkeep.end_turn(if outcome.is_err() { Turn::Failed } else { Turn::Done });
        outcome
    }

    /// The writer waits for maintenance when that is behind; here nobody would come.
    fn make_room(&mut self, requests: usize) {
        let most = self.shared.options.backlog_chapters_max();
        if self.shared.chapters.backlog() + requests > most && self.maintain().is_ok() {
            assert_eq!(self.shared.chapters.backlog(), 0, "maintenance leaves nothing behind");
        }
    }
}

async fn call(store: &Store, request: Request) -> Result<Appended, AppendError> {
    match request {
        Request::Runs { runs, gates } => store.append(runs, gates.iter().map(|gate| &**gate)).await,
        Request::Command { payload, closing } => append_command(store, payload, &closing).await,
    }
}

fn poll<T>(call: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}
