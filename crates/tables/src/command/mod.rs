//! Commands: the changes of tables, as they stand in the journal.
//!
//! A command is a CBOR array of the variant's number and its fields (minicbor's indexed form):
//! fields and variants keep their numbers for ever, new fields are optional. The types here are
//! the disk's own: they change only by addition.
//!
//! What a request asks is decided before: a command has whole items and keys, so that it can be applied
//! without expressions.

mod item;
mod table;
mod write;

pub use item::{decode_item, encode_item};
pub use table::*;
pub use write::*;

use bytes::Bytes;
use minicbor::{Decode, Encode};

/// A snapshot or command that this version cannot read.
#[derive(Debug, thiserror::Error)]
#[error("tables were written by a newer version, or are damaged error={0}")]
pub struct CommandError(#[from] minicbor::decode::Error);

/// A change of tables.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub enum Command {
    /// Adds a table.
    #[n(0)]
    CreateTable(#[n(0)] CreateTable),
    /// Changes what a table is.
    #[n(1)]
    UpdateTable(#[n(0)] UpdateTable),
    /// Forgets a table and its items.
    #[n(2)]
    DeleteTable(#[n(0)] DeleteTable),
    /// Sets which attribute says when items end.
    #[n(3)]
    SetTimeToLive(#[n(0)] SetTimeToLive),
    /// Adds or overwrites tags.
    #[n(4)]
    AddTags(#[n(0)] AddTags),
    /// Removes tags.
    #[n(5)]
    RemoveTags(#[n(0)] RemoveTags),
    /// Sets how far back point-in-time recovery is to reach.
    #[n(6)]
    SetRecovery(#[n(0)] SetRecovery),
    /// Puts and deletes items, all or none.
    #[n(10)]
    Write(#[n(0)] Write),
    /// Deletes items whose time has passed.
    #[n(11)]
    ExpireItems(#[n(0)] ExpireItems),
}

impl Command {
    /// The command's bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        Bytes::from(minicbor::to_vec(self).expect("writing to memory cannot fail"))
    }

    /// Reads a command.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, CommandError> {
        Ok(minicbor::decode(bytes)?)
    }
}
