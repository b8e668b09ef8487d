//! What a shard is known by: its name within the stream, and its key within the cell.

use std::fmt;

/// A shard's name within its stream: a number counted from 0 that is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u32);

impl ShardId {
    /// Reads the id out of a request as the service does.
    ///
    /// The text after the first `-` counts (all of it when there is none), as a decimal in
    /// 0..=2147483647: `0`, `x-0` and `shardId-000000000000` name the same shard.
    #[must_use]
    pub fn parse_lenient(text: &str) -> Option<Self> {
        let digits = text.split_once('-').map_or(text, |(_, rest)| rest);
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let number: u32 = plain.then(|| digits.parse().ok()).flatten()?;
        i32::try_from(number).ok().map(|_| Self(number))
    }

    /// The name in ASCII: `shardId-` and twelve digits. Every stored record is answered with one.
    #[must_use]
    pub fn name(self) -> [u8; SHARD_NAME_BYTES] {
        let mut name = *b"shardId-000000000000";
        let mut rest = self.0;
        for digit in name.iter_mut().rev() {
            if rest == 0 {
                break;
            }
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        name
    }
}

/// Length of a shard's name.
pub const SHARD_NAME_BYTES: usize = 20;

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.name()).expect("ASCII"))
    }
}

/// A shard's identity within a cell, for ever: the number of the stream's incarnation and the
/// shard's index in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardKey(pub u64);

impl ShardKey {
    /// Joins the two numbers.
    #[must_use]
    pub fn new(stream: u32, shard: ShardId) -> Self {
        Self(u64::from(stream) << 32 | u64::from(shard.0))
    }

    /// The number of the stream's incarnation.
    #[must_use]
    pub fn stream(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The shard within the stream.
    #[must_use]
    pub fn shard(self) -> ShardId {
        ShardId(self.0 as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ids_as_leniently_as_the_service() {
        for text in ["0", "x-0", "shard-000", "shardId-000000000000"] {
            assert_eq!(ShardId::parse_lenient(text), Some(ShardId(0)), "{text}");
        }
        assert_eq!(ShardId::parse_lenient("shardId-2147483647"), Some(ShardId(2_147_483_647)));
        for text in ["", "-", "x", "shardId-2147483648", "a-b-1", "shardId-+1", "shardId-1 "] {
            assert_eq!(ShardId::parse_lenient(text), None, "{text}");
        }
        assert_eq!(ShardId(7).to_string(), "shardId-000000000007");
    }
}
