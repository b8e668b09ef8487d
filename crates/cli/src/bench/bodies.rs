//! The pool of request bodies, built before the clock starts.
//!
//! A body is reused, so the same records are written again and again; there are enough of them
//! that partition keys spread over the shards and that the server cannot profit from repetition.

use std::ops::Range;

use anabranch_protocol::sigv4::{HexDigest, sha256_hex};
use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The pool's size in memory, and its number of bodies within that.
const POOL_BYTES: usize = 32 << 20;
const POOL_BODIES: Range<usize> = 4..256;

/// What a body is made of.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) stream: String,
    /// Records per request; `None` for PutRecord.
    pub(crate) batch: Option<usize>,
    /// Bytes of data of a record.
    pub(crate) record_bytes: usize,
}

/// One request body.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) bytes: Bytes,
    /// Its payload hash, if requests are signed: hashing it once per body instead of once per
    /// request is what keeps signing cheap.
    pub(crate) sha256: Option<HexDigest>,
    pub(crate) records: u64,
}

/// Makes the pool; the same seed makes the same bodies.
pub(crate) fn pool(shape: &Shape, seed: u64, signed: bool) -> Vec<Body> {
    let request_bytes = shape.batch.unwrap_or(1) * (shape.record_bytes * 4 / 3 + 64);
    let count = (POOL_BYTES / request_bytes).clamp(POOL_BODIES.start, POOL_BODIES.end);
    let mut random = StdRng::seed_from_u64(seed);
    (0..count)
        .map(|_| {
            let (text, _) = body(shape, &mut random, |random, data| random.fill(data));
            let sha256 = signed.then(|| sha256_hex(&text));
            let records = shape.batch.unwrap_or(1) as u64;
            Body { bytes: Bytes::from(text), sha256, records }
        })
        .collect()
}

/// Bytes of [`Stamp`] in base64.
const STAMP_BASE64: usize = 32;
/// Bytes of [`Stamp`]. A multiple of three, so that it stands alone in base64.
pub(crate) const STAMP_BYTES: usize = 24;

/// A mark at the front of a record's data that tells which run sent it and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Differs between runs, so that a stream may be used again.
    pub(crate) run: u32,
    /// Nanoseconds since the run began.
    pub(crate) nanos: u64,
}

impl Stamp {
    fn write(self, base64: &mut [u8]) {
        let text = format!("{:08x}{:016x}", self.run, self.nanos);
        let encoded = base64_simd::STANDARD.encode_to_string(text);
        base64.copy_from_slice(encoded.as_bytes());
    }

    /// The mark of a record's data in base64, if it has one.
    pub(crate) fn read(base64: &[u8]) -> Option<Stamp> {
        let data = base64_simd::STANDARD.decode_to_vec(base64.get(..STAMP_BASE64)?).ok()?;
        let text = std::str::from_utf8(&data).ok()?;
        let run = u32::from_str_radix(text.get(..8)?, 16).ok()?;
        let nanos = u64::from_str_radix(text.get(8..)?, 16).ok()?;
        Some(Stamp { run, nanos })
    }
}

/// A body whose records are stamped anew for every request.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    text: Vec<u8>,
    stamps: Vec<usize>,
    records: u64,
}

impl Template {
    /// Panics if a record has no room for the stamp.
    pub(crate) fn new(shape: &Shape, seed: u64) -> Self {
        assert!(shape.record_bytes >= STAMP_BYTES, "the stamp must fit into a record");
        let mut random = StdRng::seed_from_u64(seed);
        let (text, stamps) = body(shape, &mut random, |random, data| random.fill(data));
        Template { text, stamps, records: shape.batch.unwrap_or(1) as u64 }
    }

    /// The body of the request of this moment.
    pub(crate) fn stamped(&mut self, stamp: Stamp, signed: bool) -> Body {
        for at in &self.stamps {
            stamp.write(&mut self.text[*at..*at + STAMP_BASE64]);
        }
        Body {
            sha256: signed.then(|| sha256_hex(&self.text)),
            bytes: Bytes::copy_from_slice(&self.text),
            records: self.records,
        }
    }
}

/// The text of a request and where the data of each record begins in it.
fn body(
    shape: &Shape,
    random: &mut StdRng,
    fill: impl Fn(&mut StdRng, &mut [u8]),
) -> (Vec<u8>, Vec<usize>) {
    let mut data = vec![0u8; shape.record_bytes];
    let mut text = String::new();
    let mut data_at = Vec::new();
    let mut record = |text: &mut String| {
        fill(random, &mut data);
        text.push_str("\"Data\":\"");
        data_at.push(text.len());
        base64_simd::STANDARD.encode_append(&data, text);
        text.push_str(&format!("\",\"PartitionKey\":\"{:016x}\"", random.random::<u64>()));
    };
    let stream = serde_json::Value::from(shape.stream.as_str());
    match shape.batch {
        None => {
            text.push('{');
            record(&mut text);
            text.push_str(&format!(",\"StreamName\":{stream}}}"));
        }
        Some(batch) => {
            text.push_str("{\"Records\":[");
            for at in 0..batch {
                text.push_str(if at == 0 { "{" } else { ",{" });
                record(&mut text);
                text.push('}');
            }
            text.push_str(&format!("],\"StreamName\":{stream}}}"));
        }
    }
    (text.into_bytes(), data_at)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shape(batch: Option<usize>, record_bytes: usize) -> Shape {
        Shape { stream: "load \"1\"".to_owned(), batch, record_bytes }
    }

    fn parsed(body: &Body) -> serde_json::Value {
        serde_json::from_slice(&body.bytes).unwrap()
    }

    #[test]
    fn bodies_are_valid_and_differ() {
        let bodies = pool(&shape(Some(3), 100), 7, true);
        let value = parsed(&bodies[0]);
        assert_eq!(value["StreamName"], "load \"1\"");
        let records = value["Records"].as_array().unwrap();
        assert_eq!(records.len(), 3);
        for record in records {
            let data = record["Data"].as_str().unwrap();
            assert_eq!(base64_simd::STANDARD.decode_to_vec(data).unwrap().len(), 100);
        }
        assert_ne!(records[0]["PartitionKey"], records[1]["PartitionKey"]);
        assert_ne!(bodies[0].bytes, bodies[1].bytes);
        assert_eq!(bodies[0].sha256, Some(sha256_hex(&bodies[0].bytes)));
        assert_eq!(pool(&shape(Some(3), 100), 7, false)[5].bytes, bodies[5].bytes);
    }

    #[test]
    fn a_single_record_has_no_list() {
        let bodies = pool(&shape(None, 10), 7, false);
        let value = parsed(&bodies[0]);
        assert!(value["Data"].is_string() && value["PartitionKey"].is_string());
        assert_eq!(bodies.len(), POOL_BODIES.end);
    }

    #[test]
    fn the_pool_is_bounded_in_bytes() {
        let bodies = pool(&shape(Some(500), 100_000), 7, false);
        assert_eq!(bodies.len(), POOL_BODIES.start);
    }

    #[test]
    fn stamps_every_record() {
        let mut template = Template::new(&shape(Some(2), 50), 7);
        let stamp = Stamp { run: 0xfeed, nanos: 123_456_789 };
        let value = parsed(&template.stamped(stamp, false));
        for record in value["Records"].as_array().unwrap() {
            let data = record["Data"].as_str().unwrap();
            assert_eq!(Stamp::read(data.as_bytes()), Some(stamp));
            assert_eq!(base64_simd::STANDARD.decode_to_vec(data).unwrap().len(), 50);
        }
        assert_eq!(Stamp::read(b"AAAA"), None);
        assert_eq!(Stamp::read(&[b'A'; 40]), None);
    }
}
