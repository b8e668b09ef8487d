//! The macros on shapes that stand for all others.
#![allow(clippy::unwrap_used)]

mod decoding;
mod encoding;
mod matching;
mod violations;

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;

use super::rules::{
    ANY, DATA, HASH_KEY, METRICS_NAMES, PARTITION_KEY, POSITIVE, RECORDS, STREAM_ARN, STREAM_NAME,
    TAG_KEYS, TAG_MAP,
};
use super::{RequestError, Rule};
use crate::codec::Codec;
use crate::value::{Blob, Timestamp};
use crate::{Decode, input, output, string_enum};

string_enum! {
    enum StreamMode { Provisioned = "PROVISIONED", OnDemand = "ON_DEMAND" }
    enum Metric { IncomingBytes = "IncomingBytes", All = "ALL" }
}

input! {
    struct CreateStreamInput {
        stream_name: String = "StreamName" [STREAM_NAME],
        shard_count: Option<i32> = "ShardCount" [POSITIVE],
        tags: Option<BTreeMap<String, String>> = "Tags" [TAG_MAP],
        stream_mode_details: Option<StreamModeDetails> = "StreamModeDetails" [ANY],
        limit: Option<i64> = "Limit" [Rule::between(1, 10_000)],
        enforce: Option<bool> = "EnforceConsumerDeletion" [ANY],
        at: Option<Timestamp> = "At" [ANY],
        metrics: Option<Vec<Metric>> = "ShardLevelMetrics" [METRICS_NAMES],
        tag_keys: Option<Vec<String>> = "TagKeys" [TAG_KEYS],
    }

    struct StreamModeDetails {
        stream_mode: StreamMode = "StreamMode" [ANY],
    }

    struct PutRecordsInput<'a> {
        records: Vec<PutRecordsEntry<'a>> = "Records" [RECORDS],
        stream_name: Option<Cow<'a, str>> = "StreamName" [STREAM_NAME],
        stream_arn: Option<Cow<'a, str>> = "StreamARN" [STREAM_ARN],
    }

    struct PutRecordsEntry<'a> {
        data: Blob<'a> = "Data" [DATA],
        explicit_hash_key: Option<Cow<'a, str>> = "ExplicitHashKey" [HASH_KEY],
        partition_key: Option<Cow<'a, str>> = "PartitionKey" [PARTITION_KEY],
    }

    struct NothingInput {}
}

output! {
    struct DescribeOutput {
        shard_limit: i32 = "ShardLimit",
        shards: Vec<Shard> = "Shards",
        next_token: Option<String> = "NextToken",
        tags: BTreeMap<String, String> = "Tags",
        mode: StreamMode = "StreamMode",
        created: Option<Timestamp> = "Created",
    }

    struct Shard {
        shard_id: String = "ShardId",
        behind: i64 = "MillisBehindLatest",
        open: bool = "Open",
        data: Option<Bytes> = "Data",
        status: &'static str = "Status",
    }

    struct NothingOutput {}
}

fn decode<'a, T: Decode<'a>>(json: &'a str) -> Result<T, RequestError> {
    Codec::Json11.decode_input(json.as_bytes())
}

/// What the client is told of a request that is refused.
fn message<'a, T: Decode<'a> + std::fmt::Debug>(json: &'a str) -> String {
    decode::<T>(json).expect_err(json).to_string()
}
