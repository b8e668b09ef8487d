//! A data directory.

pub(crate) mod directory;
pub(crate) mod journal;
pub(crate) mod journal_file;
pub(crate) mod lock_watch;
pub(crate) mod medium;
pub(crate) mod open_directories;
pub(crate) mod recovery;
pub(crate) mod scan;
pub(crate) mod shelf;
pub(crate) mod spare;
