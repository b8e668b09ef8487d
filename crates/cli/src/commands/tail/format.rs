//! How a record is printed.

use std::io::{self, Write};

use clap::ValueEnum;
use serde::Serialize;

use crate::commands::tail::user_records::UserRecord;
use crate::output::printable;
use crate::units::rfc3339;

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The bytes of each record and a line end
    Raw,
    /// A JSON object per line; data that is not UTF-8 is in dataBase64
    Json,
    /// For people: time, shard, key, data; control characters are escaped
    Text,
}

/// A record as one JSON line. Without metadata only the data remains.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JsonLine<'a> {
    #[serde(flatten)]
    metadata: Option<Metadata<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_base64: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata<'a> {
    stream: &'a str,
    shard: &'a str,
    sequence_number: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_sequence_number: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explicit_hash_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    approximate_arrival_timestamp: Option<String>,
}

/// Prints the records of one stream.
#[derive(Debug)]
pub(crate) struct Printer {
    stream: String,
    format: Format,
    metadata: bool,
}

impl Printer {
    pub(crate) fn new(stream: &str, format: Format, metadata: bool) -> Self {
        Printer { stream: stream.to_owned(), format, metadata }
    }

    pub(crate) fn print(
        &self,
        out: &mut impl Write,
        shard: &str,
        record: &UserRecord<'_>,
    ) -> io::Result<()> {
        let data = record.data;
        match self.format {
            Format::Raw => {
                out.write_all(data)?;
                out.write_all(b"\n")
            }
            Format::Text => {
                if self.metadata {
                    let arrived = record.stored.approximate_arrival_timestamp().map(rfc3339);
                    let arrived = arrived.as_deref().unwrap_or("-");
                    let key = record.partition_key.map(|key| printable(key.as_bytes()));
                    let key = key.as_deref().unwrap_or("-");
                    write!(out, "{arrived} {shard} {key} ")?;
                }
                writeln!(out, "{}", printable(data))
            }
            Format::Json => {
                serde_json::to_writer(&mut *out, &self.json_line(shard, record))?;
                out.write_all(b"\n")
            }
        }
    }

    fn json_line<'a>(&'a self, shard: &'a str, record: &UserRecord<'a>) -> JsonLine<'a> {
        let (bytes, stored) = (record.data, record.stored);
        let text = std::str::from_utf8(bytes).ok();
        let metadata = self.metadata.then(|| Metadata {
            stream: &self.stream,
            shard,
            sequence_number: stored.sequence_number(),
            sub_sequence_number: record.sub_sequence_number,
            partition_key: record.partition_key,
            explicit_hash_key: record.explicit_hash_key,
            approximate_arrival_timestamp: stored.approximate_arrival_timestamp().map(rfc3339),
        });
        let encoded = text.is_none().then(|| base64_simd::STANDARD.encode_to_string(bytes));
        JsonLine { metadata, data: text, data_base64: encoded }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use aws_sdk_kinesis::primitives::{Blob, DateTime};
    use aws_sdk_kinesis::types::Record;

    use super::*;

    fn printed(format: Format, metadata: bool, data: &[u8]) -> String {
        printed_as(format, metadata, data, |_| {})
    }

    fn printed_as(
        format: Format,
        metadata: bool,
        data: &[u8],
        change: impl FnOnce(&mut UserRecord<'_>),
    ) -> String {
        let record = Record::builder()
            .sequence_number("7")
            .partition_key("key")
            .approximate_arrival_timestamp(DateTime::from_millis(1_459_799_926_480))
            .data(Blob::new(data))
            .build()
            .unwrap();
        let mut record = UserRecord::stored(&record);
        change(&mut record);
        let mut out = Vec::new();
        Printer::new("orders", format, metadata).print(&mut out, "shard-1", &record).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn prints_json_in_a_fixed_order() {
        assert_eq!(
            printed(Format::Json, true, b"{\"a\":1}"),
            "{\"stream\":\"orders\",\"shard\":\"shard-1\",\"sequenceNumber\":\"7\",\
             \"partitionKey\":\"key\",\
             \"approximateArrivalTimestamp\":\"2016-04-04T19:58:46.48Z\",\
             \"data\":\"{\\\"a\\\":1}\"}\n"
        );
        assert_eq!(printed(Format::Json, false, b"x"), "{\"data\":\"x\"}\n");
        assert_eq!(printed(Format::Json, false, &[0xff, 0]), "{\"dataBase64\":\"/wA=\"}\n");
    }

    #[test]
    fn tells_of_a_user_record_what_it_says_itself() {
        let line = printed_as(Format::Json, true, b"x", |record| {
            record.sub_sequence_number = Some(3);
            record.partition_key = Some("its own");
            record.explicit_hash_key = Some("5");
        });
        assert_eq!(
            line,
            "{\"stream\":\"orders\",\"shard\":\"shard-1\",\"sequenceNumber\":\"7\",\
             \"subSequenceNumber\":3,\"partitionKey\":\"its own\",\"explicitHashKey\":\"5\",\
             \"approximateArrivalTimestamp\":\"2016-04-04T19:58:46.48Z\",\"data\":\"x\"}\n"
        );
    }

    #[test]
    fn prints_text_for_people() {
        assert_eq!(
            printed(Format::Text, true, b"a\nb"),
            "2016-04-04T19:58:46.48Z shard-1 key a\\nb\n"
        );
        assert_eq!(printed(Format::Text, false, b"hello"), "hello\n");
    }

    #[test]
    fn raw_is_the_bytes() {
        assert_eq!(printed(Format::Raw, true, b"a\x1bb"), "a\x1bb\n");
    }
}
