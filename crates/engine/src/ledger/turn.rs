//! Whose turn it is to change something.

use parking_lot::Mutex;
use std::hint::spin_loop;
use std::ops::{Deref, DerefMut};
use tokio::sync::Notify;

/// Tries before a caller goes to sleep, and once more when it was told of a turn that ended before it came: a turn mostly
/// takes a few microseconds, and to be woken by another thread takes longer.
const TRIES: usize = 100;

/// What one has at a time, and may keep over an await. Who comes when it is free has it, whoever waits: were it handed
/// to the one that waits longest, all would wait for that one's thread to wake, turn after turn.
#[derive(Debug)]
pub(super) struct Turns<T> {
    free: Mutex<Option<Box<T>>>,
    freed: Notify,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a, T> {
    turns: &'a Turns<T>,
    /// There until the turn is over.
    taken: Option<Box<T>>,
}

impl<T> Turns<T> {
    pub(super) fn new(value: T) -> Self {
        Self { free: Mutex::new(Some(Box::new(value))), freed: Notify::new() }
    }

    /// Returns when nobody else has a turn. Cancel safe.
    pub(super) async fn next(&self) -> Turn<'_, T> {
        loop {
            for _ in 0..TRIES {
                if let Some(turn) = self.try_next() {
                    return turn;
                }
                spin_loop();
            }
            // If it is freed before this waits, it is told at once.
            self.freed.notified().await;
        }
    }

    fn try_next(&self) -> Option<Turn<'_, T>> {
        let taken = self.free.lock().take()?;
        Some(Turn { turns: self, taken: Some(taken) })
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        *self.turns.free.lock() = self.taken.take();
        self.turns.freed.notify_one();
    }
}

impl<T> Deref for Turn<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.taken.as_ref().expect("there until the turn is over")
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.taken.as_mut().expect("there until the turn is over")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::task::{Context, Waker};
    use tokio::task::yield_now;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn one_has_it_at_a_time_and_all_have_it_once() {
        const TASKS: usize = 64;
        let turns = Arc::new(Turns::new((false, 0)));
        let tasks = (0..TASKS).map(|_| {
            let turns = turns.clone();
            tokio::spawn(async move {
                for _ in 0..100 {
                    let mut turn = turns.next().await;
                    assert!(!std::mem::replace(&mut turn.0, true), "somebody else has it");
                    yield_now().await;
                    turn.1 += 1;
                    turn.0 = false;
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.expect("no panic");
        }
        assert_eq!(turns.next().await.1, 100 * TASKS);
    }

    #[tokio::test]
    async fn one_that_waited_and_went_away_holds_up_nobody() {
        let turns = Turns::new(());
        let turn = turns.next().await;
        let mut gone = Box::pin(turns.next());
        let mut waits = Box::pin(turns.next());
        let mut context = Context::from_waker(Waker::noop());
        assert!(gone.as_mut().poll(&mut context).is_pending());
        assert!(waits.as_mut().poll(&mut context).is_pending());
        drop(turn);
        drop(gone);
        drop(waits.await);
    }
}
