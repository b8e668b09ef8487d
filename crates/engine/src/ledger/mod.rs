//! The ledger: decides on state that is ahead of the disk, journals, and reveals each answer when
//! its command is durable.
//!
//! ```text
//! decide ─► journal ─► apply ahead, stage ─► … durable … ─► reveal ─► answer
//! └───────── one change at a time ────────┘
//! ```
//! A change is decided on all changes before it, those that are not durable yet among them, so that
//! many share one sync. What can be seen (the *view*) has only those that are durable.
//!
//! Invariant: no answer overtakes what it depends on. The answer to a change waits until the change
//! is durable and can be seen; a refusal waits for the changes that it was decided on.
//!
//! Invariant: changes are revealed in the order of the journal, each once. When one is not stored,
//! none that was decided after it is, for it may build on it: the journal refuses the succession
//! ([`anabranch_storage::Succession`]), and the state ahead is made anew from the view.
//!
//! Each machine of a cell has a ledger of its own, and they know nothing of one another. They share the
//! journal, and with it the [`Sequence`] of all commands, for the sake of snapshots.
//!
//! Invariant: what one machine decides, waits for or gives up holds up no other.

mod pending;
mod sequence;
mod turn;

pub(crate) use sequence::Sequence;

use crate::error::{ChangeFailure, Interrupted};
use crate::state::machine::{Kept, Machine, Place};
use crate::state::moment::Moment;
use crate::state::payload;
use crate::supervisor::detach;
use anabranch_storage::{AppendError, Confirmation, Gate, Store, Succession};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use pending::{Pending, PendingChanges, Settling};
use std::sync::Arc;
use turn::Turns;

/// Makes live state (gates, meters, wakers, what calls look at) of a machine's effects.
pub(crate) trait Owner: Sized + Send + 'static {
    type Machine: Machine;
    /// What one command makes visible.
    type Reveal: Send + 'static;
    /// What calls look at.
    type View: Kept;
    /// Whom to tell of what became visible.
    type Wake: Default + Send;

    /// The owner of what a machine holds, and all of that in view.
    fn of(machine: &Self::Machine) -> (Self, Self::View);

    /// The owner and the machine of what is in view: nothing is ahead any more.
    fn resume(view: &Self::View) -> (Self, Self::Machine);

    /// The gates that a command closes.
    fn closing(&self, command: &<Self::Machine as Machine>::Command) -> Vec<Arc<Gate>>;

    /// Makes live state of effects, which nobody sees yet.
    fn stage(&mut self, effects: Vec<<Self::Machine as Machine>::Effect>) -> Self::Reveal;

    /// Shows what the command with this number has changed.
    fn reveal(view: &mut Self::View, number: u64, reveal: Self::Reveal, wake: &mut Self::Wake);

    fn wake(store: &Store, wake: Self::Wake);
}

type Command<O> = <<O as Owner>::Machine as Machine>::Command;

/// What the ledgers of a cell share.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) store: Store,
    pub(crate) sequence: Arc<Sequence>,
}

/// A machine that was rebuilt, and all that is made of it.
pub(crate) struct Rebuilt<O: Owner> {
    machine: O::Machine,
    owner: O,
    /// All that can be seen of it.
    pub(crate) view: Arc<RwLock<O::View>>,
}

impl<O: Owner> Rebuilt<O> {
    pub(crate) fn of(machine: O::Machine) -> Self {
        let (owner, view) = O::of(&machine);
        assert_eq!(view.applied(), machine.applied(), "a view knows its last command");
        Self { machine, owner, view: Arc::new(RwLock::new(view)) }
    }
}

/// The changes of one machine, over the store that makes them durable.
pub(crate) struct Ledger<O: Owner> {
    cell: Arc<Cell>,
    view: Arc<RwLock<O::View>>,
    ahead: Turns<Ahead<O>>,
    pending: Mutex<PendingChanges<O::Reveal>>,
}

/// The state with all changes that were decided. Locked while one is decided and queued.
struct Ahead<O: Owner> {
    machine: O::Machine,
    owner: O,
    succession: Succession,
}

/// What became of a wish to change something.
enum Decided<T, E> {
    /// Nothing is changed, because of what these changes have done.
    Refused(E, Settling),
    Queued(T, u64, Confirmation),
}

impl<O: Owner> std::fmt::Debug for Ledger<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("cell", &self.cell).finish_non_exhaustive()
    }
}

impl<O: Owner> Ledger<O> {
    /// The ledger of a machine in the cell that it was rebuilt from.
    pub(crate) fn new(cell: Arc<Cell>, rebuilt: Rebuilt<O>) -> Self {
        let Rebuilt { machine, owner, view } = rebuilt;
        let ahead = Ahead { machine, owner, succession: Succession::default() };
        Self { cell, view, ahead: Turns::new(ahead), pending: Mutex::default() }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.cell.store
    }

    /// All that is durable.
    pub(crate) fn view(&self) -> RwLockReadGuard<'_, O::View> {
        self.view.read()
    }

    /// The cell's time, epoch milliseconds: what states, limits and starting positions go by.
    pub(crate) fn now_ms(&self) -> u64 {
        self.store().now_ms()
    }

    /// Now, for what can be read as well.
    pub(crate) fn moment(&self) -> Moment {
        Moment { now_ms: self.now_ms(), believed_ms: self.store().believed_ms() }
    }

    /// Changes the machine: `decide` looks at it and says what to do. Returns when that is durable
    /// and can be seen. Runs to its end even if the caller goes away.
    pub(crate) async fn change<T, E>(
        self: &Arc<Self>,
        decide: impl FnOnce(&O::Machine, u64) -> Result<(Command<O>, T), E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<ChangeFailure> + Send + 'static,
    {
        let ledger = self.clone();
        let task = detach(async move {
            let decided = ledger.decide(decide).await.map_err(ChangeFailure::from)?;
            match decided {
                Decided::Refused(refusal, settling) => {
                    settling.wait().await.map_err(ChangeFailure::from)?;
                    Err(refusal)
                }
                Decided::Queued(reply, number, confirmation) => {
                    let confirmed = confirmation.wait().await;
                    match confirmed {
                        Ok(()) => ledger.reveal_through(number),
                        Err(error) => ledger.give_up_from(number, error),
                    }
                    confirmed.map_err(ChangeFailure::from)?;
                    Ok(reply)
                }
            }
        });
        task.await.unwrap_or_else(|_| Err(ChangeFailure::from(Interrupted).into()))
    }

    /// Returns when all changes that are pending have been revealed or given up.
    pub(crate) async fn settled(&self) {
        let last = {
            // A change that has closed a gate is among them once this lock is free.
            let _ahead = self.ahead.next().await;
            self.pending.lock().watch_last()
        };
        if let Some(last) = last {
            // Whatever became of it: the caller looks again.
            let _ = last.await;
        }
    }

    async fn decide<T, E>(
        &self,
        decide: impl FnOnce(&O::Machine, u64) -> Result<(Command<O>, T), E>,
    ) -> Result<Decided<T, E>, AppendError> {
        let mut ahead = self.ahead.next().await;
        if self.pending.lock().is_broken() {
            self.fall_back(&mut ahead).await;
        }
        let (command, reply) = match decide(&ahead.machine, self.now_ms()) {
            Ok(decided) => decided,
            Err(refusal) => {
                // Nothing else can be queued while it is asked.
                return Ok(Decided::Refused(refusal, self.pending.lock().settling()));
            }
        };
        let closing = ahead.owner.closing(&command);
        let payload = payload::of(O::Machine::ID, O::Machine::encode(&command));
        let admitted = self.store().admit_command(payload).await?;
        let queue = || self.store().queue_command(admitted, &closing, &ahead.succession);
        let (appended, confirmation) = self.cell.sequence.queue(queue)?;
        let place = Place::of(&appended);
        let effects = ahead.machine.apply(&command, place);
        let reveal = ahead.owner.stage(effects);
        self.pending.lock().push(Pending::new(place.number, reveal, closing));
        Ok(Decided::Queued(reply, place.number, confirmation))
    }

    /// Shows all changes up to this one. It is durable, and so are those before it: confirmations are
    /// sent in order, though they may be met with in another.
    fn reveal_through(&self, number: u64) {
        let mut wake = O::Wake::default();
        let mut waiting = Vec::new();
        {
            let mut pending = self.pending.lock();
            let mut view = None;
            while let Some(change) = pending.pop_through(number) {
                let view = view.get_or_insert_with(|| self.view.write());
                O::reveal(view, change.number, change.reveal, &mut wake);
                assert_eq!(view.applied(), change.number, "a view knows its last command");
                self.cell.sequence.revealed(change.number);
                waiting.extend(change.waiting);
            }
        }
        O::wake(self.store(), wake);
        for settled in waiting {
            // Who waited may have gone.
            let _ = settled.send(Ok(()));
        }
    }

    /// This change was not stored, and none after it will be.
    fn give_up_from(&self, number: u64, error: AppendError) {
        let mut pending = self.pending.lock();
        for given_up in pending.give_up_from(number, error) {
            self.cell.sequence.given_up(given_up);
        }
    }

    /// Makes the state ahead anew from what is durable, once that is known.
    async fn fall_back(&self, ahead: &mut Ahead<O>) {
        loop {
            let last = {
                let mut pending = self.pending.lock();
                let Some(last) = pending.watch_last() else {
                    (ahead.owner, ahead.machine) = O::resume(&self.view());
                    ahead.succession = Succession::default();
                    pending.mend();
                    return;
                };
                last
            };
            let _ = last.await;
        }
    }
}
