//! The log of one cell: every record and every change of the catalog, in one order, durable.
//!
//! # Guarantees
//! * An append is confirmed only after its frames are on stable storage (in durability `sync`),
//!   and nothing can be read before that.
//! * Indices are assigned once, in journal order, from one counter for the whole cell. Within a
//!   shard, index order is journal order is read order.
//! * After a failed write or sync nothing is confirmed any more until the store is opened again. A write
//!   that found no room is cut off and refused, and later ones go on.
//! * Memory is bounded: the queue, the tail cache and the segment directories have limits in
//!   bytes, whatever the data, the number of shards and the speed of readers.
//!
//! # Shape
//! ```text
//! append ─► queue ─► writer thread ─► journal: one write, one sync ─► memtable ─► acknowledged
//!                                      │ chapter full: the next one
//!                                      ▼
//!                    maintenance thread: memtable ─► shelf: segments ─► the journal lets go
//! ```
//! Journal and shelf are what a *medium* has: a disk, or memory, which has no shelf.
//!
//! The records of one journal file are a *chapter*: first in the journal and a memtable, later in
//! segments as well, at last only there. Chapters have consecutive index ranges, so a reader finds
//! its chapter by binary search and needs no index per shard. Positions of the cell:
//! `trimmed ≤ readable = durable ≤ written ≤ assigned`.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make their own world"))]

mod cell;
mod error;
mod format;
mod host;
mod medium;
mod options;
mod recovered;
mod tools;

#[cfg(test)]
mod tests;

pub use cell::gate::Gate;
pub use cell::health::StoreHealth;
pub use cell::opening::Opening;
pub use cell::queue::{Appended, Succession};
pub use cell::read::{ReadError, ReadReply, ReadRequest, RunSlice};
pub use cell::store::{AdmittedCommand, Confirmation, Store};
pub use cell::tips::ShardTip;
pub use error::{AppendError, OpenError};
pub use format::record;
pub use format::record::RunBuilder;
pub use format::runs::{Runs, RunsBuilder};
pub use host::{DeletedRange, Deletion, Host};
pub use options::{Durability, StoreOptions};
pub use recovered::{Recovered, RecoveredCommand};
pub use tools::{backup, inspect, salvage};
