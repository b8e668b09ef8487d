//! A key that goes through all Regions, and opens shards and has keys made in each.

use anabranch_model::regions::AWS_REGIONS;
use anyhow::{Context, Result};
use serde_json::json;

use crate::connection::Connection;
use crate::keys::{Key, TRAVELLER};

/// Open shards that an account may have in all Regions together: enough for one in each.
pub(crate) const SHARDS_MAX: u64 = 32;

/// Some that there are.
fn regions() -> &'static [&'static str] {
    &AWS_REGIONS[..28]
}

/// What a connection asks for first, second and so on: a stream, a key for it, in another Region each time,
/// every other of which there is not.
pub(crate) fn request(key: Key, connection: usize, number: usize) -> Vec<u8> {
    let round = number / 2;
    let region = match round % 2 {
        0 => regions()[(round / 2 + connection) % regions().len()].to_owned(),
        _ => format!("nowhere-{connection}-{round}"),
    };
    let name = format!("s-{connection}-{round}");
    let (operation, input) = if number.is_multiple_of(2) {
        ("CreateStream", json!({ "StreamName": name, "ShardCount": 1 }))
    } else {
        let input =
            json!({ "StreamName": name, "EncryptionType": "KMS", "KeyId": "alias/aws/kinesis" });
        ("StartStreamEncryption", input)
    };
    key.request(&region, "traveller", operation, &input)
}

/// Shards that it has open, in all of them.
pub(crate) async fn open_shards(address: &str) -> Result<u64> {
    let mut connection = Connection::open(address).await?;
    let mut open = 0;
    for region in regions() {
        let request = TRAVELLER.request(region, "traveller", "DescribeLimits", &json!({}));
        let answer = connection.ask(&request).await?;
        open += answer.json()?["OpenShardCount"].as_u64().with_context(|| answer.text())?;
    }
    Ok(open)
}
