//! Java's properties files: the entries of one, with their lines.
//!
//! Bytes are characters of ISO 8859-1. `#` and `!` begin a comment. A backslash before the end of a line
//! goes on in the next one, without its indentation. A key ends at the first `=`, `:` or white space
//! that has no backslash before it. `\uXXXX` is a unit of UTF-16; of other characters the backslash is
//! left out. All that as `java.util.Properties` does it, odd cases too.

use std::iter::Peekable;
use std::slice::Iter;
use thiserror::Error;

/// Bytes of a file.
const FILE_BYTES_MAX: usize = 1 << 20;

/// An entry of a properties file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Property {
    /// The line where it begins, from 1.
    pub(crate) line: usize,
    pub(crate) key: String,
    pub(crate) value: String,
}

/// Why a file has no entries.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PropertiesError {
    /// `\u` is not followed by four hexadecimal digits.
    #[error("line {line}: \\u must be followed by four hexadecimal digits")]
    Escape {
        /// Where the entry begins, from 1.
        line: usize,
    },
    /// It is larger than 1 MiB.
    #[error("a properties file has {FILE_BYTES_MAX} bytes at most, not {bytes}")]
    TooLarge {
        /// Its bytes.
        bytes: usize,
    },
}

/// The entries of a file in their order, with repetitions.
pub(crate) fn read(bytes: &[u8]) -> Result<Vec<Property>, PropertiesError> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(PropertiesError::TooLarge { bytes: bytes.len() });
    }
    let mut lines = Lines { bytes: bytes.iter().peekable(), line: 1 };
    let mut found = Vec::new();
    while let Some((line, text)) = lines.next_logical() {
        let escape = |Malformed| PropertiesError::Escape { line };
        let (key, value) = split(&text);
        let (key, value) = (unescape(key).map_err(escape)?, unescape(value).map_err(escape)?);
        found.push(Property { line, key, value });
    }
    Ok(found)
}

/// Puts lines together.
struct Lines<'a> {
    bytes: Peekable<Iter<'a, u8>>,
    /// The natural line that is read, from 1.
    line: usize,
}

impl Lines<'_> {
    /// The next line that is no comment and not blank, and the number of its first natural line. The
    /// backslashes of continuations are left out, all others are in it.
    fn next_logical(&mut self) -> Option<(usize, Vec<u8>)> {
        let mut text = Vec::new();
        let mut begun = None;
        loop {
            self.skip_indentation();
            // A continuation of nothing may still be a comment.
            if text.is_empty() && matches!(self.bytes.peek(), Some(b'#' | b'!')) {
                self.rest_of_line(&mut Vec::new());
                begun = None;
                continue;
            }
            begun = begun.or(Some(self.line));
            let end = self.rest_of_line(&mut text);
            // A backslash before the end of the file is an entry without key and value.
            if end == End::EscapedFile || (end != End::EscapedLine && !text.is_empty()) {
                return begun.map(|line| (line, text));
            }
            if end == End::File {
                return None;
            }
            if text.is_empty() {
                begun = None;
            }
        }
    }

    fn skip_indentation(&mut self) {
        while self.bytes.next_if(|byte| is_blank(**byte)).is_some() {}
    }

    /// Reads to the end of the natural line.
    fn rest_of_line(&mut self, text: &mut Vec<u8>) -> End {
        let mut is_escaped = false;
        while let Some(&byte) = self.bytes.next() {
            if is_line_end(byte) {
                if byte == b'\r' && self.bytes.next_if(|next| **next == b'\n').is_some() {
                    self.line += 1;
                    return if is_escaped { escaped(text, End::EscapedLine) } else { End::Line };
                }
                self.line += 1;
                return match (is_escaped, self.bytes.peek()) {
                    (false, _) => End::Line,
                    (true, Some(_)) => escaped(text, End::EscapedLine),
                    (true, None) => escaped(text, End::EscapedFile),
                };
            }
            is_escaped = byte == b'\\' && !is_escaped;
            text.push(byte);
        }
        if is_escaped { escaped(text, End::EscapedFile) } else { End::File }
    }
}

/// How a natural line ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Line,
    /// With a backslash: it goes on in the next.
    EscapedLine,
    File,
    /// With a backslash, and nothing comes behind it.
    EscapedFile,
}

/// Takes the last backslash off.
fn escaped(text: &mut Vec<u8>, end: End) -> End {
    text.pop();
    end
}

fn is_line_end(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r')
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0c')
}

/// Key and value, both still escaped.
fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let mut is_escaped = false;
    let end = text.iter().position(|&byte| {
        let ends = !is_escaped && (is_blank(byte) || matches!(byte, b'=' | b':'));
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    let (key, rest) = text.split_at(end.unwrap_or(text.len()));
    let rest = without_blanks(rest);
    let rest = rest.strip_prefix(b"=").or_else(|| rest.strip_prefix(b":")).unwrap_or(rest);
    (key, without_blanks(rest))
}

fn without_blanks(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| !is_blank(*byte)).unwrap_or(text.len());
    &text[start..]
}

/// `\u` without its digits.
struct Malformed;

fn unescape(text: &[u8]) -> Result<String, Malformed> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        let unit = match byte {
            b'\\' => match bytes.next() {
                Some(b'u') => hexadecimal(&mut bytes)?,
                Some(b't') => u16::from(b'\t'),
                Some(b'n') => u16::from(b'\n'),
                Some(b'r') => u16::from(b'\r'),
                Some(b'f') => 0x0c,
                Some(other) => u16::from(other),
                None => break,
            },
            other => u16::from(other),
        };
        units.push(unit);
    }
    // Half a pair is no character.
    Ok(String::from_utf16_lossy(&units))
}

fn hexadecimal(bytes: &mut impl Iterator<Item = u8>) -> Result<u16, Malformed> {
    let mut unit = 0;
    for _ in 0..4 {
        let digit = bytes.next().and_then(|byte| char::from(byte).to_digit(16));
        unit = unit << 4 | digit.ok_or(Malformed)?;
    }
    Ok(unit as u16)
}

#[cfg(test)]
mod tests;
