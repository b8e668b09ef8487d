use std::borrow::Cow;

use super::initial_byte::{BREAK, TAG_TIMESTAMP, info, major};
use crate::decode_error::DecodeError;
use crate::reader::{
    DEPTH_MAX, Expected, IntKind, Peek, Reader, boolean_from_text, mismatch, skip_container,
};
use crate::value::{Blob, Timestamp};

/// Stands for the unknown number of entries of an indefinite container.
const UNTIL_BREAK: u64 = u64::MAX;

/// Reads one CBOR item in place. Tags other than that of timestamps are read over.
#[derive(Debug)]
pub struct CborReader<'a> {
    input: &'a [u8],
    position: usize,
    depth: usize,
    /// Entries still to come in each open container, or [`UNTIL_BREAK`].
    remaining: [u64; DEPTH_MAX],
}

/// An initial byte with its argument.
#[derive(Clone, Copy)]
struct Head {
    major: u8,
    info: u8,
    argument: u64,
    /// Where the item continues.
    next: usize,
}

impl Head {
    fn is_indefinite(&self) -> bool {
        self.info == info::INDEFINITE
    }
}

impl<'a> Reader<'a> for CborReader<'a> {
    fn new(input: &'a [u8]) -> Self {
        Self { input, position: 0, depth: 0, remaining: [0; DEPTH_MAX] }
    }

    fn peek(&mut self) -> Result<Peek, DecodeError> {
        peek_of(self.head()?)
    }

    fn take_null(&mut self) -> Result<bool, DecodeError> {
        let head = self.head()?;
        let is_null = peek_of(head)? == Peek::Null;
        if is_null {
            self.position = head.next;
        }
        Ok(is_null)
    }

    fn string(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        let head = self.head()?;
        match peek_of(head)? {
            Peek::String => self.text(head),
            found => Err(mismatch(Expected::String, found)),
        }
    }

    fn integer(&mut self, kind: IntKind) -> Result<i64, DecodeError> {
        let head = self.head()?;
        match peek_of(head)? {
            Peek::Number => Ok(kind.clamp(self.number(head))),
            found => Err(mismatch(kind.into(), found)),
        }
    }

    fn boolean(&mut self) -> Result<bool, DecodeError> {
        let head = self.head()?;
        match peek_of(head)? {
            Peek::Bool => {
                self.position = head.next;
                Ok(head.info == info::TRUE)
            }
            Peek::String => boolean_from_text(&self.text(head)?),
            found => Err(mismatch(Expected::Boolean, found)),
        }
    }

    fn blob(&mut self) -> Result<Blob<'a>, DecodeError> {
        let head = self.head()?;
        match peek_of(head)? {
            Peek::Bytes => self.bytes(head).map(Blob::raw),
            Peek::String => {
                let blob = Blob::base64(self.text(head)?);
                blob.check().map(|()| blob)
            }
            found => Err(mismatch(Expected::Blob, found)),
        }
    }

    /// A number without the tag is taken for milliseconds too.
    fn timestamp(&mut self) -> Result<Timestamp, DecodeError> {
        let head = self.head_past_timestamp_tag()?;
        match peek_of(head)? {
            Peek::Number => Ok(Timestamp(self.number(head))),
            found => Err(mismatch(Expected::Timestamp, found)),
        }
    }

    fn begin_map(&mut self) -> Result<(), DecodeError> {
        self.open(Peek::Map, Expected::Map)
    }

    fn begin_structure(&mut self) -> Result<(), DecodeError> {
        self.open(Peek::Map, Expected::Structure)
    }

    fn next_key(&mut self) -> Result<Option<Cow<'a, str>>, DecodeError> {
        if !self.advance()? {
            return Ok(None);
        }
        let head = self.head()?;
        match head.major {
            major::TEXT => self.text(head).map(Some),
            _ => Err(DecodeError::Malformed),
        }
    }

    fn begin_list(&mut self) -> Result<(), DecodeError> {
        self.open(Peek::List, Expected::List)
    }

    fn next_item(&mut self) -> Result<bool, DecodeError> {
        self.advance()
    }

    fn skip_value(&mut self) -> Result<(), DecodeError> {
        let head = self.head_past_timestamp_tag()?;
        match peek_of(head)? {
            Peek::String => self.skip_text(head),
            Peek::Bytes => self.chunks(head, |_| Ok(())),
            Peek::Map => skip_container(self, true),
            Peek::List => skip_container(self, false),
            Peek::Null | Peek::Bool | Peek::Number | Peek::Timestamp => {
                self.position = head.next;
                Ok(())
            }
        }
    }

    fn remaining_bytes(&self) -> usize {
        self.input.len() - self.position
    }

    fn finish(self) -> Result<(), DecodeError> {
        if self.position == self.input.len() { Ok(()) } else { Err(DecodeError::Malformed) }
    }
}

impl<'a> CborReader<'a> {
    /// The head at the position, past any tags that mean nothing here.
    fn head(&mut self) -> Result<Head, DecodeError> {
        loop {
            let head = head_at(self.input, self.position)?;
            if head.major != major::TAG || head.argument == TAG_TIMESTAMP {
                return Ok(head);
            }
            self.position = head.next;
        }
    }

    /// The head of the item that a timestamp's tag is put on.
    fn head_past_timestamp_tag(&mut self) -> Result<Head, DecodeError> {
        loop {
            let head = self.head()?;
            if head.major != major::TAG {
                return Ok(head);
            }
            self.position = head.next;
        }
    }

    /// The integer or float of `head`, without fraction, saturating.
    fn number(&mut self, head: Head) -> i64 {
        self.position = head.next;
        let whole = i64::try_from(head.argument).unwrap_or(i64::MAX);
        match (head.major, head.info) {
            (major::UNSIGNED, _) => whole,
            (major::NEGATIVE, _) => -1 - whole,
            (_, info::HALF) => half(head.argument as u16) as i64,
            (_, info::SINGLE) => f32::from_bits(head.argument as u32) as i64,
            _ => f64::from_bits(head.argument) as i64,
        }
    }

    fn text(&mut self, head: Head) -> Result<Cow<'a, str>, DecodeError> {
        if !head.is_indefinite() {
            return utf8(self.definite(head)?).map(Cow::Borrowed);
        }
        let mut text = String::with_capacity(self.chunk_bytes(head)?);
        self.chunks(head, |chunk| utf8(chunk).map(|chunk| text.push_str(chunk)))?;
        Ok(Cow::Owned(text))
    }

    fn skip_text(&mut self, head: Head) -> Result<(), DecodeError> {
        self.chunks(head, |chunk| utf8(chunk).map(drop))
    }

    fn bytes(&mut self, head: Head) -> Result<Cow<'a, [u8]>, DecodeError> {
        if !head.is_indefinite() {
            return self.definite(head).map(Cow::Borrowed);
        }
        let mut bytes = Vec::with_capacity(self.chunk_bytes(head)?);
        self.chunks(head, |chunk| {
            bytes.extend_from_slice(chunk);
            Ok(())
        })?;
        Ok(Cow::Owned(bytes))
    }

    /// The length of an indefinite string, which stays unread: one that grows takes three times as
    /// much in between.
    fn chunk_bytes(&mut self, head: Head) -> Result<usize, DecodeError> {
        let (position, mut bytes) = (self.position, 0);
        self.chunks(head, |chunk| {
            bytes += chunk.len();
            Ok(())
        })?;
        self.position = position;
        Ok(bytes)
    }

    /// Tells the pieces of a string, which is all of it if it states its length, and moves past it.
    fn chunks(
        &mut self,
        head: Head,
        mut tell: impl FnMut(&'a [u8]) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        if !head.is_indefinite() {
            return tell(self.definite(head)?);
        }
        while let Some(chunk) = self.next_chunk(head)? {
            tell(chunk)?;
        }
        Ok(())
    }

    /// The content of a string that states its length.
    fn definite(&mut self, head: Head) -> Result<&'a [u8], DecodeError> {
        let rest = &self.input[head.next..];
        let length = usize::try_from(head.argument).map_err(|_| DecodeError::Malformed)?;
        let content = rest.get(..length).ok_or(DecodeError::Malformed)?;
        self.position = head.next + length;
        Ok(content)
    }

    /// The next chunk of the indefinite string that `whole` began.
    fn next_chunk(&mut self, whole: Head) -> Result<Option<&'a [u8]>, DecodeError> {
        self.position = self.position.max(whole.next);
        if self.take_break() {
            return Ok(None);
        }
        let chunk = head_at(self.input, self.position)?;
        if chunk.major != whole.major || chunk.is_indefinite() {
            return Err(DecodeError::Malformed);
        }
        self.definite(chunk).map(Some)
    }

    fn take_break(&mut self) -> bool {
        let is_break = self.input.get(self.position) == Some(&BREAK);
        self.position += usize::from(is_break);
        is_break
    }

    fn open(&mut self, wanted: Peek, expected: Expected) -> Result<(), DecodeError> {
        let head = self.head()?;
        let found = peek_of(head)?;
        if found != wanted {
            return Err(mismatch(expected, found));
        }
        // Each entry takes a byte or more: a longer claim cannot be true.
        let rest_bytes = (self.input.len() - head.next) as u64;
        let is_claim_absurd = !head.is_indefinite() && head.argument > rest_bytes;
        if self.depth == DEPTH_MAX || is_claim_absurd {
            return Err(DecodeError::Malformed);
        }
        self.remaining[self.depth] = if head.is_indefinite() { UNTIL_BREAK } else { head.argument };
        self.depth += 1;
        self.position = head.next;
        Ok(())
    }

    /// Counts one entry off, or leaves the container and answers `false`.
    fn advance(&mut self) -> Result<bool, DecodeError> {
        let top = self.depth - 1;
        let is_over = match self.remaining[top] {
            UNTIL_BREAK => self.take_break(),
            0 => true,
            entries => {
                self.remaining[top] = entries - 1;
                false
            }
        };
        if is_over {
            self.depth = top;
        }
        Ok(!is_over)
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|_| DecodeError::Malformed)
}

fn head_at(input: &[u8], position: usize) -> Result<Head, DecodeError> {
    let initial = *input.get(position).ok_or(DecodeError::Malformed)?;
    let (major, info) = (initial >> 5, initial & 31);
    let mut next = position + 1;
    let argument = match info {
        0..info::ONE_BYTE => u64::from(info),
        info::ONE_BYTE..=info::EIGHT_BYTES => {
            let width = 1 << (info - info::ONE_BYTE);
            let bytes = input.get(next..next + width).ok_or(DecodeError::Malformed)?;
            next += width;
            bytes.iter().fold(0, |argument, &byte| argument << 8 | u64::from(byte))
        }
        info::INDEFINITE if (major::BYTES..=major::MAP).contains(&major) => 0,
        _ => return Err(DecodeError::Malformed),
    };
    Ok(Head { major, info, argument, next })
}

/// The type that `head` begins; simple values without a meaning here are malformed.
fn peek_of(head: Head) -> Result<Peek, DecodeError> {
    Ok(match head.major {
        major::UNSIGNED | major::NEGATIVE => Peek::Number,
        major::BYTES => Peek::Bytes,
        major::TEXT => Peek::String,
        major::LIST => Peek::List,
        major::MAP => Peek::Map,
        major::TAG => Peek::Timestamp,
        _ => match head.info {
            info::FALSE | info::TRUE => Peek::Bool,
            info::NULL | info::UNDEFINED => Peek::Null,
            info::HALF | info::SINGLE | info::DOUBLE => Peek::Number,
            _ => return Err(DecodeError::Malformed),
        },
    })
}

/// The value of an IEEE 754 half.
fn half(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1F);
    let fraction = f64::from(bits & 0x3FF);
    let magnitude = match exponent {
        0 => fraction * 2_f64.powi(-24),
        0x1F if fraction == 0.0 => f64::INFINITY,
        0x1F => f64::NAN,
        _ => (fraction + 1024.0) * 2_f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}
