//! Short ways to write values, items and requests.

use crate::{AttributeValue, Item, Placeholders};
use bytes::Bytes;
use std::collections::BTreeMap;

pub(super) fn s(text: &str) -> AttributeValue {
    AttributeValue::string(text)
}

pub(super) fn n(text: &str) -> AttributeValue {
    AttributeValue::number(text).unwrap()
}

pub(super) fn b(bytes: &'static [u8]) -> AttributeValue {
    AttributeValue::B(Bytes::from_static(bytes))
}

pub(super) fn ss(members: &[&str]) -> AttributeValue {
    AttributeValue::string_set(members.iter().map(ToString::to_string).collect()).unwrap()
}

pub(super) fn ns(members: &[&str]) -> AttributeValue {
    AttributeValue::number_set(members).unwrap()
}

pub(super) fn bs(members: &[&'static [u8]]) -> AttributeValue {
    AttributeValue::binary_set(members.iter().map(|one| Bytes::from_static(one)).collect()).unwrap()
}

pub(super) fn l(members: &[AttributeValue]) -> AttributeValue {
    AttributeValue::L(members.to_vec())
}

pub(super) fn m(members: &[(&str, AttributeValue)]) -> AttributeValue {
    AttributeValue::M(item(members))
}

pub(super) fn item(attributes: &[(&str, AttributeValue)]) -> Item {
    attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// Placeholders; none of a kind if its list is empty.
pub(super) fn placeholders(
    names: &[(&str, &str)],
    values: &[(&str, AttributeValue)],
) -> Placeholders {
    let names: BTreeMap<String, String> =
        names.iter().map(|(key, name)| ((*key).to_owned(), (*name).to_owned())).collect();
    let values = item(values);
    Placeholders::new((!names.is_empty()).then_some(names), (!values.is_empty()).then_some(values))
        .unwrap()
}

/// A value of each type, as `:s`, `:n`, `:b`, `:ss`, `:ns`, `:bs`, `:m`, `:l`, `:t` and `:null`.
pub(super) fn of_each_type() -> Vec<(&'static str, AttributeValue)> {
    vec![
        (":s", s("a")),
        (":n", n("1")),
        (":b", b(b"a")),
        (":ss", ss(&["a"])),
        (":ns", ns(&["1"])),
        (":bs", bs(&[b"a"])),
        (":m", m(&[])),
        (":l", l(&[])),
        (":t", AttributeValue::Bool(true)),
        (":null", AttributeValue::Null),
    ]
}
