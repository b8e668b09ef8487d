//! Pull readers: what a decoder may ask of a request body, whichever codec wrote it.
//!
//! A reader walks the body once, in place. Methods that meet another type than the asked one
//! answer [`DecodeError::Mismatch`] with the text the service prints; the reader is then in an
//! unspecified position and must be dropped.

use std::borrow::Cow;

use crate::decode_error::DecodeError;
use crate::shown::shown;
use crate::value::{Blob, Timestamp};

/// Containers may nest this deep; one more is [`DecodeError::Malformed`].
pub const DEPTH_MAX: usize = 64;

/// The type of the next value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Peek {
    Null,
    Bool,
    Number,
    String,
    /// A byte string; only CBOR has them.
    Bytes,
    /// A tagged timestamp; only CBOR has them.
    Timestamp,
    List,
    Map,
}

/// The two integer types of the service model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntKind {
    /// 32 bits; what lies outside is clamped.
    Integer,
    /// 64 bits; what lies outside is clamped.
    Long,
}

impl IntKind {
    /// `number`, held to the range of the kind.
    pub(crate) fn clamp(self, number: i64) -> i64 {
        match self {
            Self::Integer => number.clamp(i64::from(i32::MIN), i64::from(i32::MAX)),
            Self::Long => number,
        }
    }
}

/// A cursor over one encoded value.
///
/// Containers: after `begin_map` or `begin_structure` call `next_key` until it answers `None`, and
/// read or skip exactly one value after each key; likewise `begin_list` and `next_item`.
pub trait Reader<'a>: Sized {
    /// A reader at the start of `input`.
    fn new(input: &'a [u8]) -> Self;

    /// The type of the next value, which stays unread.
    fn peek(&mut self) -> Result<Peek, DecodeError>;

    /// Consumes the next value if it is null.
    fn take_null(&mut self) -> Result<bool, DecodeError>;

    /// A string; borrowed from the input when it stands there as is.
    fn string(&mut self) -> Result<Cow<'a, str>, DecodeError>;

    /// A number without its fraction, clamped to the range of `kind`.
    fn integer(&mut self, kind: IntKind) -> Result<i64, DecodeError>;

    /// A boolean, or one of the strings that the service takes for one.
    fn boolean(&mut self) -> Result<bool, DecodeError>;

    /// A blob, of which base64 text is checked but not decoded.
    fn blob(&mut self) -> Result<Blob<'a>, DecodeError>;

    /// A point in time.
    fn timestamp(&mut self) -> Result<Timestamp, DecodeError>;

    /// Enters a map from text to some type.
    fn begin_map(&mut self) -> Result<(), DecodeError>;

    /// Enters a structure. Same bytes as a map, other error texts.
    fn begin_structure(&mut self) -> Result<(), DecodeError>;

    /// The next key, or `None` after having left the map or structure.
    fn next_key(&mut self) -> Result<Option<Cow<'a, str>>, DecodeError>;

    /// Enters a list.
    fn begin_list(&mut self) -> Result<(), DecodeError>;

    /// Whether another item follows; `false` after having left the list.
    fn next_item(&mut self) -> Result<bool, DecodeError>;

    /// Reads over the next value, checking it as strictly as if it had been wanted.
    fn skip_value(&mut self) -> Result<(), DecodeError>;

    /// Bytes that are not read yet.
    fn remaining_bytes(&self) -> usize;

    /// Checks that nothing follows the value.
    fn finish(self) -> Result<(), DecodeError>;
}

/// Reads over the items of a list or the entries of a map. Bounded by [`DEPTH_MAX`].
pub(crate) fn skip_container<'a, R: Reader<'a>>(
    reader: &mut R,
    is_map: bool,
) -> Result<(), DecodeError> {
    if is_map {
        reader.begin_map()?;
        while reader.next_key()?.is_some() {
            reader.skip_value()?;
        }
    } else {
        reader.begin_list()?;
        while reader.next_item()? {
            reader.skip_value()?;
        }
    }
    Ok(())
}

/// Whether `input` is one well-formed map and nothing else.
pub fn is_well_formed_map<'a, R: Reader<'a>>(input: &'a [u8]) -> bool {
    let mut reader = R::new(input);
    let walked = matches!(reader.peek(), Ok(Peek::Map)) && reader.skip_value().is_ok();
    walked && reader.finish().is_ok()
}

/// What a decoder asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    String,
    Integer,
    Long,
    Boolean,
    Blob,
    Timestamp,
    List,
    Map,
    Structure,
}

impl From<IntKind> for Expected {
    fn from(kind: IntKind) -> Self {
        match kind {
            IntKind::Integer => Self::Integer,
            IntKind::Long => Self::Long,
        }
    }
}

const LIST_MISPLACED: &str = "Start of list found where not expected";
const MAP_MISPLACED: &str = "Start of structure or map found where not expected.";

/// The error for a value of type `found` where `expected` was asked for.
#[cold]
pub(crate) fn mismatch(expected: Expected, found: Peek) -> DecodeError {
    DecodeError::Mismatch(match (expected, found) {
        (_, Peek::Map) => MAP_MISPLACED.into(),
        (Expected::List, _) => "Expected list or null".into(),
        (_, Peek::List) => LIST_MISPLACED.into(),
        (Expected::Map, _) => "Expected map or null".into(),
        (Expected::Structure, _) => "Expected null".into(),
        (scalar, _) => format!("{} can not be converted to {}", java_class(found), noun(scalar)),
    })
}

/// The service's class of a scalar. Of the last four the text has not been observed.
fn java_class(found: Peek) -> &'static str {
    match found {
        Peek::Bool => "class java.lang.Boolean",
        Peek::Number => "class com.amazon.coral.value.json.numbers.TruncatingBigNumber",
        Peek::String => "class java.lang.String",
        Peek::Bytes => "class java.nio.HeapByteBuffer",
        Peek::Timestamp => "class java.util.Date",
        Peek::Null | Peek::List | Peek::Map => "class java.lang.Object",
    }
}

fn noun(expected: Expected) -> &'static str {
    match expected {
        Expected::String => "an String",
        Expected::Integer => "an Integer",
        Expected::Long => "an Long",
        Expected::Boolean => "an Boolean",
        Expected::Blob => "a Blob",
        Expected::Timestamp => "milliseconds since epoch",
        Expected::List => "a List",
        Expected::Map => "a Map",
        Expected::Structure => "a Structure",
    }
}

/// A string where a boolean was asked for: some of them convert.
pub(crate) fn boolean_from_text(text: &str) -> Result<bool, DecodeError> {
    let is_any = |words: [&str; 3]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is_any(["true", "1", "yes"]) {
        return Ok(true);
    }
    if is_any(["false", "0", "no"]) {
        return Ok(false);
    }
    let shouted = shown(text).to_uppercase();
    let shouted = shown(&shouted);
    Err(DecodeError::Mismatch(format!("'{shouted}' can not be converted to an Boolean")))
}
