//! AWS event streams: the messages that SubscribeToShard answers with.
//!
//! A message, numbers big-endian:
//!
//! | bytes | field |
//! |--:|---|
//! | 4 | length of the whole message |
//! | 4 | length of the headers |
//! | 4 | CRC-32 of the 8 bytes before |
//! | n | headers: length of the name (1 byte), name, type (1 byte), value |
//! | m | payload |
//! | 4 | CRC-32 of everything before |
//!
//! The value of a header of type 7, the only one that is written here, is a text: its length
//! (2 bytes) and UTF-8.

use crate::codec::Codec;
use crate::error::WireError;
use crate::shape::Encode;
use crate::writer::Writer;

/// The content type of a stream of messages.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

const PRELUDE_BYTES: usize = 12;
const CRC_BYTES: usize = 4;
/// What a message has beside headers and payload.
pub const OVERHEAD_BYTES: usize = PRELUDE_BYTES + CRC_BYTES;
/// Headers that a decoder takes at most, as AWS's own do.
pub const HEADERS_BYTES_MAX: usize = 128 << 10;
/// Payload that a decoder takes at most, as AWS's own do.
pub const PAYLOAD_BYTES_MAX: usize = 24 << 20;
const TEXT: u8 = 7;

/// Appends the message that a stream begins with.
pub fn encode_initial_response(out: &mut Vec<u8>) {
    encode_event(out, "initial-response", &());
}

/// Appends an event of this type.
pub fn encode_event<T: Encode>(out: &mut Vec<u8>, event_type: &str, event: &T) {
    let headers = [
        (":event-type", event_type),
        (":content-type", Codec::Json11.content_type()),
        (":message-type", "event"),
    ];
    encode(out, &headers, |out| Codec::Json11.encode_into(event, out));
}

/// Appends an error that ends a stream.
pub fn encode_exception(out: &mut Vec<u8>, error: &WireError) {
    let headers = [
        (":exception-type", error.kind.event_stream_name),
        (":content-type", Codec::Json11.content_type()),
        (":message-type", "exception"),
    ];
    encode(out, &headers, |out| Codec::Json11.encode_into(&Text(error.message.as_deref()), out));
}

/// The payload of an exception: its type is in the headers.
struct Text<'a>(Option<&'a str>);

impl Encode for Text<'_> {
    fn encode<W: Writer>(&self, writer: &mut W) {
        writer.begin_map();
        if let Some(text) = self.0 {
            writer.key("message");
            writer.string(text);
        }
        writer.end_map();
    }
}

/// Appends a message whose payload is what `payload` appends.
///
/// # Panics
/// When a header's name is longer than 255 bytes or its value than 65,535, or the message than
/// 4 GiB.
pub fn encode(out: &mut Vec<u8>, headers: &[(&str, &str)], payload: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; PRELUDE_BYTES]);
    for (name, value) in headers {
        out.push(u8::try_from(name.len()).expect("a short name"));
        out.extend_from_slice(name.as_bytes());
        out.push(TEXT);
        out.extend_from_slice(&u16::try_from(value.len()).expect("a short value").to_be_bytes());
        out.extend_from_slice(value.as_bytes());
    }
    let headers_len = out.len() - start - PRELUDE_BYTES;
    payload(out);
    let total_len = out.len() - start + CRC_BYTES;
    let length = |len: usize| u32::try_from(len).expect("below 4 GiB").to_be_bytes();
    let message = &mut out[start..];
    message[..4].copy_from_slice(&length(total_len));
    message[4..8].copy_from_slice(&length(headers_len));
    let crc = crc32fast::hash(&message[..8]);
    message[8..PRELUDE_BYTES].copy_from_slice(&crc.to_be_bytes());
    let crc = crc32fast::hash(message);
    out.extend_from_slice(&crc.to_be_bytes());
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventStreamError {
    /// A checksum does not fit.
    #[error("checksum mismatch in an event stream")]
    Checksum,
    /// Lengths that contradict each other, or are beyond what is taken.
    #[error("impossible lengths in an event stream")]
    Length,
    /// Headers that cannot be read.
    #[error("malformed headers in an event stream")]
    Headers,
}

/// A message, borrowed from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Headers in their order.
    pub headers: Vec<(&'a str, HeaderValue<'a>)>,
    /// The payload.
    pub payload: &'a [u8],
}

/// The value of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderValue<'a> {
    /// A text.
    Text(&'a str),
    /// Any other type, with its bytes.
    Other(u8, &'a [u8]),
}

impl<'a> Message<'a> {
    /// Takes the first message off `bytes`: the message and its length. `None`: there is more of
    /// it to come.
    ///
    /// # Errors
    /// When these are not the bytes of a message. As much as is there has been checked.
    pub fn decode(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, EventStreamError> {
        let Some((prelude, _)) = bytes.split_first_chunk::<PRELUDE_BYTES>() else {
            return Ok(None);
        };
        let number = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|i| prelude[at + i]));
        if crc32fast::hash(&prelude[..8]) != number(8) {
            return Err(EventStreamError::Checksum);
        }
        let (total_len, headers_len) = (number(0) as usize, number(4) as usize);
        let payload_len = total_len
            .checked_sub(OVERHEAD_BYTES)
            .and_then(|len| len.checked_sub(headers_len))
            .ok_or(EventStreamError::Length)?;
        if headers_len > HEADERS_BYTES_MAX || payload_len > PAYLOAD_BYTES_MAX {
            return Err(EventStreamError::Length);
        }
        let Some(message) = bytes.get(..total_len) else { return Ok(None) };
        let (checked, crc) = message.split_at(total_len - CRC_BYTES);
        if crc32fast::hash(checked).to_be_bytes() != crc {
            return Err(EventStreamError::Checksum);
        }
        let (headers, payload) = checked[PRELUDE_BYTES..].split_at(headers_len);
        let headers = decode_headers(headers).ok_or(EventStreamError::Headers)?;
        Ok(Some((Self { headers, payload }, total_len)))
    }

    /// The text of this header, if it is there and is one.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find_map(|(own, value)| match value {
            HeaderValue::Text(text) if *own == name => Some(*text),
            _ => None,
        })
    }
}

fn decode_headers(mut rest: &[u8]) -> Option<Vec<(&str, HeaderValue<'_>)>> {
    let mut headers = Vec::new();
    while let Some((name_len, after)) = rest.split_first() {
        let (name, after) = after.split_at_checked(usize::from(*name_len))?;
        let (kind, after) = after.split_first()?;
        let (value_len, after) = match *kind {
            0 | 1 => (0, after),
            2 => (1, after),
            3 => (2, after),
            4 => (4, after),
            5 | 8 => (8, after),
            6 | TEXT => {
                let (len, after) = after.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*len)), after)
            }
            9 => (16, after),
            _ => return None,
        };
        let (value, after) = after.split_at_checked(value_len)?;
        let value = match *kind {
            TEXT => HeaderValue::Text(std::str::from_utf8(value).ok()?),
            kind => HeaderValue::Other(kind, value),
        };
        headers.push((std::str::from_utf8(name).ok()?, value));
        rest = after;
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CommonError;
    use proptest::prelude::*;

    crate::error_table! {
        enum Example {
            ResourceInUse = "ResourceInUseException", 400, Change;
        }
    }

    /// A message that boto3 and the JavaScript SDK were seen to accept.
    const INITIAL_RESPONSE: &[u8] = b"\x00\x00\x00\x72\x00\x00\x00\x60\xab\x82\x0d\x9e\
        \x0b:event-type\x07\x00\x10initial-response\
        \x0d:content-type\x07\x00\x1aapplication/x-amz-json-1.1\
        \x0d:message-type\x07\x00\x05event{}\xac\xae\x6b\x7d";

    fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out, headers, |out| out.extend_from_slice(payload));
        out
    }

    #[test]
    fn a_stream_begins_with_what_clients_were_seen_to_accept() {
        let mut out = Vec::new();
        encode_initial_response(&mut out);
        assert_eq!(out, INITIAL_RESPONSE);
    }

    #[test]
    fn an_exception_has_its_name_and_its_text() {
        let mut out = Vec::new();
        encode_exception(&mut out, &Example::ResourceInUse.because("a \"b\""));
        encode_exception(&mut out, &CommonError::InternalFailure.bare());
        let (first, len) = Message::decode(&out).expect("a message").expect("whole");
        assert_eq!(first.header(":message-type"), Some("exception"));
        assert_eq!(first.header(":exception-type"), Some("ResourceInUseException"));
        assert_eq!(first.payload, br#"{"message":"a \"b\""}"#);
        let (second, _) = Message::decode(&out[len..]).expect("a message").expect("whole");
        assert_eq!(second.header(":exception-type"), Some("InternalFailureException"));
        assert_eq!(second.payload, b"{}");
    }

    #[test]
    fn reads_over_headers_of_every_type() {
        let mut headers = Vec::new();
        let lengths = [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)];
        for (kind, len) in lengths {
            headers.extend_from_slice(&[1, b'a' + kind, kind]);
            headers.extend_from_slice(&vec![kind; len]);
        }
        headers.extend_from_slice(b"\x01x\x06\x00\x03abc\x01y\x07\x00\x01z");
        let decoded = decode_headers(&headers).expect("headers");
        assert_eq!(decoded.len(), lengths.len() + 2);
        assert_eq!(decoded[8], ("x", HeaderValue::Other(6, b"abc")));
        assert_eq!(decoded[9], ("y", HeaderValue::Text("z")));
        assert_eq!(decode_headers(b"\x01x\x0a"), None);
    }

    #[test]
    fn lengths_that_cannot_be_are_refused_before_anything_is_waited_for() {
        for (total, headers) in [(15u32, 0u32), (16, 1), (u32::MAX, 0), (1 << 20, 200_000)] {
            let mut prelude = [total.to_be_bytes(), headers.to_be_bytes()].concat();
            prelude.extend_from_slice(&crc32fast::hash(&prelude).to_be_bytes());
            assert_eq!(Message::decode(&prelude), Err(EventStreamError::Length));
        }
    }

    proptest! {
        #[test]
        fn messages_round_trip(
            headers in prop::collection::vec(("[:a-z-]{0,20}", ".{0,40}"), 0..5),
            payload in prop::collection::vec(any::<u8>(), 0..500),
            behind in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let encoded = message(&headers, &payload);
            let bytes = [&encoded[..], &behind].concat();
            let (decoded, len) = Message::decode(&bytes).expect("a message").expect("whole");
            prop_assert_eq!(len, encoded.len());
            prop_assert_eq!(decoded.payload, &payload[..]);
            let texts: Vec<_> =
                headers.into_iter().map(|(n, v)| (n, HeaderValue::Text(v))).collect();
            prop_assert_eq!(decoded.headers, texts);
        }

        #[test]
        fn a_part_of_a_message_is_waited_for(cut in 0usize..114) {
            let mut whole = Vec::new();
            encode_initial_response(&mut whole);
            prop_assert_eq!(Message::decode(&whole[..cut]), Ok(None));
        }

        #[test]
        fn a_flipped_bit_is_noticed(at in 0usize..114, bit in 0u8..8) {
            let mut bytes = Vec::new();
            encode_initial_response(&mut bytes);
            bytes[at] ^= 1 << bit;
            prop_assert!(Message::decode(&bytes).is_err());
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::decode(&bytes);
        }
    }
}
