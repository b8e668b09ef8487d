//! Random changes of a stream's shards.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::ScalingType;
use rand::Rng;
use rand::seq::IndexedRandom;

use crate::failure::{Failure, failure};
use crate::listed::{Listed, Shard};

/// Open shards that a stream is kept between.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub open_min: usize,
    pub open_max: usize,
}

/// A change of a stream's shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reshard {
    /// A shard, and the hash key that its second half begins with.
    Split(Shard, u128),
    /// Two neighbours.
    Merge(Shard, Shard),
    /// To so many open shards.
    Rescale(i32),
}

impl Reshard {
    /// A change that may be made of these shards; `None` now and then.
    pub fn draw(shards: &[Listed], bounds: Bounds, rng: &mut impl Rng) -> Option<Self> {
        let Bounds { open_min, open_max } = bounds;
        let mut open: Vec<&Listed> = shards.iter().filter(|listed| !listed.is_closed).collect();
        open.sort_by_key(|listed| listed.start);
        if rng.random_range(0..7) < 2 {
            let now = open.len();
            let target = rng.random_range(now.div_ceil(2).max(open_min)..=(now * 2).min(open_max));
            return (target != now).then_some(Self::Rescale(target as i32));
        }
        let splits = open.len() <= open_min || (open.len() < open_max && rng.random_bool(0.5));
        if splits {
            let shard = open.choose(rng)?;
            let width = shard.end_inclusive - shard.start;
            // Away from the ends, so that ranges stay wide enough to be split again.
            let key = shard.start + rng.random_range(width / 4..width / 4 * 3);
            return (width > 1 << 64).then_some(Self::Split(shard.shard, key));
        }
        let pair = open.windows(2).collect::<Vec<_>>();
        let pair = pair.choose(rng)?;
        Some(Self::Merge(pair[0].shard, pair[1].shard))
    }

    /// Asks for the change.
    pub async fn perform(self, client: &Client, stream: &str) -> Result<(), Failure> {
        match self {
            Self::Split(shard, key) => {
                let split = client.split_shard().stream_name(stream);
                let split = split.new_starting_hash_key(key.to_string());
                split.shard_to_split(shard.to_string()).send().await.map_err(failure)?;
            }
            Self::Merge(lower, upper) => {
                let merge = client.merge_shards().stream_name(stream);
                let merge = merge.shard_to_merge(lower.to_string());
                let merge = merge.adjacent_shard_to_merge(upper.to_string());
                merge.send().await.map_err(failure)?;
            }
            Self::Rescale(target) => {
                let update = client.update_shard_count().stream_name(stream);
                let update = update.target_shard_count(target);
                let update = update.scaling_type(ScalingType::UniformScaling);
                update.send().await.map_err(failure)?;
            }
        }
        Ok(())
    }
}
