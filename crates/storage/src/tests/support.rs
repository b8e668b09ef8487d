//! What the tests share.

use crate::{AppendError, Appended, Confirmation, Gate, Host, Store, Succession};
use crate::{DeletedRange, Deletion};
use anabranch_model::ShardKey;
use anabranch_model::retention::RetentionClass;
use bytes::Bytes;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The catalog of a test that keeps it itself.
#[derive(Debug, Default)]
pub(crate) struct TestHost {
    /// The number of the last command, and what the commands came to.
    pub(super) applied: Mutex<(u64, Vec<u8>)>,
    pub(super) horizon_ms: AtomicU64,
    /// Maintenance gets no snapshot, and so retires nothing.
    pub(super) is_busy: AtomicBool,
    /// It waits for one.
    pub(super) is_asking: AtomicBool,
    /// What was told of deleted records.
    pub(crate) deleted: Mutex<Vec<(Deletion, DeletedRange)>>,
}

impl Host for TestHost {
    fn retention_class(&self, shard: ShardKey) -> Option<RetentionClass> {
        Some(if shard.0.is_multiple_of(2) { RetentionClass::Day } else { RetentionClass::Year })
    }

    fn trim_horizon_ms(&self, _shard: ShardKey) -> Option<u64> {
        Some(self.horizon_ms.load(Ordering::Acquire))
    }

    fn deleting(&self, why: Deletion, ranges: &[DeletedRange]) {
        self.deleted.lock().extend(ranges.iter().map(|range| (why, *range)));
    }

    fn dropped_shards(&self) -> u64 {
        0
    }

    fn snapshot(&self) -> (u64, Vec<u8>) {
        while self.is_busy.load(Ordering::Acquire) {
            self.is_asking.store(true, Ordering::Release);
            std::thread::yield_now();
        }
        self.applied.lock().clone()
    }
}

/// Appends a command and returns when it is durable. `closing` gates are closed at its place; when
/// it fails they are open again.
pub(super) async fn append_command(
    store: &Store,
    payload: impl Into<Bytes>,
    closing: &[Arc<Gate>],
) -> Result<Appended, AppendError> {
    let command = store.admit_command(payload.into()).await?;
    let (appended, confirmation) = store.queue_command(command, closing, &Succession::default())?;
    match confirmation.wait().await {
        Ok(()) => Ok(appended),
        Err(error) => {
            closing.iter().for_each(|gate| gate.reopen());
            Err(error)
        }
    }
}

/// Queues a command behind others of its succession.
pub(super) async fn queue_command(
    store: &Store,
    payload: Bytes,
    succession: &Succession,
) -> Result<Confirmation, AppendError> {
    let command = store.admit_command(payload).await?;
    store.queue_command(command, &[], succession).map(|(_, confirmation)| confirmation)
}
