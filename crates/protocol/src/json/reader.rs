use std::borrow::Cow;

use memchr::memchr;

use super::plain::plain_len;
use crate::decode_error::DecodeError;
use crate::number;
use crate::reader::{
    DEPTH_MAX, Expected, IntKind, Peek, Reader, boolean_from_text, mismatch, skip_container,
};
use crate::value::{Blob, Timestamp};

/// Reads one JSON text in place.
///
/// Stricter than many: what RFC 8259 does not allow is malformed, and so are invalid UTF-8, lone
/// surrogates and containers nested deeper than [`DEPTH_MAX`].
#[derive(Debug)]
pub struct JsonReader<'a> {
    input: &'a [u8],
    position: usize,
    depth: usize,
    /// Just after the opening of a container: no comma is due.
    at_first: bool,
}

impl<'a> Reader<'a> for JsonReader<'a> {
    fn new(input: &'a [u8]) -> Self {
        Self { input, position: 0, depth: 0, at_first: true }
    }

    #[inline]
    fn peek(&mut self) -> Result<Peek, DecodeError> {
        Ok(match self.token()? {
            b'"' => Peek::String,
            b'-' | b'0'..=b'9' => Peek::Number,
            b'{' => Peek::Map,
            b'[' => Peek::List,
            b't' | b'f' => Peek::Bool,
            b'n' => Peek::Null,
            _ => return Err(DecodeError::Malformed),
        })
    }

    #[inline]
    fn take_null(&mut self) -> Result<bool, DecodeError> {
        let is_null = self.token()? == b'n';
        if is_null {
            self.literal(b"null")?;
        }
        Ok(is_null)
    }

    #[inline]
    fn string(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        match self.token()? {
            b'"' => self.quoted(),
            _ => Err(self.unexpected(Expected::String)),
        }
    }

    fn integer(&mut self, kind: IntKind) -> Result<i64, DecodeError> {
        match self.token()? {
            b'-' | b'0'..=b'9' => Ok(kind.clamp(number::truncated(self.number()?))),
            _ => Err(self.unexpected(kind.into())),
        }
    }

    fn boolean(&mut self) -> Result<bool, DecodeError> {
        match self.token()? {
            b't' => self.literal(b"true").map(|()| true),
            b'f' => self.literal(b"false").map(|()| false),
            b'"' => boolean_from_text(&self.quoted()?),
            _ => Err(self.unexpected(Expected::Boolean)),
        }
    }

    #[inline]
    fn blob(&mut self) -> Result<Blob<'a>, DecodeError> {
        if self.token()? != b'"' {
            return Err(self.unexpected(Expected::Blob));
        }
        // Text that passes for base64 holds neither escapes nor anything but ASCII, so the first
        // quote is its end.
        let text = &self.input[self.position + 1..];
        let length = memchr(b'"', text).ok_or(DecodeError::Malformed)?;
        if let Some(blob) = Blob::checked(&text[..length]) {
            self.position += length + 2;
            return Ok(blob);
        }
        let blob = Blob::base64(self.quoted()?);
        blob.check().map(|()| blob)
    }

    fn timestamp(&mut self) -> Result<Timestamp, DecodeError> {
        match self.token()? {
            b'-' | b'0'..=b'9' => Ok(Timestamp(number::milliseconds(self.number()?))),
            _ => Err(self.unexpected(Expected::Timestamp)),
        }
    }

    #[inline]
    fn begin_map(&mut self) -> Result<(), DecodeError> {
        self.open(b'{', Expected::Map)
    }

    #[inline]
    fn begin_structure(&mut self) -> Result<(), DecodeError> {
        self.open(b'{', Expected::Structure)
    }

    #[inline]
    fn next_key(&mut self) -> Result<Option<Cow<'a, str>>, DecodeError> {
        if !self.advance(b'}')? {
            return Ok(None);
        }
        if self.token()? != b'"' {
            return Err(DecodeError::Malformed);
        }
        let key = self.quoted()?;
        if self.token()? != b':' {
            return Err(DecodeError::Malformed);
        }
        self.position += 1;
        Ok(Some(key))
    }

    #[inline]
    fn begin_list(&mut self) -> Result<(), DecodeError> {
        self.open(b'[', Expected::List)
    }

    #[inline]
    fn next_item(&mut self) -> Result<bool, DecodeError> {
        self.advance(b']')
    }

    fn skip_value(&mut self) -> Result<(), DecodeError> {
        match self.token()? {
            b'"' => self.skip_quoted(),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            b'{' => skip_container(self, true),
            b'[' => skip_container(self, false),
            _ => Err(DecodeError::Malformed),
        }
    }

    fn remaining_bytes(&self) -> usize {
        self.input.len() - self.position
    }

    fn finish(mut self) -> Result<(), DecodeError> {
        match self.token() {
            Err(_) => Ok(()),
            Ok(_) => Err(DecodeError::Malformed),
        }
    }
}

impl<'a> JsonReader<'a> {
    /// The next byte that is not whitespace, left unread. The end of the input is an error.
    #[inline]
    fn token(&mut self) -> Result<u8, DecodeError> {
        loop {
            match self.input.get(self.position) {
                Some(b' ' | b'\n' | b'\t' | b'\r') => self.position += 1,
                Some(&byte) => return Ok(byte),
                None => return Err(DecodeError::Malformed),
            }
        }
    }

    #[cold]
    fn unexpected(&mut self, expected: Expected) -> DecodeError {
        match self.peek() {
            Ok(found) => mismatch(expected, found),
            Err(error) => error,
        }
    }

    #[inline]
    fn literal(&mut self, literal: &[u8]) -> Result<(), DecodeError> {
        if !self.input[self.position..].starts_with(literal) {
            return Err(DecodeError::Malformed);
        }
        self.position += literal.len();
        Ok(())
    }

    #[inline]
    fn open(&mut self, bracket: u8, expected: Expected) -> Result<(), DecodeError> {
        if self.token()? != bracket {
            return Err(self.unexpected(expected));
        }
        if self.depth == DEPTH_MAX {
            return Err(DecodeError::Malformed);
        }
        self.depth += 1;
        self.position += 1;
        self.at_first = true;
        Ok(())
    }

    /// Moves past the comma to the next item, or past `close` and answers `false`.
    #[inline]
    fn advance(&mut self, close: u8) -> Result<bool, DecodeError> {
        let token = self.token()?;
        let was_first = std::mem::replace(&mut self.at_first, false);
        if token == close {
            self.position += 1;
            self.depth -= 1;
            return Ok(false);
        }
        if !was_first {
            if token != b',' {
                return Err(DecodeError::Malformed);
            }
            self.position += 1;
        }
        Ok(true)
    }

    /// The string whose opening quote is the next byte.
    #[inline]
    fn quoted(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        let start = self.position + 1;
        let end = start + plain_len(&self.input[start..]);
        match self.input.get(end) {
            Some(b'"') => {
                self.position = end + 1;
                utf8(&self.input[start..end]).map(Cow::Borrowed)
            }
            Some(b'\\') => self.escaped(start, end).map(Cow::Owned),
            _ => Err(DecodeError::Malformed),
        }
    }

    /// Moves past the string whose opening quote is the next byte, without making it.
    fn skip_quoted(&mut self) -> Result<(), DecodeError> {
        let start = self.position + 1;
        self.position = start;
        self.unescape(|_| ())
    }

    /// The string from `start` on, whose first backslash is at `backslash`.
    #[cold]
    fn escaped(&mut self, start: usize, backslash: usize) -> Result<String, DecodeError> {
        // Its length first: a text that grows takes three times as much in between.
        let mut bytes = 0;
        self.position = start;
        self.unescape(|piece| bytes += piece.len())?;
        let mut text = String::with_capacity(bytes);
        text.push_str(utf8(&self.input[start..backslash])?);
        self.position = backslash;
        self.unescape(|piece| text.push_str(piece))?;
        Ok(text)
    }

    /// Tells the pieces of the string that goes on at the next byte, and moves past its end.
    fn unescape(&mut self, mut tell: impl FnMut(&str)) -> Result<(), DecodeError> {
        loop {
            let plain = &self.input[self.position..];
            let plain = &plain[..plain_len(plain)];
            tell(utf8(plain)?);
            self.position += plain.len();
            match self.input.get(self.position) {
                Some(b'"') => break,
                Some(b'\\') => tell(self.escape()?.encode_utf8(&mut [0; 4])),
                _ => return Err(DecodeError::Malformed),
            }
        }
        self.position += 1;
        Ok(())
    }

    /// The character of the escape sequence whose backslash is the next byte.
    fn escape(&mut self) -> Result<char, DecodeError> {
        let letter = *self.input.get(self.position + 1).ok_or(DecodeError::Malformed)?;
        self.position += 2;
        Ok(match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return self.unicode_escape(),
            _ => return Err(DecodeError::Malformed),
        })
    }

    /// The character of `\uXXXX` or of a pair of them, after the first `\u`.
    fn unicode_escape(&mut self) -> Result<char, DecodeError> {
        let unit = self.hex_unit()?;
        if !(0xD800..0xDC00).contains(&unit) {
            return char::from_u32(unit).ok_or(DecodeError::Malformed);
        }
        self.literal(b"\\u")?;
        let low = self.hex_unit()?;
        if !(0xDC00..0xE000).contains(&low) {
            return Err(DecodeError::Malformed);
        }
        let scalar = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        char::from_u32(scalar).ok_or(DecodeError::Malformed)
    }

    fn hex_unit(&mut self) -> Result<u32, DecodeError> {
        let digits = self.input.get(self.position..self.position + 4);
        let digits = digits.ok_or(DecodeError::Malformed)?;
        self.position += 4;
        digits.iter().try_fold(0, |unit, &byte| {
            let digit = char::from(byte).to_digit(16).ok_or(DecodeError::Malformed)?;
            Ok(unit << 4 | digit)
        })
    }

    /// The text of the number that starts at the next byte.
    fn number(&mut self) -> Result<&'a [u8], DecodeError> {
        let start = self.position;
        if self.input[start] == b'-' {
            self.position += 1;
        }
        match self.input.get(self.position) {
            Some(b'0') => self.position += 1,
            _ => self.digits()?,
        }
        if self.input.get(self.position) == Some(&b'.') {
            self.position += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.input.get(self.position) {
            self.position += 1;
            if let Some(b'+' | b'-') = self.input.get(self.position) {
                self.position += 1;
            }
            self.digits()?;
        }
        Ok(&self.input[start..self.position])
    }

    /// Moves past one digit or more.
    fn digits(&mut self) -> Result<(), DecodeError> {
        let rest = &self.input[self.position..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.position += count;
        if count == 0 { Err(DecodeError::Malformed) } else { Ok(()) }
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::Malformed)
}
