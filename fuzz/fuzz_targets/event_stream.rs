//! Event streams: whatever decodes encodes to the same bytes again, if its headers are texts.
//!
//! Input: a byte, then messages. When the byte is odd the checksums of the first message are put
//! right, so that what is behind them is reached.
#![no_main]

use anabranch_protocol::event_stream::{HeaderValue, Message, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((flag, bytes)) = input.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if flag % 2 == 1 {
        put_checksums_right(&mut bytes);
    }
    let mut rest = &bytes[..];
    while let Ok(Some((message, len))) = Message::decode(rest) {
        assert!(len <= rest.len());
        let texts: Option<Vec<_>> = message
            .headers
            .iter()
            .map(|(name, value)| match value {
                HeaderValue::Text(text) => Some((*name, *text)),
                HeaderValue::Other(..) => None,
            })
            .collect();
        if let Some(headers) = texts {
            let mut again = Vec::new();
            encode(&mut again, &headers, |out| out.extend_from_slice(message.payload));
            assert_eq!(again, rest[..len]);
        }
        rest = &rest[len..];
    }
});

fn put_checksums_right(bytes: &mut [u8]) {
    if bytes.len() < 16 {
        return;
    }
    let total = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    let crc = crc32fast::hash(&bytes[..8]);
    bytes[8..12].copy_from_slice(&crc.to_be_bytes());
    if (16..=bytes.len()).contains(&total) {
        let crc = crc32fast::hash(&bytes[..total - 4]);
        bytes[total - 4..total].copy_from_slice(&crc.to_be_bytes());
    }
}
