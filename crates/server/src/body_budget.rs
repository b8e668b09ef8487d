//! Memory for bodies of one connection, of one peer or of everybody.
//!
//! A body that holds a part of what it needs helps nobody until it is whole. So bodies that have begun go
//! before those that have not, and no more begin than can become whole together, as long as they arrive
//! promptly: bodies that hold parts and wait for each other would all be refused in the end.

use anabranch_env::{ByteBudget, ByteShare};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A number of bytes for bodies. Clones are the same budget.
#[derive(Clone, Debug)]
pub(crate) struct BodyBudget {
    bytes: ByteBudget,
    /// As many bytes, of which each prompt body that is larger than its first bytes has what it is
    /// announced with.
    expected: ByteBudget,
    /// Who holds nothing yet waits here, and one at a time among those who do.
    entrance: Arc<Semaphore>,
}

/// A body's bytes of a budget.
#[derive(Debug)]
pub(crate) struct BodyShare {
    bytes: ByteShare,
    expected: Option<ByteShare>,
}

impl BodyBudget {
    /// A budget of this many bytes, all of them free.
    pub(crate) fn new(bytes: u64) -> Self {
        Self {
            bytes: ByteBudget::new(bytes),
            expected: ByteBudget::new(bytes),
            entrance: Arc::new(Semaphore::new(1)),
        }
    }

    /// Waits for the first bytes of a body that is announced with `claimed` bytes, and until there is
    /// room for those, too, beside what others are expected to need. Cancel safe.
    pub(crate) async fn begin(&self, bytes: u64, claimed: u64) -> BodyShare {
        let expected = match claimed > bytes {
            true => Some(self.expected.take(claimed).await),
            false => None,
        };
        let _turn = self.entrance.acquire().await.expect("never closed");
        BodyShare { bytes: self.bytes.take(bytes).await, expected }
    }

    /// What prompt bodies are expected to need.
    #[cfg(test)]
    pub(crate) fn expected(&self) -> &ByteBudget {
        &self.expected
    }

    /// The bytes without an order of who waits for them.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> &ByteBudget {
        &self.bytes
    }
}

impl BodyShare {
    /// Waits until it has at least this many bytes. Cancel safe.
    pub(crate) async fn grow_to(&mut self, bytes: u64) {
        self.bytes.grow_to(bytes).await;
    }

    /// Gives back what it has beyond this many bytes. No more is expected.
    pub(crate) fn shrink_to(&mut self, bytes: u64) {
        self.bytes.shrink_to(bytes);
        self.expected = None;
    }
}
