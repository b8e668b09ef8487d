//! Bodies of AddTagsToStream: changes of the catalog.

use anabranch_protocol::sigv4::sha256_hex;
use bytes::Bytes;
use serde_json::json;

use super::bodies::Body;

/// Values that a tag takes in turn: each call changes something.
const VALUES: usize = 16;

/// The streams of a run, one for each connection.
pub(crate) fn streams(prefix: &str, connections: usize) -> Vec<String> {
    (0..connections).map(|number| format!("{prefix}-{number}")).collect()
}

/// Bodies for one stream; each counts as one record.
pub(crate) fn pool(stream: &str, signed: bool) -> Vec<Body> {
    (0..VALUES)
        .map(|value| {
            let tags = json!({ "load": value.to_string() });
            let text = json!({ "StreamName": stream, "Tags": tags }).to_string().into_bytes();
            let sha256 = signed.then(|| sha256_hex(&text));
            Body { bytes: Bytes::from(text), sha256, records: 1 }
        })
        .collect()
}
