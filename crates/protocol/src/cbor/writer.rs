use super::initial_byte::{BREAK, TAG_TIMESTAMP, info, major};
use crate::value::Timestamp;
use crate::writer::{Writer, needs_no_escape};

/// Writes one CBOR item; maps and lists without length, as the service does.
#[derive(Debug, Default)]
pub struct CborWriter {
    out: Vec<u8>,
}

impl CborWriter {
    /// A writer that appends to `out`.
    pub fn new(out: Vec<u8>) -> Self {
        Self { out }
    }

    #[inline]
    fn head(&mut self, major: u8, argument: u64) {
        let initial = major << 5;
        let bytes = argument.to_be_bytes();
        let (code, width) = match argument {
            0..=23 => return self.out.push(initial | argument as u8),
            24..0x100 => (info::ONE_BYTE, 1),
            0x100..0x1_0000 => (info::ONE_BYTE + 1, 2),
            0x1_0000..0x1_0000_0000 => (info::ONE_BYTE + 2, 4),
            _ => (info::EIGHT_BYTES, 8),
        };
        self.out.push(initial | code);
        self.out.extend_from_slice(&bytes[8 - width..]);
    }

    #[inline]
    fn text(&mut self, text: &[u8]) {
        self.head(major::TEXT, text.len() as u64);
        self.out.extend_from_slice(text);
    }
}

impl Writer for CborWriter {
    #[inline]
    fn begin_map(&mut self) {
        self.out.push(major::MAP << 5 | info::INDEFINITE);
    }

    #[inline]
    fn end_map(&mut self) {
        self.out.push(BREAK);
    }

    #[inline]
    fn key(&mut self, name: &'static str) {
        self.text(name.as_bytes());
    }

    fn text_key(&mut self, key: &str) {
        self.text(key.as_bytes());
    }

    #[inline]
    fn begin_list(&mut self) {
        self.out.push(major::LIST << 5 | info::INDEFINITE);
    }

    #[inline]
    fn end_list(&mut self) {
        self.out.push(BREAK);
    }

    #[inline]
    fn string(&mut self, text: &str) {
        self.text(text.as_bytes());
    }

    #[inline]
    fn raw_ascii_string(&mut self, text: &[u8]) {
        debug_assert!(needs_no_escape(text), "raw string={text:?}");
        self.text(text);
    }

    #[inline]
    fn integer(&mut self, number: i64) {
        let (major, argument) =
            if number < 0 { (major::NEGATIVE, !number) } else { (major::UNSIGNED, number) };
        self.head(major, argument as u64);
    }

    #[inline]
    fn boolean(&mut self, truth: bool) {
        self.out.push(major::SIMPLE << 5 | if truth { info::TRUE } else { info::FALSE });
    }

    #[inline]
    fn timestamp(&mut self, time: Timestamp) {
        self.head(major::TAG, TAG_TIMESTAMP);
        self.integer(time.0);
    }

    #[inline]
    fn blob(&mut self, bytes: &[u8]) {
        self.head(major::BYTES, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
    }

    fn raw_value(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
    }

    fn null(&mut self) {
        self.out.push(major::SIMPLE << 5 | info::NULL);
    }

    fn reserve(&mut self, additional_bytes: usize) {
        self.out.reserve(additional_bytes);
    }

    fn finish(self) -> Vec<u8> {
        self.out
    }
}
