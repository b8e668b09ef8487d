//! Why a spool cannot be opened, or not take a record, and what of it is damaged.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a spool cannot be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// Another producer has it, in this process or another.
    #[error("another producer uses the spool path={}", path.display())]
    InUse {
        /// The spool's directory.
        path: PathBuf,
    },
    /// Something is in the directory that is not of a spool, or of one of a newer version.
    #[error("not a file of a spool that this version knows path={}", path.display())]
    Foreign {
        /// What it is.
        path: PathBuf,
    },
    /// The largest record would never fit.
    #[error("a spool for the largest record takes at least {min} bytes, not {max_bytes}")]
    TooSmall {
        /// What it may have.
        max_bytes: u64,
        /// What it must have.
        min: u64,
    },
    /// The operating system refused something.
    #[error("{error} path={}", path.display())]
    Io {
        /// What it was about.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
}

impl SpoolError {
    pub(super) fn io(path: &Path) -> impl Fn(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::Io { path: path.clone(), error }
    }
}

/// Why a spool does not take a record.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpoolTrouble {
    /// The volume has no room, or no file could be made. The record may be put again later.
    #[error("there is no room on its volume")]
    NoRoom,
    /// A write or a sync failed, now or before: nothing is taken until the spool is opened again. The record may
    /// be found then.
    #[error("it could not be written")]
    Failed,
    /// The name of the stream is empty or too long.
    #[error("the name of a stream has 1 to 2,048 bytes")]
    StreamName,
}

/// A part of a spool's file that cannot be read. Its records are lost; all others are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// The file. It is kept, and ends in `.damaged` once its other records have an outcome.
    pub path: PathBuf,
    /// Where the part begins in it.
    pub offset: u64,
    /// How many bytes it has; 0 if the file ends too early there.
    pub bytes: u64,
}
