//! The body formats, chosen by the content type of the request. Which of them a service speaks is
//! its own affair.

use crate::cbor::{CborReader, CborWriter};
use crate::json::{JsonReader, JsonWriter};
use crate::reader::is_well_formed_map;
use crate::shape::{Decode, Encode, RequestError, decode_request};
use crate::writer::Writer;

/// A body format. The reply has that of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// AWS JSON 1.0.
    Json10,
    /// AWS JSON 1.1. The bodies are those of 1.0.
    Json11,
    /// CBOR 1.1, which the Java SDKs speak to Kinesis.
    Cbor,
}

impl Codec {
    /// The codec that a `Content-Type` header names; its parameters do not matter.
    pub fn from_content_type(header: &str) -> Option<Self> {
        let media_type = header.split(';').next().unwrap_or(header).trim();
        [Self::Json10, Self::Json11, Self::Cbor]
            .into_iter()
            .find(|codec| media_type.eq_ignore_ascii_case(codec.content_type()))
    }

    /// The `Content-Type` of bodies.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json10 => "application/x-amz-json-1.0",
            Self::Json11 => "application/x-amz-json-1.1",
            Self::Cbor => "application/x-amz-cbor-1.1",
        }
    }

    /// Whether `body` parses to a map, which is asked before anything else about a request. A
    /// request that is then decoded need not be asked: decoding finds out by itself.
    pub fn is_well_formed(self, body: &[u8]) -> bool {
        match self {
            Self::Json10 | Self::Json11 => is_well_formed_map::<JsonReader<'_>>(body),
            Self::Cbor => is_well_formed_map::<CborReader<'_>>(body),
        }
    }

    /// Decodes and checks a request; it borrows from `body` what its type lets it.
    pub fn decode_input<'a, T: Decode<'a>>(self, body: &'a [u8]) -> Result<T, RequestError> {
        match self {
            Self::Json10 | Self::Json11 => decode_request::<T, JsonReader<'a>>(body),
            Self::Cbor => decode_request::<T, CborReader<'a>>(body),
        }
    }

    /// The body of a reply: without bytes for operations whose reply has no members.
    pub fn encode_reply<T: Encode>(self, reply: &T) -> Vec<u8> {
        let mut out = Vec::new();
        if !T::IS_EMPTY {
            self.encode_into(reply, &mut out);
        }
        out
    }

    /// Appends `value` to `out`, as a map even if it has no members.
    pub fn encode_into<T: Encode>(self, value: &T, out: &mut Vec<u8>) {
        let buffer = std::mem::take(out);
        *out = match self {
            Self::Json10 | Self::Json11 => encoded(value, JsonWriter::new(buffer)),
            Self::Cbor => encoded(value, CborWriter::new(buffer)),
        };
    }
}

fn encoded<T: Encode, W: Writer>(value: &T, mut writer: W) -> Vec<u8> {
    value.encode(&mut writer);
    writer.finish()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn content_types_choose_the_codec() {
        let cases = [
            ("application/x-amz-json-1.1", Some(Codec::Json11)),
            ("application/x-amz-json-1.0", Some(Codec::Json10)),
            ("application/x-amz-json-1.1; charset=utf-8", Some(Codec::Json11)),
            ("Application/X-Amz-Cbor-1.1;a", Some(Codec::Cbor)),
            ("application/json", None),
            ("", None),
        ];
        for (header, codec) in cases {
            assert_eq!(Codec::from_content_type(header), codec, "{header}");
        }
    }

    #[test]
    fn an_operation_without_reply_has_no_body() {
        assert!(Codec::Json11.encode_reply(&()).is_empty());
        assert!(Codec::Cbor.encode_reply(&()).is_empty());
    }

    #[test]
    fn appends_to_what_is_there() {
        let mut out = b"x".to_vec();
        Codec::Json11.encode_into(&(), &mut out);
        assert_eq!(out, b"x{}");
    }
}
