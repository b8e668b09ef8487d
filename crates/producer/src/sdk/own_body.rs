//! The body of a PutRecords request, written by us.
//!
//! What the SDK does for a request (endpoint, credentials, signature, connections) stays its own work. But its
//! writer wants a copy of every record and lets the body grow as it goes. So it is given a request without
//! records, and this puts the whole body in its place before it is signed.

use crate::pipeline::OutgoingRecord;
use anabranch_protocol::Writer;
use anabranch_protocol::json::JsonWriter;
use aws_sdk_kinesis::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_kinesis::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_kinesis::error::BoxError;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

/// Bytes of a record beside its data and partition key: names, quotes, and 39 digits of an explicit hash key.
const RECORD_BYTES: usize = 100;
/// The same of a request: its stream's name or ARN.
const REQUEST_BYTES: usize = 2_300;

/// Gives a request this body.
#[derive(Debug)]
pub(super) struct OwnBody(Bytes);

impl OwnBody {
    /// The body of a request for a stream, of which either name or ARN is known.
    pub(super) fn new(name: Option<&str>, arn: Option<&str>, records: &[OutgoingRecord]) -> Self {
        let bytes_of = |record: &OutgoingRecord| {
            let data = record.data.len().div_ceil(3) * 4;
            RECORD_BYTES + record.partition_key.len() + data
        };
        let bytes = REQUEST_BYTES + records.iter().map(bytes_of).sum::<usize>();
        let mut writer = JsonWriter::new(Vec::with_capacity(bytes));
        writer.begin_map();
        for (member, text) in [("StreamName", name), ("StreamARN", arn)] {
            if let Some(text) = text {
                writer.key(member);
                writer.string(text);
            }
        }
        writer.key("Records");
        writer.begin_list();
        for record in records {
            writer.begin_map();
            writer.key("Data");
            writer.blob(&record.data);
            writer.key("PartitionKey");
            writer.string(&record.partition_key);
            if let Some(hash_key) = record.explicit_hash_key {
                writer.key("ExplicitHashKey");
                writer.string(&hash_key.to_string());
            }
            writer.end_map();
        }
        writer.end_list();
        writer.end_map();
        Self(writer.finish().into())
    }
}

impl Intercept for OwnBody {
    fn name(&self) -> &'static str {
        "OwnBody"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        *request.body_mut() = SdkBody::from(self.0.clone());
        request.headers_mut().insert("content-length", self.0.len().to_string());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn says_what_the_service_expects() {
        let record = |partition_key: &str, explicit_hash_key, data: &'static [u8]| OutgoingRecord {
            partition_key: partition_key.into(),
            explicit_hash_key,
            data: data.into(),
        };
        let records = [
            record("key", None, b"data"),
            record("\"\\\n \u{1}€", Some(u128::MAX), b""),
            record("k", Some(0), b"\xff\x00\xfe?"),
        ];
        for (name, arn) in [(Some("a"), None), (None, Some("arn:aws:kinesis:x"))] {
            let OwnBody(body) = OwnBody::new(name, arn, &records);
            let mut expected = json!({ "Records": [
                { "Data": "ZGF0YQ==", "PartitionKey": "key" },
                {
                    "Data": "",
                    "PartitionKey": "\"\\\n \u{1}€",
                    "ExplicitHashKey": "340282366920938463463374607431768211455",
                },
                { "Data": "/wD+Pw==", "PartitionKey": "k", "ExplicitHashKey": "0" },
            ] });
            match (name, arn) {
                (Some(name), _) => expected["StreamName"] = name.into(),
                (_, arn) => expected["StreamARN"] = arn.into(),
            }
            let said: Value = serde_json::from_slice(&body).expect("it is JSON");
            assert_eq!(said, expected);
        }
    }

    #[test]
    fn the_room_that_is_made_is_enough() {
        let key: Box<str> = "k".repeat(256).into();
        let record = OutgoingRecord {
            partition_key: key,
            explicit_hash_key: Some(u128::MAX),
            data: vec![7; 1_000].into(),
        };
        let records = vec![record; 500];
        let OwnBody(body) = OwnBody::new(None, Some(&"a".repeat(2_048)), &records);
        assert!(body.len() <= REQUEST_BYTES + 500 * (RECORD_BYTES + 256 + 1_336));
    }
}
