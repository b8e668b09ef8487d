//! A spool: records on the disk from when they are put until they have an outcome, so that they survive the end
//! of the process and an outage that is longer than memory.
//!
//! ```text
//! put ─► queue ─► records file, synced ─┬─ there is room, nothing before it waits ─► pipeline ─► outcome
//!                 (many share a sync)   │                                              ▲            │
//!                                       └─ else it stays on the disk ─► read back ─────┘   outcomes file;
//!                                                                     in order       segments without rest go
//! ```
//!
//! Invariants:
//! - What was accepted is durable: `put` returns after the sync of its record and of its file's name.
//! - Records are handed on in the order in which they were accepted, each once in a process.
//! - Memory: records on their way to the disk ([`store::WRITING_BYTES_MAX`]), one segment that is read
//!   back, and what the pipelines have room for.
//! - A segment is removed only when each of its records has an outcome. What a closed producer gives up has none.
//! - After a failed sync nothing is accepted until the spool is opened again.
//!
//! `format` is what the files are made of, `ledger` which segments there are and which may go, `reading` what of
//! a segment is handed on: pure. `opening` is what the last process left, `store` what all threads share,
//! `writing` the one that writes, `feeding` the task that reads back.

mod contents;
mod error;
mod feeding;
mod files;
pub(crate) mod format;
mod ledger;
mod opening;
mod reading;
mod settings;
mod spooling;
mod store;
mod writing;

#[doc(hidden)]
pub use contents::{SpoolContents, spool_contents};
pub use error::{Damage, SpoolError, SpoolTrouble};
pub(crate) use feeding::feed;
pub(crate) use format::SpoolRecord;
pub(crate) use ledger::RecordId;
pub use settings::{Spool, SpoolStatus};
pub use spooling::Spooling;
pub(crate) use store::{Append, Outlet, Settled, Spooled, Store};

#[cfg(test)]
mod tests;
