//! Shards as they are listed.

use std::fmt;

use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::{self, ShardFilter};

use crate::failure::{Failure, failure};

/// The number in a shard's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shard(pub u32);

impl Shard {
    pub fn parse(id: &str) -> Result<Self> {
        let digits = id.strip_prefix("shardId-").filter(|digits| digits.len() == 12);
        let number = digits.and_then(|digits| digits.parse().ok());
        number.map(Self).with_context(|| format!("no shard id: {id:?}"))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shardId-{:012}", self.0)
    }
}

/// A shard as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub shard: Shard,
    pub parents: Vec<Shard>,
    pub start: u128,
    pub end_inclusive: u128,
    pub is_closed: bool,
}

/// All shards of a stream.
pub async fn list(client: &Client, stream: &str) -> Result<Vec<Listed>, Failure> {
    let invalid = |error: anyhow::Error| Failure::invalid(&error.context("ListShards"));
    let mut listed = Vec::new();
    let mut request = client.list_shards().stream_name(stream);
    request = request.set_shard_filter(None::<ShardFilter>);
    loop {
        let page = request.send().await.map_err(failure)?;
        for shard in page.shards() {
            listed.push(parse(shard).map_err(invalid)?);
        }
        let Some(token) = page.next_token else { return Ok(listed) };
        request = client.list_shards().next_token(token);
    }
}

fn parse(shard: &types::Shard) -> Result<Listed> {
    let range = shard.hash_key_range().context("no range")?;
    let numbers = shard.sequence_number_range().context("no sequence numbers")?;
    let parents = [shard.parent_shard_id(), shard.adjacent_parent_shard_id()];
    let parents: Result<Vec<_>> = parents.into_iter().flatten().map(Shard::parse).collect();
    let (start, end_inclusive) =
        (range.starting_hash_key().parse()?, range.ending_hash_key().parse()?);
    ensure!(start <= end_inclusive, "a range without keys");
    Ok(Listed {
        shard: Shard::parse(shard.shard_id())?,
        parents: parents?,
        start,
        end_inclusive,
        is_closed: numbers.ending_sequence_number().is_some(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_ids_come_back() {
        let shard = Shard::parse("shardId-000000000012").expect("an id");
        assert_eq!((shard.0, shard.to_string().as_str()), (12, "shardId-000000000012"));
        assert!(Shard::parse("shardId-12").is_err());
    }
}
