//! Machines: state that changes by commands alone.

use super::command::CommandError;
use anabranch_storage::Appended;
use bytes::Bytes;
use minicbor::{Decode, Encode};

/// Which machine of a cell it is: a number for ever, in the journal and in snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(transparent)]
pub(crate) struct MachineId(#[n(0)] pub(crate) u32);

impl MachineId {
    pub(crate) const CATALOG: Self = Self(0);
}

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
pub(crate) trait Machine: Default + Send + 'static {
    const ID: MachineId;
    type Command: Send + 'static;
    type Effect: Send + 'static;

    /// Applies a command, and tells what it has changed.
    fn apply(&mut self, command: &Self::Command, place: Place) -> Vec<Self::Effect>;

    /// The command's bytes.
    fn encode(command: &Self::Command) -> Bytes;

    fn decode(command: &[u8]) -> Result<Self::Command, CommandError>;

    /// The machine that a snapshot was made of.
    fn restore(snapshot: &[u8]) -> Result<Self, CommandError>;

    /// Number of the last command in it, 0 before the first. A snapshot has it.
    fn applied(&self) -> u64;
}

/// What can be seen of a machine, and so is kept of it.
pub(crate) trait Kept: Send + Sync + 'static {
    /// What [`Machine::restore`] takes.
    fn snapshot(&self) -> Vec<u8>;

    /// As [`Machine::applied`].
    fn applied(&self) -> u64;
}
