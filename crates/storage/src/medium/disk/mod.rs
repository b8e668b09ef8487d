//! A data directory.

pub(crate) mod journal_file;
pub(crate) mod recovery;
pub(crate) mod scan;
pub(crate) mod spare;
