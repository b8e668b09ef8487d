//! Commands about shards: resharding, rescaling, forgetting.

use anabranch_model::{ShardId, ShardKey};
use minicbor::{Decode, Encode};

/// See [`super::Command::Reshard`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Reshard {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// What happens, in order: children get their ids in this order.
    #[n(1)]
    pub moves: Vec<ReshardMove>,
    /// How long the stream stays UPDATING, in milliseconds.
    #[n(2)]
    pub transition_ms: u64,
}

/// See [`super::Command::BeginReshard`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BeginReshard {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// What will happen, as in [`Reshard`].
    #[n(1)]
    pub moves: Vec<ReshardMove>,
}

impl Reshard {
    /// The shards that it closes.
    #[must_use]
    pub fn closed_shards(&self) -> Vec<ShardKey> {
        let numbers = self.moves.iter().flat_map(|one| match *one {
            ReshardMove::Split { shard, .. } => [Some(shard), None],
            ReshardMove::Merge { lower, upper } => [Some(lower), Some(upper)],
        });
        numbers.flatten().map(|shard| ShardKey::new(self.stream, ShardId(shard))).collect()
    }
}

/// Open shards that are closed, and their children.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum ReshardMove {
    /// One shard becomes two.
    #[n(0)]
    Split {
        /// The shard's number.
        #[n(0)]
        shard: u32,
        /// Where the upper child starts, big-endian.
        #[cbor(n(1), with = "minicbor::bytes")]
        at: [u8; 16],
    },
    /// Two shards become one.
    #[n(1)]
    Merge {
        /// Number of the lower shard.
        #[n(0)]
        lower: u32,
        /// Number of the upper shard.
        #[n(1)]
        upper: u32,
    },
}

/// See [`super::Command::BeginRescale`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BeginRescale {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// Shards that it shall have.
    #[n(1)]
    pub target: u32,
    /// Whether it counts against the limit of such calls in a day.
    #[n(2)]
    pub is_counted: bool,
}

/// See [`super::Command::EndRescale`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct EndRescale {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// How long the stream still stays UPDATING, in milliseconds.
    #[n(1)]
    pub transition_ms: u64,
}

/// See [`super::Command::ForgetShards`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ForgetShards {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// Shards closed before this are forgotten, epoch milliseconds.
    #[n(1)]
    pub closed_before_ms: u64,
}
