//! Memory for large events that are under way to clients, shared by all subscriptions.

use std::sync::Arc;
use tokio::sync::Semaphore;

/// Bytes of room.
pub(super) const ROOM_BYTES: usize = 256 << 20;
/// Room is given in units of this many bytes.
pub(super) const ROOM_UNIT: usize = 1024;

#[derive(Debug)]
pub(super) struct EventRoom(pub(super) Arc<Semaphore>);

impl Default for EventRoom {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM_BYTES / ROOM_UNIT)))
    }
}
