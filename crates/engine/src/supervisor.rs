//! Tasks that go on beside the calls, as long as what they work on is there.

#![expect(clippy::disallowed_methods, reason = "here is where tasks begin")]

use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// What a task does after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another step after this time.
    After(Duration),
    /// Nothing more.
    Done,
}

/// Does the work in a task of its own, to its end, whether the caller waits for it or goes away.
pub(crate) fn detach<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    tokio::spawn(work)
}

/// Makes one step after the other in a task of its own, the first after `delay`. The task ends when
/// a step says so, or when nobody else holds the `owner` any more.
pub(crate) fn supervise<T, F, S>(owner: &Arc<T>, delay: Duration, step: F)
where
    T: Send + Sync + 'static,
    F: Fn(Arc<T>) -> S + Send + 'static,
    S: Future<Output = Next> + Send,
{
    let owner = Arc::downgrade(owner);
    tokio::spawn(async move {
        let mut next = Next::After(delay);
        while let Next::After(delay) = next {
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
            let Some(owner) = owner.upgrade() else { return };
            next = step(owner).await;
        }
    });
}
