//! The domain of Kinesis without input or output.
//!
//! Names and ARNs, hash-key ranges, sequence numbers, shard families, token buckets and
//! retention arithmetic. Nothing here reads a clock, allocates a task or knows a wire format:
//! time is an argument, and every function is pure.

#![warn(missing_docs)]

pub mod arn;
pub mod commitment;
pub mod hash_key;
pub mod lease;
pub mod limits;
pub mod md5_lanes;
pub mod on_demand;
pub mod regions;
pub mod reshard;
pub mod retention;
pub mod sequence_number;
pub mod shard;
pub mod shard_filter;
pub mod shard_id;
pub mod token_bucket;
pub mod write_budget;

pub use arn::{Arn, ConsumerArn, Partition, StreamArn};
pub use commitment::{Commitment, CommitmentStatus};
pub use hash_key::{HashKey, HashKeyRange};
pub use regions::AWS_REGIONS;
pub use sequence_number::{OlderNumber, SequenceNumber};
pub use shard::Shard;
pub use shard_id::{ShardId, ShardKey};
