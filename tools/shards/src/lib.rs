//! What the harnesses that change streams share: shards as they are listed, which of them may be read
//! when, how a stream is changed at random, and what a call without a result means.

mod failure;
mod lineage;
mod listed;
mod reshard;

pub use failure::{Failure, failure};
pub use lineage::Lineage;
pub use listed::{Listed, Shard, list};
pub use reshard::{Bounds, Reshard};
