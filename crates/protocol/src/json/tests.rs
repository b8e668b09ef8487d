#![allow(clippy::unwrap_used)]

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::Value;

use super::plain::plain_len;
use super::{JsonReader, JsonWriter};
use crate::decode_error::DecodeError;
use crate::reader::{DEPTH_MAX, IntKind, Peek, Reader, is_well_formed_map};
use crate::value::Timestamp;
use crate::writer::Writer;

/// The whole of `input` as serde_json would have it; numbers as their integer parts.
fn parse(input: &[u8]) -> Result<Value, DecodeError> {
    let mut reader = JsonReader::new(input);
    let value = parse_value(&mut reader)?;
    reader.finish().map(|()| value)
}

fn parse_value(reader: &mut JsonReader<'_>) -> Result<Value, DecodeError> {
    Ok(match reader.peek()? {
        Peek::Null => reader.take_null().map(|_| Value::Null)?,
        Peek::Bool => reader.boolean()?.into(),
        Peek::Number => reader.integer(IntKind::Long)?.into(),
        Peek::String => reader.string()?.into(),
        Peek::List => {
            let mut items = vec![];
            reader.begin_list()?;
            while reader.next_item()? {
                items.push(parse_value(reader)?);
            }
            items.into()
        }
        Peek::Map => {
            let mut entries = serde_json::Map::new();
            reader.begin_map()?;
            while let Some(key) = reader.next_key()? {
                entries.insert(key.into_owned(), parse_value(reader)?);
            }
            entries.into()
        }
        Peek::Bytes | Peek::Timestamp => unreachable!("not in JSON"),
    })
}

fn skip(input: &[u8]) -> Result<(), DecodeError> {
    let mut reader = JsonReader::new(input);
    reader.skip_value()?;
    reader.finish()
}

/// What serde_json makes of `input`, unless it refuses a number for its size.
fn oracle(input: &[u8]) -> Option<Result<Value, ()>> {
    match serde_json::from_slice::<Value>(input) {
        Err(error) if error.to_string().contains("number out of range") => None,
        parsed => Some(parsed.map_err(drop)),
    }
}

/// Whether `ours` is `theirs` with whole numbers. Their floats are off by a bit or two.
fn is_same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(our), Value::Number(their)) => {
            if let (Some(our), Some(their)) = (our.as_i64(), their.as_i64()) {
                return our == their;
            }
            let (our, their) = (our.as_f64().unwrap(), their.as_f64().unwrap());
            let their = their.trunc().clamp(i64::MIN as f64, i64::MAX as f64);
            (our - their).abs() <= 1.0 + their.abs() * 1e-15
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            let is_there =
                |(key, our): (&String, _)| theirs.get(key).is_some_and(|their| is_same(our, their));
            ours.len() == theirs.len() && ours.iter().all(is_there)
        }
        _ => ours == theirs,
    }
}

fn whole_numbers(value: Value) -> Value {
    match value {
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), _, _) => whole.into(),
            (_, Some(_), _) => i64::MAX.into(),
            (_, _, Some(float)) => (float as i64).into(),
            _ => unreachable!("a number"),
        },
        Value::Array(items) => items.into_iter().map(whole_numbers).collect(),
        Value::Object(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (key, whole_numbers(value)));
            Value::Object(entries.collect())
        }
        other => other,
    }
}

fn write(value: &Value, writer: &mut JsonWriter) {
    match value {
        Value::Null => writer.null(),
        Value::Bool(truth) => writer.boolean(*truth),
        Value::Number(number) => writer.integer(number.as_i64().expect("whole numbers")),
        Value::String(text) => writer.string(text),
        Value::Array(items) => {
            writer.begin_list();
            for item in items {
                write(item, writer);
            }
            writer.end_list();
        }
        Value::Object(entries) => {
            writer.begin_map();
            for (key, value) in entries {
                writer.text_key(key);
                write(value, writer);
            }
            writer.end_map();
        }
    }
}

#[track_caller]
fn agrees_with_serde(input: &[u8]) {
    let Some(expected) = oracle(input) else { return };
    let shown = String::from_utf8_lossy(input);
    match (&parse(input), &expected) {
        (Ok(ours), Ok(theirs)) => assert!(is_same(ours, theirs), "{shown}"),
        (ours, theirs) => assert_eq!(ours.is_ok(), theirs.is_ok(), "{shown}"),
    }
    assert_eq!(skip(input).is_ok(), expected.is_ok(), "{shown}");
    let is_map = matches!(expected, Ok(Value::Object(_)));
    assert_eq!(is_well_formed_map::<JsonReader<'_>>(input), is_map, "{shown}");
}

#[test]
fn accepts_and_rejects_what_the_standard_does() {
    let documents = [
        "",
        " ",
        "nul",
        "null",
        " null ",
        "nullx",
        "true",
        "false",
        "tru",
        "True",
        "[]",
        "[ ]",
        "[,]",
        "[1,]",
        "[1 2]",
        "[1,,2]",
        "[",
        "]",
        "[1",
        "[1}",
        "{}",
        "{ }",
        "{,}",
        "{]",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a":1 "b":2}"#,
        r#"{a:1}"#,
        r#"{"a":1}"#,
        r#"{"a" : 1 , "b" : [ ] }"#,
        r#"{1:2}"#,
        r#"{"a":1}}"#,
        r#"{"a":1}{"#,
        "0",
        "-0",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".1",
        "1.0",
        "1e",
        "1e+",
        "1E-2",
        "1e5",
        "0x1",
        "1_0",
        "NaN",
        "Infinity",
        "-1.5e+3",
        "\"",
        "\"a",
        "\"a\"",
        "\"a\"b",
        r#""\""#,
        r#""\\""#,
        r#""\/\b\f\n\r\t""#,
        r#""\a""#,
        r#""\u00e9""#,
        r#""\u00E9""#,
        r#""\u00g9""#,
        r#""\u00""#,
        r#""\ud83d\ude00""#,
        r#""\ud83d""#,
        r#""\ud83dx""#,
        r#""\ud83d\n""#,
        r#""\ud83d\ud83d""#,
        r#""\ude00""#,
        r#""\u0000""#,
        "\"\u{0}\"",
        "\"\t\"",
        "\"\n\"",
        "\"\u{7f}\"",
        "'a'",
        "\u{feff}{}",
        "//",
        "1//",
        "\u{a0}1",
        "\u{c}1",
        "[1]\n\r\t ",
        "9223372036854775808",
        "-9223372036854775809",
        "1.9e19",
    ];
    for document in documents {
        agrees_with_serde(document.as_bytes());
    }
    let invalid: [&[u8]; 5] =
        [b"\"\xFF\"", b"\"\xC3\"", b"\"\xED\xA0\x80\"", b"{\"\xFF\":1}", b"\"\\n\xFF\""];
    for document in invalid {
        agrees_with_serde(document);
        assert!(parse(document).is_err());
    }
}

/// Miri takes minutes for a million.
const FAR_TOO_MANY: usize = if cfg!(miri) { 1_000 } else { 1_000_000 };

#[test]
fn nesting_is_limited_in_what_is_read_and_in_what_is_skipped() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert!(parse(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert!(skip(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(parse(nested(DEPTH_MAX + 1).as_bytes()), Err(DecodeError::Malformed));
        assert_eq!(skip(nested(DEPTH_MAX + 1).as_bytes()), Err(DecodeError::Malformed));
        assert_eq!(skip(open.repeat(FAR_TOO_MANY).as_bytes()), Err(DecodeError::Malformed));
    }
    let wide = format!("[{}[]]", "[],".repeat(1000));
    assert!(skip(wide.as_bytes()).is_ok());
}

#[test]
fn strings_are_borrowed_unless_escaped() {
    let string = |json| JsonReader::new(json).string();
    assert!(matches!(string("\"aé😀\"".as_bytes()), Ok(Cow::Borrowed("aé😀"))));
    let Ok(Cow::Owned(text)) = string(r#""a\u00e9\ud83d\ude00\/é""#.as_bytes()) else { panic!() };
    assert_eq!(text, "aé😀/é");
}

#[test]
fn specials_are_found_at_every_distance() {
    for length in 0..70 {
        let plain = "x".repeat(length);
        for special in ["\"", "\\", "\u{1f}"] {
            assert_eq!(plain_len(format!("{plain}{special}{plain}").as_bytes()), length);
        }
        assert_eq!(plain_len(plain.as_bytes()), length);
    }
}

#[test]
fn timestamps_are_seconds_with_the_decimals_they_need() {
    let cases = [
        (0, "0"),
        (1_459_799_926_480, "1459799926.48"),
        (1_459_799_926_000, "1459799926"),
        (1_000_000_001_005, "1000000001.005"),
        (-5, "-0.005"),
        (-1_500, "-1.5"),
        (-2_000, "-2"),
    ];
    for (milliseconds, text) in cases {
        let mut writer = JsonWriter::default();
        writer.timestamp(Timestamp(milliseconds));
        assert_eq!(writer.finish(), text.as_bytes());
    }
}

#[test]
fn every_control_character_is_escaped() {
    let text: String = (0..0x80).map(char::from).collect();
    let mut writer = JsonWriter::default();
    writer.string(&text);
    let json = writer.finish();
    assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
    assert_eq!(serde_json::to_vec(&text).unwrap(), json);
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[\u{0}-\u{7f}]{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reads_what_serde_writes(value in document(), is_pretty: bool) {
        let to_vec = if is_pretty { serde_json::to_vec_pretty } else { serde_json::to_vec };
        agrees_with_serde(&to_vec(&value).unwrap());
    }

    #[test]
    fn judges_damaged_documents_as_serde_does(
        value in document(),
        at: prop::sample::Index,
        byte in prop_oneof![any::<u8>(), prop::sample::select(b"\"\\{}[],:u0e.- \n".to_vec())],
        how in 0..3,
    ) {
        let mut json = serde_json::to_vec(&value).unwrap();
        let at = at.index(json.len());
        match how {
            0 => json[at] = byte,
            1 => json.insert(at, byte),
            _ => drop(json.remove(at)),
        }
        agrees_with_serde(&json);
    }

    #[test]
    fn judges_arbitrary_tokens_as_serde_does(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"\\u12", "\"", "1", "-", ".5", "e3", "null",
            " ",
        ]), 0..12),
    ) {
        agrees_with_serde(tokens.concat().as_bytes());
    }

    #[test]
    fn no_prefix_of_a_container_is_well_formed(value in document()) {
        let json = serde_json::to_vec(&vec![value]).unwrap();
        for end in 0..json.len() {
            prop_assert_eq!(skip(&json[..end]), Err(DecodeError::Malformed));
        }
    }

    #[test]
    fn arbitrary_bytes_are_judged_as_by_serde(bytes: Vec<u8>) {
        agrees_with_serde(&bytes);
    }

    #[test]
    fn the_first_special_byte_ends_what_is_plain(
        bytes in prop::collection::vec(prop::sample::select(
            b"\x00\x01\x1f !\"#[\\]\x7f\x80\x9f\xa2\xdc\xffab".to_vec()), 0..40),
    ) {
        let is_special = |&byte: &u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        let expected = bytes.iter().position(is_special).unwrap_or(bytes.len());
        prop_assert_eq!(plain_len(&bytes), expected);
    }

    #[test]
    fn what_is_written_reads_back(value in document()) {
        let value = whole_numbers(value);
        let mut writer = JsonWriter::default();
        write(&value, &mut writer);
        let json = writer.finish();
        prop_assert_eq!(parse(&json).unwrap(), value.clone());
        prop_assert_eq!(serde_json::from_slice::<Value>(&json).unwrap(), value);
    }

    #[test]
    fn blobs_and_timestamps_read_back(bytes: Vec<u8>, milliseconds: i64) {
        let mut writer = JsonWriter::default();
        writer.begin_list();
        writer.blob(&bytes);
        writer.timestamp(Timestamp(milliseconds));
        writer.end_list();
        let json = writer.finish();
        let mut reader = JsonReader::new(&json);
        reader.begin_list().unwrap();
        prop_assert!(reader.next_item().unwrap());
        prop_assert_eq!(reader.blob().unwrap().to_vec().unwrap(), bytes);
        prop_assert!(reader.next_item().unwrap());
        prop_assert_eq!(reader.timestamp().unwrap(), Timestamp(milliseconds));
        prop_assert!(!reader.next_item().unwrap());
        prop_assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn whatever_is_asked_of_arbitrary_bytes_nothing_panics(
        bytes in prop_oneof![
            any::<Vec<u8>>(),
            "[-{}\\[\\],:\"0-9a-zA\\\\ ]{0,30}".prop_map(String::into_bytes),
        ],
        asks in prop::collection::vec(0..9, 0..12),
    ) {
        let mut reader = JsonReader::new(&bytes);
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
