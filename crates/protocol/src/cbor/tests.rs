#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{CborReader, CborWriter};
use crate::decode_error::DecodeError;
use crate::reader::{DEPTH_MAX, IntKind, Peek, Reader};
use crate::value::Timestamp;
use crate::writer::Writer;

#[derive(Debug, Clone, PartialEq)]
enum Item {
    Null,
    Bool(bool),
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
    Time(i64),
    List(Vec<Item>),
    Map(BTreeMap<String, Item>),
}

fn parse(input: &[u8]) -> Result<Item, DecodeError> {
    let mut reader = CborReader::new(input);
    let item = parse_item(&mut reader)?;
    reader.finish().map(|()| item)
}

fn parse_item(reader: &mut CborReader<'_>) -> Result<Item, DecodeError> {
    Ok(match reader.peek()? {
        Peek::Null => reader.take_null().map(|_| Item::Null)?,
        Peek::Bool => Item::Bool(reader.boolean()?),
        Peek::Number => Item::Number(reader.integer(IntKind::Long)?),
        Peek::String => Item::Text(reader.string()?.into_owned()),
        Peek::Bytes => Item::Bytes(reader.blob()?.to_vec()?),
        Peek::Timestamp => Item::Time(reader.timestamp()?.0),
        Peek::List => {
            let mut items = vec![];
            reader.begin_list()?;
            while reader.next_item()? {
                items.push(parse_item(reader)?);
            }
            Item::List(items)
        }
        Peek::Map => {
            let mut entries = BTreeMap::new();
            reader.begin_map()?;
            while let Some(key) = reader.next_key()? {
                entries.insert(key.into_owned(), parse_item(reader)?);
            }
            Item::Map(entries)
        }
    })
}

fn skip(input: &[u8]) -> Result<(), DecodeError> {
    let mut reader = CborReader::new(input);
    reader.skip_value()?;
    reader.finish()
}

fn write(item: &Item, writer: &mut CborWriter) {
    match item {
        Item::Null => writer.null(),
        Item::Bool(truth) => writer.boolean(*truth),
        Item::Number(number) => writer.integer(*number),
        Item::Text(text) => writer.string(text),
        Item::Bytes(bytes) => writer.blob(bytes),
        Item::Time(milliseconds) => writer.timestamp(Timestamp(*milliseconds)),
        Item::List(items) => {
            writer.begin_list();
            for item in items {
                write(item, writer);
            }
            writer.end_list();
        }
        Item::Map(entries) => {
            writer.begin_map();
            for (key, item) in entries {
                writer.text_key(key);
                write(item, writer);
            }
            writer.end_map();
        }
    }
}

fn written(item: &Item) -> Vec<u8> {
    let mut writer = CborWriter::default();
    write(item, &mut writer);
    writer.finish()
}

#[track_caller]
fn reads(input: &[u8], item: Item) {
    assert_eq!(parse(input), Ok(item), "{input:02x?}");
    assert_eq!(skip(input), Ok(()), "{input:02x?}");
}

#[track_caller]
fn is_malformed(input: &[u8]) {
    assert_eq!(skip(input), Err(DecodeError::Malformed), "{input:02x?}");
    assert_eq!(parse(input), Err(DecodeError::Malformed), "{input:02x?}");
}

#[test]
fn numbers_of_every_width() {
    let cases: [(&[u8], i64); 20] = [
        (b"\x00", 0),
        (b"\x17", 23),
        (b"\x18\x18", 24),
        (b"\x18\x01", 1),
        (b"\x19\x03\xE8", 1000),
        (b"\x1A\x00\x0F\x42\x40", 1_000_000),
        (b"\x1B\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", i64::MAX),
        (b"\x1B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", i64::MAX),
        (b"\x20", -1),
        (b"\x38\x63", -100),
        (b"\x3B\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", i64::MIN),
        (b"\x3B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", i64::MIN),
        (b"\xF9\x3E\x00", 1),        // 1.5
        (b"\xF9\xC4\x00", -4),       // -4.0
        (b"\xF9\x7B\xFF", 65504),    // the greatest half
        (b"\xF9\x00\x01", 0),        // the least half
        (b"\xF9\x7C\x00", i64::MAX), // infinity
        (b"\xF9\x7E\x00", 0),        // not a number
        (b"\xFA\x47\xC3\x50\x00", 100_000),
        (b"\xFB\xC0\x10\x66\x66\x66\x66\x66\x66", -4), // -4.1
    ];
    for (input, number) in cases {
        reads(input, Item::Number(number));
    }
    let integer = |input| CborReader::new(input).integer(IntKind::Integer);
    assert_eq!(integer(b"\x1A\xFF\xFF\xFF\xFF"), Ok(i64::from(i32::MAX)));
    assert_eq!(integer(b"\x3A\xFF\xFF\xFF\xFF"), Ok(i64::from(i32::MIN)));
}

#[test]
fn timestamps_are_milliseconds() {
    let integer = 1_459_799_926_480_i64.to_be_bytes();
    reads(&[b"\xC1\x1B", &integer[..]].concat(), Item::Time(1_459_799_926_480));
    reads(b"\xC1\x20", Item::Time(-1));
    let double = 1_234_567_890_123.9_f64.to_be_bytes();
    reads(&[b"\xC1\xFB", &double[..]].concat(), Item::Time(1_234_567_890_123));
    assert_eq!(CborReader::new(b"\x05").timestamp(), Ok(Timestamp(5)));
    let text = CborReader::new(b"\xC1\x61a").timestamp();
    let expected = "class java.lang.String can not be converted to milliseconds since epoch";
    assert_eq!(text, Err(DecodeError::Mismatch(expected.into())));
}

#[test]
fn lengths_may_be_stated_or_not() {
    let ab = Item::Text("ab".into());
    reads(b"\x62ab", ab.clone());
    reads(b"\x7F\x61a\x60\x61b\xFF", ab);
    reads(b"\x7F\xFF", Item::Text(String::new()));
    reads(b"\x42ab", Item::Bytes(b"ab".to_vec()));
    reads(b"\x5F\x41a\x41b\xFF", Item::Bytes(b"ab".to_vec()));
    let one_two = Item::List(vec![Item::Number(1), Item::Number(2)]);
    reads(b"\x82\x01\x02", one_two.clone());
    reads(b"\x9F\x01\x02\xFF", one_two);
    let map = Item::Map(BTreeMap::from([("a".into(), Item::List(vec![]))]));
    reads(b"\xA1\x61a\x80", map.clone());
    reads(b"\xBF\x7F\x61a\xFF\x9F\xFF\xFF", map);
    assert!(matches!(CborReader::new(b"\x62ab").string(), Ok(Cow::Borrowed("ab"))));
}

#[test]
fn unknown_tags_and_undefined_do_no_harm() {
    reads(b"\xD9\xD9\xF7\xC0\x61a", Item::Text("a".into()));
    reads(b"\xC1\xD8\x20\x05", Item::Time(5));
    reads(b"\xF7", Item::Null);
    reads(b"\xD8\x20\xF6", Item::Null);
}

#[test]
fn malformed_input_is_told() {
    let inputs: [&[u8]; 33] = [
        b"",
        b"\x00\x00",
        b"\x18",
        b"\x1B\x00",
        b"\x1C",
        b"\x1F",
        b"\x3F",
        b"\xDF",
        b"\xC0",
        b"\xC1",
        b"\xFF",
        b"\xE0",
        b"\xF8\x20",
        b"\xFE",
        b"\x62a",
        b"\x61\xFF",
        b"\x7F\x41a\xFF",
        b"\x7F\x7F\x61a\xFF\xFF",
        b"\x7F\x61\xC3\x61\xA9\xFF",
        b"\x7F\x61a",
        b"\x5F\x61a\xFF",
        b"\x5B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"\x7B\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"\x9B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00",
        b"\xBB\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00",
        b"\x9B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00\xFF",
        b"\x7F\x7F\xFF",
        b"\x82\x01",
        b"\x82\x01\xFF",
        b"\x9F\x01",
        b"\xA1\x01\x02",
        b"\xBF\x61a\xFF",
        b"\xA1\x61a",
    ];
    for input in inputs {
        is_malformed(input);
    }
}

#[test]
fn other_types_are_told_as_in_json() {
    let message = |result: Result<(), DecodeError>| match result {
        Err(DecodeError::Mismatch(text)) => text,
        other => panic!("{other:?}"),
    };
    let list = "Start of list found where not expected";
    let map = "Start of structure or map found where not expected.";
    let cases = [
        (
            CborReader::new(b"\x05").string().map(drop),
            "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to \
             an String",
        ),
        (
            CborReader::new(b"\xF5").string().map(drop),
            "class java.lang.Boolean can not be converted to an String",
        ),
        (
            CborReader::new(b"\x41a").string().map(drop),
            "class java.nio.HeapByteBuffer can not be converted to an String",
        ),
        (
            CborReader::new(b"\x615").integer(IntKind::Long).map(drop),
            "class java.lang.String can not be converted to an Long",
        ),
        (CborReader::new(b"\x61x").boolean().map(drop), "'X' can not be converted to an Boolean"),
        (
            CborReader::new(b"\xF4").blob().map(drop),
            "class java.lang.Boolean can not be converted to a Blob",
        ),
        (
            CborReader::new(b"\x61x").blob().map(drop),
            "'x' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 \
             bytes but found: 1",
        ),
        (CborReader::new(b"\x80").timestamp().map(drop), list),
        (CborReader::new(b"\xA0").timestamp().map(drop), map),
        (CborReader::new(b"\x01").begin_list(), "Expected list or null"),
        (CborReader::new(b"\xA0").begin_list(), map),
        (CborReader::new(b"\x01").begin_map(), "Expected map or null"),
        (CborReader::new(b"\x80").begin_map(), list),
        (CborReader::new(b"\x61a").begin_structure(), "Expected null"),
        (CborReader::new(b"\x80").begin_structure(), list),
    ];
    for (result, expected) in cases {
        assert_eq!(message(result), expected);
    }
    assert_eq!(CborReader::new(b"\x63YES").boolean(), Ok(true));
    assert_eq!(CborReader::new(b"\x64AQI=").blob().unwrap().to_vec(), Ok(vec![1, 2]));
}

/// Miri takes minutes for a million.
const FAR_TOO_MANY: usize = if cfg!(miri) { 1_000 } else { 1_000_000 };

#[test]
fn nesting_is_limited_in_what_is_read_and_in_what_is_skipped() {
    let shapes: [(&[u8], &[u8]); 4] =
        [(b"\x81", b""), (b"\x9F", b"\xFF"), (b"\xA1\x60", b""), (b"\xBF\x60", b"\xFF")];
    for (open, close) in shapes {
        let nested = |depth: usize| [open.repeat(depth), vec![1], close.repeat(depth)].concat();
        assert!(parse(&nested(DEPTH_MAX)).is_ok());
        assert_eq!(skip(&nested(DEPTH_MAX)), Ok(()));
        is_malformed(&nested(DEPTH_MAX + 1));
        is_malformed(&open.repeat(FAR_TOO_MANY));
    }
    is_malformed(&b"\xC1".repeat(FAR_TOO_MANY));
    is_malformed(&b"\xC2".repeat(FAR_TOO_MANY));
}

fn item() -> impl Strategy<Value = Item> {
    let leaf = prop_oneof![
        Just(Item::Null),
        any::<bool>().prop_map(Item::Bool),
        any::<i64>().prop_map(Item::Number),
        (-300..300_i64).prop_map(Item::Number),
        any::<String>().prop_map(Item::Text),
        any::<Vec<u8>>().prop_map(Item::Bytes),
        any::<i64>().prop_map(Item::Time),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Item::List),
            prop::collection::btree_map(any::<String>(), inner, 0..6).prop_map(Item::Map),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(item in item()) {
        let cbor = written(&item);
        prop_assert_eq!(parse(&cbor), Ok(item));
        prop_assert_eq!(skip(&cbor), Ok(()));
    }

    #[test]
    fn no_prefix_is_well_formed(item in item()) {
        let cbor = written(&item);
        for end in 0..cbor.len() {
            prop_assert_eq!(skip(&cbor[..end]), Err(DecodeError::Malformed));
            prop_assert_eq!(parse(&cbor[..end]), Err(DecodeError::Malformed));
        }
    }

    #[test]
    fn damage_is_judged_alike_by_reading_and_by_skipping(
        item in item(),
        at: prop::sample::Index,
        byte: u8,
    ) {
        let mut cbor = written(&item);
        let at = at.index(cbor.len());
        cbor[at] = byte;
        match parse(&cbor) {
            Ok(_) => prop_assert_eq!(skip(&cbor), Ok(())),
            Err(DecodeError::Malformed) => {
                prop_assert_eq!(skip(&cbor), Err(DecodeError::Malformed));
            }
            Err(DecodeError::Mismatch(_)) => {}
        }
    }

    #[test]
    fn whatever_is_asked_of_arbitrary_bytes_nothing_panics(
        bytes: Vec<u8>,
        asks in prop::collection::vec(0..9, 0..12),
    ) {
        let _ = (parse(&bytes), skip(&bytes));
        let mut reader = CborReader::new(&bytes);
        for ask in asks {
            let _ = match ask {
                0 => reader.string().map(drop),
                1 => reader.integer(IntKind::Integer).map(drop),
                2 => reader.boolean().map(drop),
                3 => reader.blob().map(drop),
                4 => reader.timestamp().map(drop),
                5 => reader.begin_structure().and_then(|()| reader.next_key()).map(drop),
                6 => reader.begin_list().and_then(|()| reader.next_item()).map(drop),
                7 => reader.take_null().map(drop),
                _ => reader.skip_value(),
            };
        }
    }
}
