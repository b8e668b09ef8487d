//! Machines: state that changes by commands alone.

use anabranch_storage::Appended;
use bytes::Bytes;

/// Where a command stands in the journal.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The command's number.
    pub number: u64,
    /// The cell's next index there.
    pub index: u64,
    /// When it was journaled, epoch milliseconds.
    pub arrival_ms: u64,
}

impl Place {
    /// Where a command was appended.
    pub(crate) fn of(appended: &Appended) -> Self {
        Self {
            number: appended.command,
            index: appended.first_indices[0],
            arrival_ms: appended.arrival_ms,
        }
    }
}

/// State that is data, and changes by commands alone.
///
/// Invariant: what [`Machine::apply`] does depends on nothing but the machine, the command and its
/// place, so that recovery rebuilds what was there.
pub(crate) trait Machine: Send + 'static {
    type Command: Send + 'static;
    type Effect: Send + 'static;

    /// Applies a command, and tells what it has changed.
    fn apply(&mut self, command: &Self::Command, place: Place) -> Vec<Self::Effect>;

    /// The command as it is journaled.
    fn encode(command: &Self::Command) -> Bytes;
}
