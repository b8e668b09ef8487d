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
//! protobuf that does not parse, an index beyond its table) is a plain record, as it is for the Kinesis
//! Client Library: its bytes are somebody's data, and nothing of them is lost.

mod build;
mod read;

pub use build::AggregateBuilder;
pub use read::{Aggregate, UserRecord, UserRecords};

const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];
const CHECKSUM_BYTES: usize = 16;
/// Bytes of an aggregate beside its protobuf.
pub const FRAME_BYTES: usize = MAGIC.len() + CHECKSUM_BYTES;

const PARTITION_KEY_TABLE: u32 = 1;
const EXPLICIT_HASH_KEY_TABLE: u32 = 2;
const RECORDS: u32 = 3;

const PARTITION_KEY_INDEX: u32 = 1;
const EXPLICIT_HASH_KEY_INDEX: u32 = 2;
const DATA: u32 = 3;

fn checksum(message: &[u8]) -> [u8; CHECKSUM_BYTES] {
    use md5::{Digest, Md5};
    Md5::digest(message).into()
}

#[cfg(test)]
mod tests;
