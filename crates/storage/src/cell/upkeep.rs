//! What the writer and the maintenance thread tell each other.

use parking_lot::{Condvar, Mutex};
use std::io;
use std::time::Duration;

/// How often expiry is looked at without being asked.
const TICK: Duration = Duration::from_secs(5);
/// How soon to look again whether the engine has applied a command.
const SHORT_TICK: Duration = Duration::from_millis(10);
/// How often a writer that waits for maintenance looks whether it still makes sense to wait.
const WAIT_TICK: Duration = Duration::from_millis(100);

/// What is known of maintenance.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// Work has come up.
    wanted: bool,
    /// The store is closing.
    stop: bool,
    /// The last turn ended with an error: waiting for the next one may take long.
    is_stuck: bool,
    /// The thread runs: what is due will be done.
    is_running: bool,
    /// A turn is being made.
    is_in_turn: bool,
    /// Turns that have ended.
    ended: u64,
}

impl Signals {
    /// Whether no turn will end soon.
    pub(crate) fn is_stuck_or_over(&self) -> bool {
        self.is_stuck || self.stop
    }

    /// Whether it makes sense to wait for what maintenance does.
    pub(crate) fn makes_progress(&self) -> bool {
        self.is_running && !self.is_stuck_or_over()
    }
}

/// How a turn of maintenance ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// All that was due is done.
    Done,
    /// Something is missing that comes soon.
    Early,
    Failed,
}

/// Where maintenance is asked for, and its progress waited for.
#[derive(Debug, Default)]
pub(crate) struct Upkeep {
    signals: Mutex<Signals>,
    wanted: Condvar,
    progress: Condvar,
}

impl Upkeep {
    /// Asks for a turn now instead of at the next tick.
    pub(crate) fn request(&self) {
        self.signals.lock().wanted = true;
        self.wanted.notify_one();
    }

    /// Has a turn made, and waits until it has ended.
    pub(crate) fn make_turn(&self) {
        let mut signals = self.signals.lock();
        let wanted = signals.ended + 1 + u64::from(signals.is_in_turn);
        while signals.ended < wanted && signals.is_running && !signals.stop {
            signals.wanted = true;
            self.wanted.notify_one();
            self.progress.wait_for(&mut signals, WAIT_TICK);
        }
    }

    /// Ends maintenance, and all waiting for it.
    pub(crate) fn stop(&self) {
        self.signals.lock().stop = true;
        self.wanted.notify_one();
        self.progress.notify_all();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.signals.lock().stop
    }

    /// Waits as long as `waits` says so; it is asked again whenever maintenance got on.
    pub(crate) fn wait_while(
        &self,
        mut waits: impl FnMut(&Signals) -> io::Result<bool>,
    ) -> io::Result<()> {
        let mut signals = self.signals.lock();
        while waits(&signals)? {
            self.progress.wait_for(&mut signals, WAIT_TICK);
        }
        Ok(())
    }

    /// The thread is about to begin, with a turn.
    pub(crate) fn begin(&self) {
        let mut signals = self.signals.lock();
        (signals.wanted, signals.is_running) = (true, true);
    }

    /// Waits until a turn is wanted or due. `false`: the store is closing.
    pub(crate) fn next_turn(&self) -> bool {
        let mut signals = self.signals.lock();
        if !signals.wanted && !signals.stop {
            self.wanted.wait_for(&mut signals, TICK);
        }
        signals.wanted = false;
        signals.is_in_turn = !signals.stop;
        signals.is_in_turn
    }

    /// Tells how a turn ended. After an early one the next comes soon.
    pub(crate) fn end_turn(&self, turn: Turn) {
        let mut signals = self.signals.lock();
        signals.is_stuck = turn == Turn::Failed;
        signals.is_in_turn = false;
        signals.ended += 1;
        self.progress.notify_all();
        if turn == Turn::Early {
            self.wanted.wait_for(&mut signals, SHORT_TICK);
            signals.wanted = true;
        }
        drop(signals);
        self.progress.notify_all();
    }

    /// Tells those who wait to look again.
    pub(crate) fn progressed(&self) {
        // Not between a writer's look and its waiting.
        drop(self.signals.lock());
        self.progress.notify_all();
    }
}
