//! What maintenance and readers need of a medium.

use crate::format::segment::{SegmentContent, SegmentFile, SegmentName};
use crate::format::snapshot::SnapshotPlace;
use std::fmt::Debug;
use std::io;
use std::path::PathBuf;

/// Where a cell's log is once it is no longer written to: segments under final names that never
/// change, and the newest snapshot of the catalog.
///
/// A chapter comes here in this order, each step durable before the next: its segments are published
/// and settled, they are declared, the snapshot covers its commands, and it is released. What was
/// interrupted begins again with the chapter's segments removed.
pub(crate) trait Shelf: Debug + Send + Sync {
    /// Puts a segment there under its name. It may be gone after a crash until [`Shelf::settle`].
    fn publish(&self, name: &SegmentName, content: &SegmentContent<'_>) -> io::Result<()>;

    /// Makes all that was published durable.
    fn settle(&self) -> io::Result<()>;

    /// Says which segments must be there from now on. Others may be.
    fn declare(&self, names: &[SegmentName]) -> io::Result<()>;

    /// Says nothing any more about which segments must be there: what removes segments to make room
    /// has to work without any.
    fn undeclare(&self) -> io::Result<()>;

    /// The segments that are there, in no order.
    fn list(&self) -> io::Result<Vec<SegmentName>>;

    /// Opens a segment for reading parts of it. `NotFound`: it is gone.
    fn open(&self, name: &SegmentName) -> io::Result<Box<dyn SegmentFile>>;

    /// Where a segment is, for messages.
    fn path(&self, name: &SegmentName) -> PathBuf;

    /// Removes a segment. `NotFound`: it is gone.
    fn remove(&self, name: &SegmentName) -> io::Result<()>;

    /// Puts a snapshot of the catalog there, in place of older ones.
    fn put_snapshot(&self, place: SnapshotPlace, catalog: &[u8]) -> io::Result<()>;

    /// All of a chapter is here: its part of the journal may go. Chapters are released in order.
    fn release(&self, chapter: u64) -> io::Result<()>;

    /// Keeps up to which time data could be deleted, epoch milliseconds, for the next process.
    fn keep_deletion_time(&self, ms: u64) -> io::Result<()>;

    /// There is nothing to do for now.
    fn idle(&self);
}
