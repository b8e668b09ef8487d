//! Items as CBOR: maps of names and values.
//!
//! ```text
//! S text | B bytes | BOOL bool | NULL null | L array | M map
//! N  tag 6, bytes that sort      SS tag 7, array of texts
//! NS tag 8, array of bytes       BS tag 9, array of bytes
//! ```
//! Names are in their order, and sets in that of their members: the same item has the same bytes.

use crate::number::{Number, SORTABLE_BYTES_MAX};
use crate::set::Set;
use crate::value::{AttributeValue, Item, NESTING_MAX};
use bytes::Bytes;
use minicbor::data::{Tag, Type};
use minicbor::decode::Error as DecodeError;
use minicbor::encode::{Error as EncodeError, Write};
use minicbor::{Decoder, Encoder};
use std::collections::BTreeMap;
use std::sync::Arc;

const NUMBER: u64 = 6;
const STRINGS: u64 = 7;
const NUMBERS: u64 = 8;
const MANY_BYTES: u64 = 9;

/// Appends an item.
///
/// # Errors
/// Those of the writer.
pub fn encode_item<W: Write>(
    item: &Item,
    encoder: &mut Encoder<W>,
) -> Result<(), EncodeError<W::Error>> {
    encoder.map(item.len() as u64)?;
    for (name, value) in item {
        encoder.str(name)?;
        encode_value(value, encoder)?;
    }
    Ok(())
}

fn encode_value<W: Write>(
    value: &AttributeValue,
    encoder: &mut Encoder<W>,
) -> Result<(), EncodeError<W::Error>> {
    match value {
        AttributeValue::S(text) => encoder.str(text)?.ok(),
        AttributeValue::B(bytes) => encoder.bytes(bytes)?.ok(),
        AttributeValue::Bool(value) => encoder.bool(*value)?.ok(),
        AttributeValue::Null => encoder.null()?.ok(),
        AttributeValue::N(number) => {
            encoder.tag(Tag::new(NUMBER))?;
            encode_number(*number, encoder)
        }
        AttributeValue::Ss(texts) => {
            encoder.tag(Tag::new(STRINGS))?.array(texts.len() as u64)?;
            texts.iter().try_for_each(|text| encoder.str(text)?.ok())
        }
        AttributeValue::Ns(numbers) => {
            encoder.tag(Tag::new(NUMBERS))?.array(numbers.len() as u64)?;
            numbers.iter().try_for_each(|number| encode_number(*number, encoder))
        }
        AttributeValue::Bs(many) => {
            encoder.tag(Tag::new(MANY_BYTES))?.array(many.len() as u64)?;
            many.iter().try_for_each(|bytes| encoder.bytes(bytes)?.ok())
        }
        AttributeValue::L(values) => {
            encoder.array(values.len() as u64)?;
            values.iter().try_for_each(|value| encode_value(value, encoder))
        }
        AttributeValue::M(members) => encode_item(members, encoder),
    }
}

fn encode_number<W: Write>(
    number: Number,
    encoder: &mut Encoder<W>,
) -> Result<(), EncodeError<W::Error>> {
    let mut bytes = Vec::with_capacity(SORTABLE_BYTES_MAX);
    number.write_sortable(&mut bytes);
    encoder.bytes(&bytes)?.ok()
}

/// Reads an item. What it takes of memory is in proportion to the bytes read.
///
/// # Errors
/// Bytes that [`encode_item`] never wrote.
pub fn decode_item(decoder: &mut Decoder<'_>) -> Result<Item, DecodeError> {
    // An attribute is above all maps and lists.
    decode_members(decoder, NESTING_MAX + 1)
}

fn decode_members(decoder: &mut Decoder<'_>, levels: usize) -> Result<Item, DecodeError> {
    let len = decoder.map()?.ok_or_else(|| DecodeError::message("a map without its length"))?;
    let mut members = BTreeMap::new();
    for _ in 0..len {
        let name = decoder.str()?.to_owned();
        if members.insert(name, decode_value(decoder, levels)?).is_some() {
            return Err(DecodeError::message("a name twice"));
        }
    }
    Ok(members)
}

fn decode_value(decoder: &mut Decoder<'_>, levels: usize) -> Result<AttributeValue, DecodeError> {
    let below = || levels.checked_sub(1).ok_or_else(|| DecodeError::message("too deep"));
    Ok(match decoder.datatype()? {
        Type::String => AttributeValue::S(decoder.str()?.to_owned()),
        Type::Bytes => AttributeValue::B(Bytes::copy_from_slice(decoder.bytes()?)),
        Type::Bool => AttributeValue::Bool(decoder.bool()?),
        Type::Null => {
            decoder.null()?;
            AttributeValue::Null
        }
        Type::Array => {
            let below = below()?;
            AttributeValue::L(decode_array(decoder, |decoder| decode_value(decoder, below))?)
        }
        Type::Map => AttributeValue::M(decode_members(decoder, below()?)?),
        Type::Tag => match decoder.tag()?.as_u64() {
            NUMBER => AttributeValue::N(decode_number(decoder)?),
            STRINGS => {
                let texts = decode_array(decoder, |decoder| Ok(decoder.str()?.to_owned()))?;
                AttributeValue::Ss(decode_set(texts)?)
            }
            NUMBERS => AttributeValue::Ns(decode_set(decode_array(decoder, decode_number)?)?),
            MANY_BYTES => {
                let one = |decoder: &mut Decoder<'_>| Ok(Bytes::copy_from_slice(decoder.bytes()?));
                AttributeValue::Bs(decode_set(decode_array(decoder, one)?)?)
            }
            _ => return Err(DecodeError::message("a tag that is none of a value")),
        },
        _ => return Err(DecodeError::message("a type that is none of a value")),
    })
}

fn decode_array<'b, T>(
    decoder: &mut Decoder<'b>,
    mut one: impl FnMut(&mut Decoder<'b>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let len =
        decoder.array()?.ok_or_else(|| DecodeError::message("an array without its length"))?;
    let mut members = Vec::new();
    for _ in 0..len {
        members.push(one(decoder)?);
    }
    Ok(members)
}

fn decode_set<T: Ord>(members: Vec<T>) -> Result<Set<T>, DecodeError> {
    Set::new(members).map_err(|_| DecodeError::message("a set that is empty or has a member twice"))
}

fn decode_number(decoder: &mut Decoder<'_>) -> Result<Number, DecodeError> {
    let bytes = decoder.bytes()?;
    match Number::read_sortable(bytes) {
        Some((number, len)) if len == bytes.len() => Ok(number),
        _ => Err(DecodeError::message("bytes that are no number")),
    }
}

/// For minicbor's `with`.
pub(crate) mod shared {
    use super::{Arc, DecodeError, Decoder, EncodeError, Encoder, Item, Write};

    pub(crate) fn encode<W: Write, C>(
        item: &Arc<Item>,
        encoder: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), EncodeError<W::Error>> {
        super::encode_item(item, encoder)
    }

    pub(crate) fn decode<C>(
        decoder: &mut Decoder<'_>,
        _: &mut C,
    ) -> Result<Arc<Item>, DecodeError> {
        super::decode_item(decoder).map(Arc::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> AttributeValue {
        AttributeValue::number(text).expect("a number")
    }

    fn bytes_of(item: &Item) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new());
        encode_item(item, &mut encoder).expect("writing to memory cannot fail");
        encoder.into_writer()
    }

    fn every_type() -> Item {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let list = vec![number("0"), AttributeValue::L(vec![AttributeValue::Null])];
        [
            ("s", AttributeValue::string("ü")),
            ("empty", AttributeValue::string("")),
            ("n", number("-7.47E-4")),
            ("b", AttributeValue::B(bytes("\0x"))),
            ("ss", AttributeValue::string_set(texts(&["b", "a"])).expect("a set")),
            ("ns", AttributeValue::number_set(&["3", "-1E100"]).expect("a set")),
            ("bs", AttributeValue::binary_set(vec![bytes("q"), bytes("p")]).expect("a set")),
            ("l", AttributeValue::L(list)),
            ("m", AttributeValue::M(Item::from([("x".to_owned(), AttributeValue::Bool(true))]))),
            ("bool", AttributeValue::Bool(false)),
            ("null", AttributeValue::Null),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    #[test]
    fn items_come_back_as_they_were() {
        let item = every_type();
        let bytes = bytes_of(&item);
        let mut decoder = Decoder::new(&bytes);
        assert_eq!(decode_item(&mut decoder).expect("decodes"), item);
        assert_eq!(decoder.position(), bytes.len());
        for len in 0..bytes.len() {
            assert!(decode_item(&mut Decoder::new(&bytes[..len])).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn what_is_on_the_disk_stays_as_it_is() {
        let item = Item::from([
            ("a".to_owned(), AttributeValue::string("b")),
            ("n".to_owned(), number("12")),
        ]);
        let expected = [0xa2, 0x61, b'a', 0x61, b'b', 0x61, b'n', 0xc6, 0x44, 3, 131, 13, 0];
        assert_eq!(bytes_of(&item), expected);
    }

    #[test]
    fn values_nest_as_deep_as_they_may_and_no_deeper() {
        let nested = |levels: usize| {
            let wrap = |value, _| AttributeValue::L(vec![value]);
            let value = (0..levels).fold(AttributeValue::Null, wrap);
            bytes_of(&Item::from([("a".to_owned(), value)]))
        };
        decode_item(&mut Decoder::new(&nested(NESTING_MAX))).expect("it may be so deep");
        let deep = [&[0xa1, 0x61, b'a'][..], &[0x81; 100_000], &[0xf6]].concat();
        decode_item(&mut Decoder::new(&deep)).expect_err("too deep");
    }

    #[test]
    fn a_length_that_lies_takes_no_memory() {
        let lies = [0xa1, 0x61, b'a', 0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        decode_item(&mut Decoder::new(&lies)).expect_err("it ends");
    }
}
