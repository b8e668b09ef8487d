//! What can be wrong with the records of a run.

use crate::history::Cursor;
use crate::payload::Name;
use crate::place::{Place, Sequence, Shard};

/// Something that must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{name} was acknowledged in {place} and is not there")]
    Lost { name: Name, place: Place },
    #[error("{name} was acknowledged in {acknowledged} and read in {read}")]
    Misplaced { name: Name, acknowledged: Place, read: Place },
    #[error("{name} was read in {place} where {wanted} was acknowledged")]
    Usurped { name: Name, wanted: Name, place: Place },
    #[error("{name} was acknowledged in {place}, and so was {other}")]
    SamePlace { name: Name, other: Name, place: Place },
    #[error("{name} was read twice, the second time in {place}")]
    Duplicate { name: Name, place: Place },
    #[error("{name} was read in {place} after a record of its key that was sent later")]
    Reordered { name: Name, place: Place },
    #[error("{name} was refused and read in {place}")]
    Refused { name: Name, place: Place },
    #[error("{name} was never sent and read in {place}")]
    Unknown { name: Name, place: Place },
    #[error("{name} was read in {place} where {} was read before", number(*before))]
    Changed { name: Name, place: Place, before: Option<Sequence> },
    #[error("{name} in {place} does not come after {last}, which was read before it")]
    NotAbove { name: Name, place: Place, last: Sequence },
    #[error("{name} in {place} arrived at {arrival_ms} ms, the one before at {last_ms} ms")]
    ArrivedBefore { name: Name, place: Place, arrival_ms: i64, last_ms: i64 },
    #[error(
        "{shard} ends after {} records, and {known} have been read, the last at {}",
        found.count, number(*last)
    )]
    Vanished { shard: Shard, found: Cursor, known: u64, last: Option<Sequence> },
}

fn number(sequence: Option<Sequence>) -> String {
    sequence.map_or_else(|| "nothing".to_owned(), |sequence| sequence.to_string())
}
