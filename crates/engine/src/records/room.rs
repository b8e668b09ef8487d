//! Memory for a reply before there is one.
//!
//! A reader who does not take its replies makes the server keep them, and each may be of ten megabytes.
//! So whoever gives out memory for replies is asked before records are read, or, if they are in memory
//! already, before anything is made of them.

use crate::live::meter::ReadCount;

/// Who gives out memory for replies.
pub trait ReplyRoom: Send + Sync {
    /// Memory, until it is dropped.
    type Share: Send;

    /// Memory for a reply of so much, if it is free at once.
    fn try_take(&self, read: ReadCount) -> Option<Self::Share>;

    /// Waits for memory for a reply of at most so much, and for reading it. `None`: it did not come free
    /// in time.
    fn take(&self, most: ReadCount) -> impl Future<Output = Option<Self::Share>> + Send;

    /// Gives back what a reply of so much does not need.
    fn shrink(&self, share: &mut Self::Share, read: ReadCount);
}

/// Always gives.
#[derive(Clone, Copy, Debug)]
pub struct Boundless;

impl ReplyRoom for Boundless {
    type Share = ();

    fn try_take(&self, _: ReadCount) -> Option<()> {
        Some(())
    }

    async fn take(&self, _: ReadCount) -> Option<()> {
        Some(())
    }

    fn shrink(&self, (): &mut (), _: ReadCount) {}
}
