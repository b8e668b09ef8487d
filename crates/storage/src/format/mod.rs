//! What is on the disk: one file for each thing, with its layout, encoding, decoding and tests.

pub(crate) mod deletion_time;
pub(crate) mod frame;
pub(crate) mod header;
pub(crate) mod journal_header;
pub(crate) mod layout;
pub(crate) mod mark;
pub mod record;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod segment;
pub(crate) mod segment_list;
pub(crate) mod snapshot;
pub(crate) mod tail_copy;
