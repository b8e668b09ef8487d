//! A known caller that asks for much and reads nothing.

use anyhow::{Context, Result};
use serde_json::json;

use crate::caller::STREAM;
use crate::connection::Connection;
use crate::keys::KNOWN;

/// Asks for ten megabytes, and keeps the connection until the server ends it.
pub(crate) async fn once(address: &str) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    let input = json!({
        "StreamName": STREAM,
        "ShardId": "shardId-000000000000",
        "ShardIteratorType": "TRIM_HORIZON",
    });
    let answer = connection.ask(&KNOWN.at_home("GetShardIterator", &input)).await?.json()?;
    let iterator = answer["ShardIterator"].as_str().context("no iterator")?;
    let input = json!({ "ShardIterator": iterator });
    connection.send(&KNOWN.at_home("GetRecords", &input)).await?;
    // Not read, but watched: one byte of it is there as long as nobody takes it.
    std::future::pending().await
}
