//! Why a cell cannot start.

use super::change::ChangeFailure;
use crate::state::command::CommandError;
use anabranch_storage::OpenError;

/// Why the engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CommandError),
    #[error("cannot start a thread error={0}")]
    Thread(#[from] std::io::Error),
    /// The first command was refused.
    #[error(transparent)]
    First(#[from] ChangeFailure),
}
