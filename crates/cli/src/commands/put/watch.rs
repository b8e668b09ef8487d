//! Watches over the work: shows how far it is, says what keeps it, and ends it when it cannot go on.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use anabranch_producer::{Producer, SpoolStatus, Trouble};
use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, interval};

use crate::commands::put::outcome::{Outcome, Tally};
use crate::commands::put::progress::{Meter, Point, Screen};
use crate::commands::put::spool_report::{self, Taken};

/// How often it looks.
const PERIOD: Duration = Duration::from_millis(250);
/// How long trouble that comes and goes is not told of again.
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(10);
/// The code of an endpoint that cannot be spoken to.
const UNREACHABLE: &str = "Unreachable";
/// The code of a stream that is not there.
pub(super) const NOT_FOUND: &str = "ResourceNotFoundException";
/// Codes that stay until somebody mends something.
const DENIED: [&str; 15] = [
    NOT_FOUND,
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "KMSAccessDeniedException",
    "KMSDisabledException",
    "KMSInvalidStateException",
    "KMSNotFoundException",
    "KMSOptInRequired",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
    "NoCredentials",
    "NotMade",
];

/// Whether trying again does not help.
pub(super) fn is_denied(trouble: &Trouble) -> bool {
    // Something else than the service refuses: a proxy, or a server of another kind.
    let is_foreign = trouble.code.starts_with("HTTP 4") && &*trouble.code != "HTTP 429";
    DENIED.contains(&&*trouble.code) || is_foreign
}

/// How it is to end before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stop {
    /// No more input is read, and what was read is sent.
    AfterWhatWasRead,
    /// What is not stored yet is given up.
    Now,
}

/// Where records go.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) producer: Producer,
    pub(super) stream: String,
    pub(super) endpoint: String,
    /// Bytes of the spool at most, if there is one.
    pub(super) spool_max: Option<u64>,
    /// A record of the input waits for room.
    pub(super) is_full: Arc<AtomicBool>,
}

/// What watches over the work and what it knows.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) screen: Screen,
    pub(super) tally: RefCell<Tally>,
    /// What the spool was given, if there is one.
    pub(super) taken: Cell<Taken>,
    target: Target,
    /// How long the next record in turn may take.
    timeout: Duration,
    begun: Instant,
    size: Option<u64>,
    position: Cell<u64>,
    /// Since when the next record in turn is waited for; with a spool, any record after the input's end.
    waiting_since: Cell<Option<Instant>>,
    /// Records of the spool that had an outcome when it was last looked at, and its bytes.
    seen_of_spool: Cell<(u64, u64)>,
    has_told_of_full: Cell<bool>,
    /// Damaged parts of the spool that were told of.
    told_of_damage: Cell<usize>,
    has_told_of_throttling: Cell<bool>,
    is_in_trouble: Cell<bool>,
    told_of_trouble_at: Cell<Option<Instant>>,
    /// SIGINT and SIGTERM.
    signals: RefCell<[Signal; 2]>,
    stop: Cell<Option<Stop>>,
    stopping: Notify,
    closed: watch::Sender<bool>,
}

/// While it is there, the next record in turn is waited for.
#[derive(Debug)]
pub(super) struct Waiting<'a>(&'a Watch);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting_since.set(None);
    }
}

impl Watch {
    /// Catches signals from now on.
    pub(super) fn new(
        target: Target,
        timeout: Duration,
        screen: Screen,
        size: Option<u64>,
    ) -> anyhow::Result<Self> {
        let caught = |kind| signal(kind).context("cannot watch for signals");
        Ok(Self {
            screen,
            tally: RefCell::default(),
            taken: Cell::default(),
            target,
            timeout,
            begun: Instant::now(),
            size,
            position: Cell::new(0),
            waiting_since: Cell::new(None),
            seen_of_spool: Cell::default(),
            has_told_of_full: Cell::new(false),
            told_of_damage: Cell::new(0),
            has_told_of_throttling: Cell::new(false),
            is_in_trouble: Cell::new(false),
            told_of_trouble_at: Cell::new(None),
            signals: [caught(SignalKind::interrupt())?, caught(SignalKind::terminate())?].into(),
            stop: Cell::new(None),
            stopping: Notify::new(),
            closed: watch::Sender::new(false),
        })
    }

    /// Until the result is dropped, the next record in turn is waited for.
    pub(super) fn wait_for_next(&self) -> Waiting<'_> {
        self.waiting_since.set(Some(Instant::now()));
        Waiting(self)
    }

    /// Takes note of a record's outcome.
    pub(super) fn note(&self, outcome: &Outcome, position: u64, is_aggregating: bool) {
        self.tally.borrow_mut().note(outcome);
        self.position.set(position);
        self.maybe_tell_of_throttling(outcome, is_aggregating);
    }

    /// Takes note of the outcome of the record with this place in the input.
    pub(super) fn note_at(&self, number: u64, outcome: &Outcome, is_aggregating: bool) {
        self.tally.borrow_mut().note_at(number, outcome);
        self.maybe_tell_of_throttling(outcome, is_aggregating);
    }

    fn maybe_tell_of_throttling(&self, outcome: &Outcome, is_aggregating: bool) {
        if outcome.was_throttled && !self.has_told_of_throttling.replace(true) {
            let stream = &self.target.stream;
            let or = if is_aggregating { "" } else { ", or pack small records with --aggregate" };
            self.screen.say(&format!(
                "anabranch: the stream throttles, for a shard takes 1 MiB and 1,000 records a \
                 second: add shards (anabranch streams scale {stream} --shards N){or}"
            ));
        }
    }

    /// The next record of the input is durable in the spool.
    pub(super) fn note_taken(&self, bytes: usize, position: u64) {
        let Taken { records, bytes: before, not_kept, .. } = self.taken.get();
        let (records, bytes) = (records + 1, before + bytes as u64);
        self.taken.set(Taken { records, bytes, position, not_kept });
    }

    /// The spool does not keep the record with this place in the input.
    pub(super) fn note_not_kept(&self, number: u64, outcome: &Outcome) {
        let taken = self.taken.get();
        self.taken.set(Taken { not_kept: taken.not_kept + 1, ..taken });
        self.tally.borrow_mut().note_at(number, outcome);
    }

    /// Ends the work before its time.
    pub(super) fn stop(&self, how: Stop) {
        if self.stop.get().is_none_or(|before| before < how) {
            self.stop.set(Some(how));
            self.stopping.notify_one();
        }
    }

    /// Returns when the producer takes nothing more and all that it took has an outcome.
    pub(super) async fn closed(&self) {
        // The sender is here.
        let _ = self.closed.subscribe().wait_for(|is_closed| *is_closed).await;
    }

    /// Says what keeps the records, and for how long it is tried.
    pub(super) fn say_trouble(&self, trouble: &Trouble) {
        self.is_in_trouble.set(true);
        self.told_of_trouble_at.set(Some(Instant::now()));
        let what = match &*trouble.code {
            UNREACHABLE => format!(
                "cannot reach {} (is `anabranch serve` running, or did you mean --aws?): {}",
                self.target.endpoint, trouble.message
            ),
            _ => trouble.to_string(),
        };
        let seconds = self.timeout.as_secs_f64();
        let then = match self.is_for_ever() {
            true => "records stay in the spool until it goes".to_owned(),
            false => format!("trying again for {seconds} s"),
        };
        self.screen.say(&format!("anabranch: {what}; {then}"));
    }

    /// Says what the spool has when the input is over and it cannot be sent now.
    pub(super) fn say_what_waits(&self) {
        let Some(status) = self.target.producer.spool() else { return };
        if status.records > 0 && self.is_in_trouble.get() {
            let (records, seconds) = (status.records, self.timeout.as_secs_f64());
            self.screen.say(&format!(
                "anabranch: the input is over, {records} records wait in the spool; \
                 trying again for {seconds} s"
            ));
        }
    }

    /// Says which parts of the spool cannot be read, each once.
    pub(super) fn say_damage(&self, status: &SpoolStatus) {
        let told = self.told_of_damage.replace(status.damage.len());
        for damage in &status.damage[told..] {
            self.screen.say(&format!("anabranch: {}", spool_report::damage(damage)));
        }
    }

    /// Why records are not stored now, if it is known.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.target.producer.trouble(&self.target.stream)
    }

    /// Whether records are tried again without end: what is in a spool can wait while there is input.
    fn is_for_ever(&self) -> bool {
        self.target.spool_max.is_some() && self.stop.get().is_none()
    }

    /// Watches for ever. To be dropped when the work is done.
    pub(super) async fn run(&self) -> Infallible {
        tokio::join!(self.look(), self.heed_signals(), self.close()).0
    }

    async fn look(&self) -> Infallible {
        let mut ticks = interval(PERIOD);
        let mut meter = Meter::default();
        loop {
            ticks.tick().await;
            let spool = self.target.producer.spool();
            if let Some(status) = &spool {
                self.look_at_spool(status);
            }
            let is_late = self.waiting_since.get().is_some_and(|at| at.elapsed() >= self.timeout);
            if is_late {
                self.stop(Stop::Now);
            }
            match self.trouble() {
                Some(trouble) if is_denied(&trouble) && !self.is_for_ever() => {
                    self.stop(Stop::Now);
                }
                Some(trouble) => self.maybe_say_trouble(&trouble),
                // What was told of before the first request is not over before its answer.
                None if self.has_answer() => self.is_in_trouble.set(false),
                None => {}
            }
            if self.screen.is_live() {
                let mut line = meter.line(self.begun.elapsed(), self.point(), self.size);
                if let Some(status) = &spool {
                    line.push_str(&format!(", {} in the spool", status.records));
                }
                self.screen.draw(&line);
            }
        }
    }

    /// How far it is: with a spool, what that was given.
    fn point(&self) -> Point {
        if self.target.spool_max.is_some() {
            let Taken { records, bytes, position, .. } = self.taken.get();
            return Point { records, bytes, position };
        }
        let tally = self.tally.borrow();
        Point { records: tally.stored, bytes: tally.bytes, position: self.position.get() }
    }

    /// Whether any record has had an outcome.
    fn has_answer(&self) -> bool {
        self.tally.borrow().seen() > 0 || self.seen_of_spool.get().0 > 0
    }

    fn look_at_spool(&self, status: &SpoolStatus) {
        let seen = (status.stored + status.failed, status.bytes);
        let before = self.seen_of_spool.replace(seen);
        let is_waiting = self.stop.get().is_some() && status.records > 0;
        if !is_waiting {
            self.waiting_since.set(None);
        } else if self.waiting_since.get().is_none() || before.0 != seen.0 {
            self.waiting_since.set(Some(Instant::now()));
        }
        // Room is also wanted for a moment when the disk is slow.
        let has_much = self.target.spool_max.is_some_and(|max| status.bytes >= max / 2);
        let is_full = self.target.is_full.load(Ordering::Relaxed) && before == seen;
        if is_full && has_much && !self.has_told_of_full.replace(true) {
            self.screen.say(
                "anabranch: the spool is full (--spool-max): no input is read until records are sent",
            );
        }
        self.say_damage(status);
    }

    fn maybe_say_trouble(&self, trouble: &Trouble) {
        let told_at = self.told_of_trouble_at.get();
        let is_fresh = told_at.is_some_and(|at| at.elapsed() < TOLD_AGAIN_AFTER);
        if !self.is_in_trouble.replace(true) && !is_fresh {
            self.say_trouble(trouble);
        }
    }

    /// The first signal ends the input, the second all.
    async fn heed_signals(&self) {
        for how in [Stop::AfterWhatWasRead, Stop::Now] {
            poll_fn(|cx| {
                let mut signals = self.signals.borrow_mut();
                let came = signals.iter_mut().any(|signal| signal.poll_recv(cx).is_ready());
                if came { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            self.stop(how);
        }
    }

    async fn close(&self) {
        loop {
            self.stopping.notified().await;
            loop {
                let patience = match self.stop.get() {
                    None => break,
                    Some(Stop::AfterWhatWasRead) => Duration::MAX,
                    Some(Stop::Now) => Duration::ZERO,
                };
                tokio::select! {
                    biased;
                    // It may be in more of a hurry now.
                    () = self.stopping.notified() => continue,
                    // Receipts say what was not stored.
                    _ = self.target.producer.close(patience) => {}
                }
                self.closed.send_replace(true);
                break;
            }
        }
    }
}
