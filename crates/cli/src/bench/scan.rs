//! What the load generator needs from a reply, found by searching bytes.
//!
//! Parsing a reply of hundreds of records costs the generator more than writing it costs the
//! server; on a shared machine that would be measured as slowness of the server. Searching is
//! exact nevertheless: a quotation mark inside a JSON string is escaped, so the needles, which
//! begin and end with one, cannot match inside a value.

use memchr::{memchr, memmem};
use serde::Deserialize;

/// A GetRecords reply.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ReadReply {
    pub(crate) records: u64,
    /// Bytes of data after decoding.
    pub(crate) bytes: u64,
    /// `None` at the end of a closed shard.
    pub(crate) next_iterator: Option<String>,
    pub(crate) millis_behind: u64,
}

/// The failed records of a PutRecords reply, `None` if it does not tell.
pub(crate) fn failed_record_count(body: &[u8]) -> Option<u64> {
    number_after(body, b"\"FailedRecordCount\"")
}

/// The error codes of the failed records of a PutRecords reply.
pub(crate) fn failed_codes(body: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Reply {
        records: Vec<Entry>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Entry {
        error_code: Option<String>,
    }
    let records = serde_json::from_slice::<Reply>(body).map(|reply| reply.records);
    records.unwrap_or_default().into_iter().filter_map(|entry| entry.error_code).collect()
}

/// The name of the error in a reply: `__type` without its namespace.
pub(crate) fn error_code(status: u16, body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Reply {
        #[serde(rename = "__type")]
        name: String,
    }
    match serde_json::from_slice::<Reply>(body) {
        Ok(reply) => reply.name.rsplit('#').next().unwrap_or_default().to_owned(),
        Err(_) => format!("HTTP {status}"),
    }
}

/// Reads a GetRecords reply and shows each record's data, still in base64, to `on_data`.
pub(crate) fn read_reply(body: &[u8], mut on_data: impl FnMut(&[u8])) -> Option<ReadReply> {
    if let Some(reply) = compact_reply(body, &mut on_data) {
        return Some(reply);
    }
    spaced_reply(body, &mut on_data)
}

/// The form that AWS and most servers write: no blanks between tokens.
fn compact_reply(body: &[u8], on_data: &mut impl FnMut(&[u8])) -> Option<ReadReply> {
    const NEEDLE: &[u8] = b"\"Data\":\"";
    let mut reply = ReadReply::default();
    let mut head_end = None;
    let mut at = 0;
    for found in memmem::find_iter(body, NEEDLE) {
        let start = found + NEEDLE.len();
        let length = memchr(b'"', &body[start..])?;
        let data = &body[start..start + length];
        reply.records += 1;
        reply.bytes += decoded_length(data);
        on_data(data);
        head_end.get_or_insert(found);
        at = start + length;
    }
    // The other members stand before the first record or after the last one.
    let (head, tail) = (&body[..head_end.unwrap_or(0)], &body[at..]);
    if reply.records == 0 && memmem::find(body, b"\"Records\":[]").is_none() {
        return None;
    }
    reply.millis_behind = [tail, head]
        .into_iter()
        .find_map(|part| number_after(part, b"\"MillisBehindLatest\""))
        .unwrap_or(0);
    reply.next_iterator =
        [tail, head].into_iter().find_map(|part| text_after(part, b"\"NextShardIterator\":\""));
    Some(reply)
}

fn spaced_reply(body: &[u8], on_data: &mut impl FnMut(&[u8])) -> Option<ReadReply> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Reply {
        records: Vec<Record>,
        next_shard_iterator: Option<String>,
        #[serde(default)]
        millis_behind_latest: Option<u64>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Record {
        data: String,
    }
    let parsed: Reply = serde_json::from_slice(body).ok()?;
    let mut reply = ReadReply {
        next_iterator: parsed.next_shard_iterator,
        millis_behind: parsed.millis_behind_latest.unwrap_or(0),
        ..ReadReply::default()
    };
    for record in &parsed.records {
        reply.records += 1;
        reply.bytes += decoded_length(record.data.as_bytes());
        on_data(record.data.as_bytes());
    }
    Some(reply)
}

fn decoded_length(base64: &[u8]) -> u64 {
    let padding = base64.iter().rev().take_while(|byte| **byte == b'=').count();
    (base64.len() / 4 * 3 - padding.min(2)) as u64
}

fn number_after(body: &[u8], name: &[u8]) -> Option<u64> {
    let rest = &body[memmem::find(body, name)? + name.len()..];
    let rest = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

fn text_after(body: &[u8], name: &[u8]) -> Option<String> {
    let start = memmem::find(body, name)? + name.len();
    let length = memchr(b'"', &body[start..])?;
    String::from_utf8(body[start..start + length].to_vec()).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn counts_failures_wherever_the_count_stands() {
        let front = br#"{"FailedRecordCount":0,"Records":[{"ShardId":"x"}]}"#;
        let back = br#"{"Records":[{"ShardId":"x"}],"FailedRecordCount":12}"#;
        let spaced = br#"{"FailedRecordCount": 3, "Records": []}"#;
        assert_eq!(failed_record_count(front), Some(0));
        assert_eq!(failed_record_count(back), Some(12));
        assert_eq!(failed_record_count(spaced), Some(3));
        assert_eq!(failed_record_count(b"{}"), None);
    }

    #[test]
    fn names_the_codes_of_failed_records() {
        let body = br#"{"FailedRecordCount":1,"Records":[{"SequenceNumber":"1","ShardId":"s"},
            {"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"m"}]}"#;
        assert_eq!(failed_codes(body), ["ProvisionedThroughputExceededException"]);
    }

    #[test]
    fn names_errors() {
        assert_eq!(error_code(400, br#"{"__type":"com.x#A","message":"m"}"#), "A");
        assert_eq!(error_code(503, b"<html>"), "HTTP 503");
    }

    #[test]
    fn reads_compact_and_spaced_replies_alike() {
        let compact = br#"{"MillisBehindLatest":7,"Records":[
            {"PartitionKey":"\"Data\":\"","Data":"aGk=","SequenceNumber":"1"},
            {"Data":"AAAA","PartitionKey":"k","SequenceNumber":"2"}],"NextShardIterator":"next"}"#;
        let spaced = br#"{"Records": [{"Data": "aGk=", "PartitionKey": "k"}, {"Data": "AAAA"}],
            "NextShardIterator": "next", "MillisBehindLatest": 7}"#;
        let expected = ReadReply {
            records: 2,
            bytes: 5,
            next_iterator: Some("next".to_owned()),
            millis_behind: 7,
        };
        for body in [&compact[..], &spaced[..]] {
            let mut seen = Vec::new();
            let reply = read_reply(body, |data| seen.push(data.to_vec())).unwrap();
            assert_eq!(reply, expected);
            assert_eq!(seen, [b"aGk=".to_vec(), b"AAAA".to_vec()]);
        }
    }

    #[test]
    fn reads_empty_replies_and_the_end_of_a_shard() {
        let body = br#"{"NextShardIterator":"n","MillisBehindLatest":0,"Records":[]}"#;
        let reply = read_reply(body, |_| {}).unwrap();
        assert_eq!((reply.records, reply.next_iterator.as_deref()), (0, Some("n")));
        let end = br#"{"Records":[],"NextShardIterator":null,"MillisBehindLatest":0}"#;
        assert_eq!(read_reply(end, |_| {}).unwrap().next_iterator, None);
        assert_eq!(read_reply(b"{\"Records\":[", |_| {}), None);
    }
}
