//! What is intact of a damaged directory, into a new one.
//!
//! [`read`] looks at every file and finds the frames whose checksums hold, wherever they are;
//! whoever knows the catalog makes a snapshot of what it found, and [`Salvage::write`] makes the
//! new directory. The old one is only read.
//!
//! * Journal files are written anew with the frames that were found, in their order, and sealed.
//! * Intact segments are copied, damaged ones are written anew with the frames that were found. A
//!   segment whose journal file is still there fills the gaps of that.
//! * The catalog becomes one snapshot that covers every command.
//!
//! A [`Finding`] is a place that was damaged and what that costs. Indices count the records of the
//! whole cell, so the indices between two frames bound how many records a gap can have had.

mod finding;
mod found;
mod journal;
mod read;
mod read_journals;
mod read_segments;
mod scan;
mod segments;
mod write;

pub use finding::{Finding, Lost, ShardExtent};
pub use found::Salvage;
pub use read::read;
