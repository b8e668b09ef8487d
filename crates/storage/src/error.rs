//! Why a store cannot be opened, and why an append was not confirmed.

use anabranch_model::ShardKey;
use std::io;
use std::path::{Path, PathBuf};

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "the data directory is in use by another process path={}; stop that process, or choose \
         another directory with --data-dir",
        .0.display()
    )]
    Locked(PathBuf),
    /// The operating system refused.
    #[error("cannot use the data directory path={} error={error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// A checksum or a structure does not hold.
    #[error(
        "the data directory is damaged path={} offset={offset}; restore it from a backup, or save \
         what is intact with `anabranch inspect DATA_DIR --repair NEW_DIR`",
        path.display()
    )]
    Damaged {
        path: PathBuf,
        /// Where in the file.
        offset: u64,
    },
    /// A file that must be there is not.
    #[error(
        "the data directory is incomplete, missing={}; restore it from a backup, or save what is \
         there with `anabranch inspect DATA_DIR --repair NEW_DIR`",
        .0.display()
    )]
    Missing(PathBuf),
    /// A segment that must be there is not.
    #[error(
        "a segment is missing path={}; restore it from a backup, or, to go on without its records, \
         save the others with `anabranch inspect DATA_DIR --repair NEW_DIR`, or remove the list \
         path={}",
        path.display(),
        list.display()
    )]
    MissingSegment {
        /// The segment.
        path: PathBuf,
        /// The file that says that it must be there.
        list: PathBuf,
    },
    /// The list of segments does not hold.
    #[error(
        "the list of segments is damaged path={} offset=0; if `anabranch inspect` finds nothing else, remove \
         it: a new one is made",
        .0.display()
    )]
    DamagedList(PathBuf),
    /// A file has a name that no file of this version has.
    #[error(
        "a file in the data directory has a name that this version does not know path={}; if \
         somebody put it there, take it away; if its name is damaged, save what is intact with \
         `anabranch inspect DATA_DIR --repair NEW_DIR`",
        .0.display()
    )]
    UnknownName(PathBuf),
    /// The directory holds something else or was written by another version.
    #[error(
        "this is not a data directory that this version can read path={}; use an empty directory \
         or the version that wrote it, or, if no other version did, save what is intact with \
         `anabranch inspect DATA_DIR --repair NEW_DIR`",
        .0.display()
    )]
    UnknownFormat(PathBuf),
}

impl OpenError {
    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        Self::Io { path: path.to_owned(), error }
    }

    pub(crate) fn damaged(path: &Path, offset: u64) -> Self {
        Self::Damaged { path: path.to_owned(), offset }
    }
}

/// Why an append was not confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The gate of this shard is closed. Nothing was stored.
    #[error("shard is closed key={}", .0.0)]
    Closed(ShardKey),
    /// The volume is full. Nothing was stored; it may work later.
    #[error("the volume of the data directory is full")]
    StorageFull,
    /// The memory for records is full, where they are kept nowhere else. Nothing was stored; it may work
    /// when some have expired.
    #[error(
        "the memory for records is full; raise --tail-cache-bytes, or let the oldest ones go with \
         --memory-full drop-oldest"
    )]
    MemoryFull,
    /// The queue stayed full for too long. Nothing was stored.
    #[error("the disk does not keep up")]
    Overloaded,
    /// A write or a sync failed. What was stored shows after a restart.
    #[error("the journal failed; restart the server")]
    Failed,
    /// The store is closing. Nothing was stored.
    #[error("the store is shutting down")]
    ShuttingDown,
}
