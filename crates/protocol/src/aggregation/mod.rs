//! Aggregated records: many user records in one record of a stream, in the format of the Kinesis
//! Producer Library.
//!
//! ```text
//! F3 89 9A C2 | protobuf AggregatedRecord | MD5 of the protobuf (16 bytes)
//!
//! message AggregatedRecord {
//!   repeated string partition_key_table     = 1;   each distinct partition key once
//!   repeated string explicit_hash_key_table = 2;   each distinct explicit hash key once, decimal
//!   repeated Record records                 = 3;   a record's place is its sub-sequence number
//! }
//! message Record {
//!   required uint64 partition_key_index     = 1;
//!   optional uint64 explicit_hash_key_index = 2;
//!   required bytes  data                    = 3;
//!   repeated Tag    tags                    = 4;   read over; nobody writes them
//! }
//! ```
//!
//! Both tables are in the order of first use. What only looks like an aggregate (a wrong checksum, a
//! protobuf that does not parse, an index beyond its table) is a plain record here: its bytes are somebody's
//! data, and nothing of them is lost. The Kinesis Client Library does the same but for an index beyond its table,
//! from which on it drops the records.

mod build;
mod format;
mod read;

pub use build::{AggregateBuilder, Draft};
pub use format::{CHECKSUM_BYTES, FRAME_BYTES};
pub use read::{Aggregate, UserRecord, UserRecords};

#[cfg(test)]
mod tests;
