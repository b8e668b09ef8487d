//! Partition keys as points on a ring of 2^128, and the ranges that shards own.

use crate::md5_lanes::{self, AT_ONCE_MIN, Blocks};
use md5::{Digest, Md5};

/// A point on the ring: the MD5 of a partition key, or the caller's ExplicitHashKey.
pub type HashKey = u128;

/// The hash key of a partition key: MD5 of its UTF-8 bytes, big-endian.
#[must_use]
pub fn of_partition_key(partition_key: &str) -> HashKey {
    u128::from_be_bytes(Md5::digest(partition_key.as_bytes()).into())
}

/// The hash key of each of many partition keys, as [`of_partition_key`] has it, in their order.
#[must_use]
pub fn of_partition_keys(partition_keys: &[&str]) -> Vec<HashKey> {
    let mut hashes = Vec::with_capacity(partition_keys.len());
    for keys in partition_keys.chunks(md5_lanes::LANES) {
        let are_short = keys.iter().all(|key| key.len() <= md5_lanes::TEXT_BYTES_MAX);
        if are_short && keys.len() >= AT_ONCE_MIN {
            let mut blocks = Blocks::new();
            keys.iter().for_each(|key| blocks.push(key.as_bytes()));
            hashes.extend(blocks.digests().map(u128::from_be_bytes));
        } else {
            hashes.extend(keys.iter().map(|key| of_partition_key(key)));
        }
    }
    hashes
}

/// Parses an ExplicitHashKey whose pattern was already checked.
///
/// Returns `None` when the number is over 2^128 - 1.
#[must_use]
pub fn parse(decimal: &str) -> Option<HashKey> {
    decimal.parse().ok()
}

/// The hash keys of one shard. Both ends belong to it, because 2^128 does not fit in a `u128`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKeyRange {
    /// First key of the range.
    pub start: HashKey,
    /// Last key of the range.
    pub end_inclusive: HashKey,
}

impl HashKeyRange {
    /// The whole ring.
    pub const FULL: Self = Self { start: 0, end_inclusive: u128::MAX };

    /// Whether `key` belongs to the range.
    #[must_use]
    pub fn contains(&self, key: HashKey) -> bool {
        self.start <= key && key <= self.end_inclusive
    }

    /// Whether all of `other` belongs to the range.
    #[must_use]
    pub fn holds(&self, other: Self) -> bool {
        self.contains(other.start) && self.contains(other.end_inclusive)
    }
}

/// The ranges of `count` new shards: equal sizes, the remainder goes to the last.
///
/// # Panics
/// If `count` is 0.
#[must_use]
pub fn uniform_ranges(count: u32) -> Vec<HashKeyRange> {
    assert!(count > 0, "a stream has at least one shard");
    let count = u128::from(count);
    if count == 1 {
        return vec![HashKeyRange::FULL];
    }
    // floor(2^128 / count) without 2^128: exact for powers of two as well.
    let size = u128::MAX / count + u128::from(u128::MAX % count == count - 1);
    (0..count)
        .map(|i| HashKeyRange {
            start: size * i,
            end_inclusive: if i + 1 == count { u128::MAX } else { size * (i + 1) - 1 },
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hashes_partition_keys_as_the_service_does() {
        assert_eq!(of_partition_key("a"), 16_955_237_001_963_240_173_058_271_559_858_726_497);
        assert_eq!(of_partition_key("b"), 195_289_424_170_611_159_128_911_017_612_795_795_343);
    }

    proptest! {
        #[test]
        fn many_keys_hash_as_each_alone(
            keys in proptest::collection::vec(".{0,70}", 0..100),
            short_keys in proptest::collection::vec("[a-z]{0,55}", 0..100),
        ) {
            let keys = [keys, short_keys].concat();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            let each: Vec<HashKey> = keys.iter().map(|key| of_partition_key(key)).collect();
            prop_assert_eq!(of_partition_keys(&keys), each);
        }
    }

    #[test]
    fn splits_as_the_service_does() {
        let starts = |n| uniform_ranges(n).iter().map(|r| r.start).collect::<Vec<_>>();
        assert_eq!(starts(2), [0, 170_141_183_460_469_231_731_687_303_715_884_105_728]);
        assert_eq!(
            starts(3),
            [
                0,
                113_427_455_640_312_821_154_458_202_477_256_070_485,
                226_854_911_280_625_642_308_916_404_954_512_140_970
            ]
        );
        assert_eq!(starts(5)[4], 272_225_893_536_750_770_770_699_685_945_414_569_164);
        assert_eq!(uniform_ranges(1), [HashKeyRange::FULL]);
    }

    #[test]
    fn explicit_keys_stop_at_the_ring() {
        assert_eq!(parse("340282366920938463463374607431768211455"), Some(u128::MAX));
        assert_eq!(parse("340282366920938463463374607431768211456"), None);
    }

    proptest! {
        #[test]
        fn ranges_cover_the_ring_without_gap_or_overlap(count in 1u32..5000) {
            let ranges = uniform_ranges(count);
            prop_assert_eq!(ranges.len(), count as usize);
            prop_assert_eq!(ranges[0].start, 0);
            prop_assert_eq!(ranges[ranges.len() - 1].end_inclusive, u128::MAX);
            for pair in ranges.windows(2) {
                prop_assert_eq!(pair[0].end_inclusive + 1, pair[1].start);
            }
        }
    }
}
