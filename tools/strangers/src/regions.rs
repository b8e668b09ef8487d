//! A key that goes through all Regions, and opens shards and has keys made in each.

use anyhow::{Context, Result};
use serde_json::json;

use crate::connection::Connection;
use crate::keys::{Key, TRAVELLER};

/// Open shards that an account may have in all Regions together: enough for one in each.
pub(crate) const SHARDS_MAX: u64 = 32;

/// Some that there are.
const REGIONS: [&str; 28] = [
    "af-south-1",
    "ap-east-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-2",
];

/// What a connection asks for first, second and so on: a stream, a key for it, in another Region each time,
/// every other of which there is not.
pub(crate) fn request(key: Key, connection: usize, number: usize) -> Vec<u8> {
    let round = number / 2;
    let region = match round % 2 {
        0 => REGIONS[(round / 2 + connection) % REGIONS.len()].to_owned(),
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
    for region in REGIONS {
        let request = TRAVELLER.request(region, "traveller", "DescribeLimits", &json!({}));
        let answer = connection.ask(&request).await?;
        open += answer.json()?["OpenShardCount"].as_u64().with_context(|| answer.text())?;
    }
    Ok(open)
}
