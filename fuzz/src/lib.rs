//! What several targets need.

pub mod spool;
pub mod storage;

use std::borrow::Cow;
use std::collections::BTreeMap;

use anabranch_protocol::shape::Rule;
use anabranch_protocol::shape::rules::{
    ANY, DATA, HASH_KEY, PARTITION_KEY, POSITIVE, RECORDS, STREAM_ARN, STREAM_NAME, TAG_MAP,
};
use anabranch_protocol::{Blob, Codec, Decode, RequestError, Timestamp, input, string_enum};
use anabranch_server::schema;

string_enum! {
    /// An enum.
    pub enum Mode {
        Provisioned = "PROVISIONED",
        OnDemand = "ON_DEMAND",
    }
}

input! {
    /// The busiest request: lists, blobs, borrowed strings.
    pub struct PutRecords<'a> {
        records: Vec<Entry<'a>> = "Records" [RECORDS],
        stream_name: Option<Cow<'a, str>> = "StreamName" [STREAM_NAME],
        stream_arn: Option<Cow<'a, str>> = "StreamARN" [STREAM_ARN],
    }

    /// A record.
    pub struct Entry<'a> {
        data: Blob<'a> = "Data" [DATA],
        explicit_hash_key: Option<Cow<'a, str>> = "ExplicitHashKey" [HASH_KEY],
        partition_key: Option<Cow<'a, str>> = "PartitionKey" [PARTITION_KEY],
    }

    /// Every other type of member.
    pub struct Everything {
        stream_name: String = "StreamName" [STREAM_NAME],
        shard_count: Option<i32> = "ShardCount" [POSITIVE],
        limit: Option<i64> = "Limit" [Rule::between(1, 10_000)],
        enforce: Option<bool> = "EnforceConsumerDeletion" [ANY],
        at: Option<Timestamp> = "Timestamp" [ANY],
        tags: Option<BTreeMap<String, String>> = "Tags" [TAG_MAP],
        mode: Option<ModeDetails> = "StreamModeDetails" [ANY],
        names: Option<Vec<String>> = "Names" [Rule::at_most(50)],
    }

    /// A structure inside one.
    pub struct ModeDetails {
        mode: Mode = "StreamMode" [ANY],
    }

    /// No member at all: everything is read over.
    pub struct Nothing {}
}

/// Decodes what follows the first line as the request of the operation that the line names; a
/// line that names none picks one all the same. Every operation must agree with the codec on what
/// is malformed.
pub fn decode_as_an_operation(codec: Codec, input: &[u8]) {
    let Some(end) = input.iter().position(|byte| *byte == b'\n') else { return };
    let (line, body) = (&input[..end], &input[end + 1..]);
    let names = schema::operation_names();
    let named = names.iter().find(|name| name.as_bytes() == line);
    let picked = usize::from(line.first().copied().unwrap_or_default()) % names.len();
    let name = named.unwrap_or(&names[picked]);
    let outcome = schema::decode(name, codec, body).expect("names come from the same table");
    let is_malformed = matches!(outcome, Err(RequestError::Malformed));
    assert_eq!(is_malformed, !codec.is_well_formed(body), "{name}");
    if let Err(error) = outcome {
        // The text is built from the input, too.
        let _ = error.to_string();
    }
}

/// Decodes a body in every shape. Reading it in order to decode it must find the same bodies
/// malformed as reading over it, and every blob that was let through must decode to its length.
pub fn decode_in_every_shape(codec: Codec, body: &[u8]) {
    let is_well_formed = codec.is_well_formed(body);
    if let Some(put) = decode::<PutRecords<'_>>(codec, body, is_well_formed) {
        for entry in &put.records {
            let data = entry.data.to_vec().expect("checked while it was read");
            assert_eq!(data.len(), entry.data.decoded_len());
        }
    }
    decode::<Everything>(codec, body, is_well_formed);
    decode::<Nothing>(codec, body, is_well_formed);
}

fn decode<'a, T: Decode<'a>>(codec: Codec, body: &'a [u8], is_well_formed: bool) -> Option<T> {
    let outcome = codec.decode_input::<T>(body);
    let is_malformed = matches!(outcome, Err(RequestError::Malformed));
    assert_eq!(is_malformed, !is_well_formed);
    if let Err(error) = &outcome {
        // The text is built from the input, too.
        let _ = error.to_string();
    }
    outcome.ok()
}
