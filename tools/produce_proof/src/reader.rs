//! Reads all that is in the stream, and shows it to the truth.

use anabranch_client::Client;
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::types::ShardIteratorType;
use shards::{Failure, Lineage, Listed};

use crate::truth::Truth;

/// Records of an answer.
const LIMIT: i32 = 10_000;

/// Reads every shard, parents before children, from its beginning to where nothing more is. Nothing is
/// written meanwhile.
pub(crate) async fn read_all(client: &Client, stream: &str, truth: &mut Truth) -> Result<()> {
    let all = shards::list(client, stream).await.map_err(Failure::into_error)?;
    let mut lineage = Lineage::default();
    all.iter().for_each(|listed| lineage.add(listed.shard, listed.parents.clone()));
    let mut read = 0;
    while let Some((shard, _)) = lineage.next_ready() {
        let listed = all.iter().find(|listed| listed.shard == shard);
        let listed = listed.context("a shard that is not listed")?;
        read_shard(client, stream, listed, truth).await.with_context(|| shard.to_string())?;
        lineage.ended(shard);
        read += 1;
    }
    ensure!(read == all.len(), "{} shards have parents that are not there", all.len() - read);
    Ok(())
}

async fn read_shard(
    client: &Client,
    stream: &str,
    listed: &Listed,
    truth: &mut Truth,
) -> Result<()> {
    let get = client.get_shard_iterator().stream_name(stream).shard_id(listed.shard.to_string());
    let get = get.shard_iterator_type(ShardIteratorType::TrimHorizon);
    let mut iterator = get.send().await?.shard_iterator;
    while let Some(at) = iterator {
        let got = client.get_records().shard_iterator(at).limit(LIMIT).send().await?;
        for record in got.records() {
            let key = record.partition_key().context("no partition key")?;
            truth.read(listed, record.sequence_number(), key, record.data().as_ref());
        }
        let is_at_tip = got.records().is_empty() && got.millis_behind_latest() == Some(0);
        if is_at_tip && !listed.is_closed {
            return Ok(());
        }
        iterator = got.next_shard_iterator;
    }
    Ok(())
}
