//! What is damaged, what that costs, and what is left of a shard.

use anabranch_model::ShardKey;
use std::ops::Range;
use std::path::PathBuf;

/// A place that was found damaged.
#[derive(Clone, Debug)]
pub struct Finding {
    pub path: PathBuf,
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
    /// What is gone with it.
    pub lost: Lost,
}

/// What is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Nothing: what was there is known or was made anew.
    Nothing,
    /// Records, and commands where the shard is not known.
    Records {
        /// Whose they were, if that is known.
        shard: Option<ShardKey>,
        /// Their indices are in this range, which other shards may have a part in.
        indices: Range<u64>,
        /// At most so many records.
        records_max: u64,
    },
    /// A change of the catalog.
    Command { number: u64 },
    /// The end of the last journal file: a request that was never acknowledged, or one that was.
    Tail {
        /// What it held has this index or a higher one.
        from_index: u64,
    },
    /// A snapshot of the catalog, and with it all that it alone held.
    Snapshot,
}

/// The records of one shard that were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardExtent {
    /// How many.
    pub records: u64,
    /// Index of the first one.
    pub first_index: u64,
    /// Index behind the last one.
    pub end_index: u64,
    /// Arrival time of the first one, epoch milliseconds.
    pub first_ms: u64,
    /// Arrival time of the last one.
    pub last_ms: u64,
    /// Whether some of them are sealed: without the catalog nobody can open them.
    pub has_sealed: bool,
}
