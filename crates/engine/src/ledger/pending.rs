//! Changes that are queued and cannot be seen yet.

use anabranch_storage::{AppendError, Gate};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::oneshot;

type Outcome = Result<(), AppendError>;

/// In the order of the journal.
pub(super) struct PendingChanges<R> {
    changes: VecDeque<Pending<R>>,
    /// A change was not stored: what is ahead builds on nothing.
    broken: Option<AppendError>,
}

pub(super) struct Pending<R> {
    pub(super) number: u64,
    pub(super) reveal: R,
    closing: Vec<Arc<Gate>>,
    /// Answers that depend on it.
    pub(super) waiting: Vec<oneshot::Sender<Outcome>>,
}

impl<R> Pending<R> {
    /// The change of the command with this number, which closed these gates.
    pub(super) fn new(number: u64, reveal: R, closing: Vec<Arc<Gate>>) -> Self {
        Self { number, reveal, closing, waiting: Vec::new() }
    }
}

impl<R> Default for PendingChanges<R> {
    fn default() -> Self {
        Self { changes: VecDeque::new(), broken: None }
    }
}

impl<R> PendingChanges<R> {
    pub(super) fn push(&mut self, change: Pending<R>) {
        self.changes.push_back(change);
    }

    /// Tells what becomes of the last of them, and so of all.
    pub(super) fn watch_last(&mut self) -> Option<oneshot::Receiver<Outcome>> {
        let last = self.changes.back_mut()?;
        let (settled, settling) = oneshot::channel();
        last.waiting.push(settled);
        Some(settling)
    }

    /// Tells when all of them are settled, or one was not stored.
    pub(super) fn settling(&mut self) -> Settling {
        match (self.broken, self.watch_last()) {
            (Some(error), _) => Settling::Settled(Err(error)),
            (None, None) => Settling::Settled(Ok(())),
            (None, Some(last)) => Settling::Pending(last),
        }
    }

    /// The first of them, if it is not behind this one.
    pub(super) fn pop_through(&mut self, number: u64) -> Option<Pending<R>> {
        self.changes.pop_front_if(|change| change.number <= number)
    }

    /// This change was not stored, and none after it will be. Returns their numbers.
    pub(super) fn give_up_from(&mut self, number: u64, error: AppendError) -> Vec<u64> {
        let place = self.changes.partition_point(|change| change.number < number);
        if self.changes.get(place).is_none_or(|change| change.number != number) {
            // One before it took it along, and what is pending now was decided anew.
            return Vec::new();
        }
        self.broken = Some(error);
        let given_up = self.changes.split_off(place).into_iter().map(|change| {
            // Before anything can be queued that closes them again.
            change.closing.iter().for_each(|gate| gate.reopen());
            for settled in change.waiting {
                // Who waited may have gone.
                let _ = settled.send(Err(error));
            }
            change.number
        });
        given_up.collect()
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// What comes from now on is decided on what is durable.
    pub(super) fn mend(&mut self) {
        self.broken = None;
    }
}

/// Resolves when all changes that were pending have been revealed, or one of them was not stored.
pub(super) enum Settling {
    Settled(Outcome),
    Pending(oneshot::Receiver<Outcome>),
}

impl Settling {
    pub(super) async fn wait(self) -> Outcome {
        match self {
            Self::Settled(outcome) => outcome,
            // Who would answer went with the process.
            Self::Pending(outcome) => outcome.await.unwrap_or(Err(AppendError::Failed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_open_again_before_anything_can_close_them_anew() {
        let gates: [Arc<Gate>; 3] = std::array::from_fn(|_| Arc::new(Gate::closed()));
        let mut pending = PendingChanges::default();
        for (number, gate) in (4..).zip(&gates) {
            pending.push(Pending::new(number, (), vec![gate.clone()]));
        }
        let settling = pending.watch_last();
        assert_eq!(pending.give_up_from(5, AppendError::StorageFull), [5, 6]);
        // Whoever has `pending` has the lock: nothing was queued meanwhile.
        assert_eq!(gates.map(|gate| gate.is_closed()), [true, false, false]);
        let told = settling.expect("three are pending").try_recv();
        assert_eq!(told, Ok(Err(AppendError::StorageFull)));
        assert!(pending.is_broken() && pending.pop_through(9).is_some_and(|c| c.number == 4));
        assert!(pending.give_up_from(6, AppendError::StorageFull).is_empty());
    }
}
