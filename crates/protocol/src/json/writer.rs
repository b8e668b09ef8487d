use base64_simd::STANDARD;

use super::plain::plain_len;
use crate::number::push_decimal;
use crate::value::Timestamp;
use crate::writer::{Writer, needs_no_escape};

/// Writes one JSON text without whitespace.
#[derive(Debug, Default)]
pub struct JsonWriter {
    out: Vec<u8>,
    /// A value stands before in the same container.
    comma_due: bool,
}

impl JsonWriter {
    /// A writer that appends to `out`.
    pub fn new(out: Vec<u8>) -> Self {
        Self { out, comma_due: false }
    }

    #[inline]
    fn before_value(&mut self) {
        if self.comma_due {
            self.out.push(b',');
        }
        self.comma_due = true;
    }

    fn quoted(&mut self, text: &str) {
        self.out.push(b'"');
        let mut rest = text.as_bytes();
        loop {
            let (plain, special) = rest.split_at(plain_len(rest));
            self.out.extend_from_slice(plain);
            let Some((&byte, after)) = special.split_first() else { break };
            self.escape(byte);
            rest = after;
        }
        self.out.push(b'"');
    }

    #[cold]
    fn escape(&mut self, byte: u8) {
        let letter = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => {
                let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit & 15)];
                self.out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte)]);
                return;
            }
        };
        self.out.extend_from_slice(&[b'\\', letter]);
    }
}

impl Writer for JsonWriter {
    #[inline]
    fn begin_map(&mut self) {
        self.before_value();
        self.out.push(b'{');
        self.comma_due = false;
    }

    #[inline]
    fn end_map(&mut self) {
        self.out.push(b'}');
        self.comma_due = true;
    }

    #[inline]
    fn key(&mut self, name: &'static str) {
        debug_assert!(needs_no_escape(name.as_bytes()), "member name={name:?}");
        self.out.extend_from_slice(if self.comma_due { b",\"" } else { b"\"" });
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.comma_due = false;
    }

    fn text_key(&mut self, key: &str) {
        self.before_value();
        self.quoted(key);
        self.out.push(b':');
        self.comma_due = false;
    }

    #[inline]
    fn begin_list(&mut self) {
        self.before_value();
        self.out.push(b'[');
        self.comma_due = false;
    }

    #[inline]
    fn end_list(&mut self) {
        self.out.push(b']');
        self.comma_due = true;
    }

    #[inline]
    fn string(&mut self, text: &str) {
        self.before_value();
        self.quoted(text);
    }

    #[inline]
    fn raw_ascii_string(&mut self, text: &[u8]) {
        debug_assert!(needs_no_escape(text), "raw string={text:?}");
        self.before_value();
        self.out.push(b'"');
        self.out.extend_from_slice(text);
        self.out.push(b'"');
    }

    #[inline]
    fn integer(&mut self, number: i64) {
        self.before_value();
        push_decimal(&mut self.out, number);
    }

    #[inline]
    fn boolean(&mut self, truth: bool) {
        self.before_value();
        self.out.extend_from_slice(if truth { b"true" } else { b"false" });
    }

    fn timestamp(&mut self, time: Timestamp) {
        self.before_value();
        let milliseconds = (time.0 % 1000).unsigned_abs() as u16;
        if time.0 < 0 && time.0 > -1000 {
            self.out.push(b'-');
        }
        push_decimal(&mut self.out, time.0 / 1000);
        if milliseconds != 0 {
            let digit = |divisor: u16| b'0' + (milliseconds / divisor % 10) as u8;
            self.out.extend_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
            while self.out.last() == Some(&b'0') {
                self.out.pop();
            }
        }
    }

    #[inline]
    fn blob(&mut self, bytes: &[u8]) {
        self.before_value();
        self.out.push(b'"');
        STANDARD.encode_append(bytes, &mut self.out);
        self.out.push(b'"');
    }

    fn raw_value(&mut self, encoded: &[u8]) {
        self.before_value();
        self.out.extend_from_slice(encoded);
    }

    fn null(&mut self) {
        self.before_value();
        self.out.extend_from_slice(b"null");
    }

    fn reserve(&mut self, additional_bytes: usize) {
        self.out.reserve(additional_bytes);
    }

    fn finish(self) -> Vec<u8> {
        self.out
    }
}
