//! What the engine rebuilds its catalog from.

use bytes::Bytes;

/// A command as it was journaled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecoveredCommand {
    pub number: u64,
    /// The cell's next index at its place.
    pub index: u64,
    /// When it was journaled, epoch milliseconds.
    pub arrival_ms: u64,
    /// The engine's bytes.
    pub payload: Bytes,
}

/// What the engine needs to rebuild the catalog.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// The newest snapshot, if there is any.
    pub snapshot: Option<Bytes>,
    /// The commands since, in order.
    pub commands: Vec<RecoveredCommand>,
    /// Records that were read back into memory.
    pub records: u64,
    /// Bytes of journal that were read.
    pub journal_bytes: u64,
    /// Bytes of a torn tail that were cut.
    pub torn_bytes: u64,
}
