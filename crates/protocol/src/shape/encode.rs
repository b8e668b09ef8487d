//! From replies to bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Kind, Shape};
use crate::value::Timestamp;
use crate::writer::Writer;

/// A type that replies are made of.
pub trait Encode {
    /// A reply of this type is a body without bytes.
    const IS_EMPTY: bool = false;

    /// Writes exactly one value.
    fn encode<W: Writer>(&self, writer: &mut W);
}

/// The type of a reply's field: `T`, or `Option<T>` for what may be left out.
pub trait EncodeField {
    /// `T`.
    type Value: Encode + Shape;
    /// Whether the member is always there.
    const ALWAYS: bool;

    /// Writes the member, if there is one.
    fn encode_field<W: Writer>(&self, writer: &mut W, name: &'static str);
}

impl<T: Encode + Shape> EncodeField for T {
    type Value = T;
    const ALWAYS: bool = true;

    #[inline]
    fn encode_field<W: Writer>(&self, writer: &mut W, name: &'static str) {
        writer.key(name);
        self.encode(writer);
    }
}

impl<T: Encode + Shape> EncodeField for Option<T> {
    type Value = T;
    const ALWAYS: bool = false;

    #[inline]
    fn encode_field<W: Writer>(&self, writer: &mut W, name: &'static str) {
        if let Some(value) = self {
            value.encode_field(writer, name);
        }
    }
}

/// The reply of an operation that has none.
impl Shape for () {
    const KIND: Kind = Kind::Structure(&[]);
}

impl Encode for () {
    const IS_EMPTY: bool = true;

    fn encode<W: Writer>(&self, writer: &mut W) {
        writer.begin_map();
        writer.end_map();
    }
}

macro_rules! encode {
    ($type:ty, |$value:ident, $writer:ident| $write:expr) => {
        impl Encode for $type {
            #[inline]
            fn encode<W: Writer>(&self, $writer: &mut W) {
                let $value = self;
                $write
            }
        }
    };
}

encode!(str, |value, writer| writer.string(value));
encode!(&str, |value, writer| writer.string(value));
encode!(String, |value, writer| writer.string(value));
encode!(Cow<'_, str>, |value, writer| writer.string(value));
encode!(i32, |value, writer| writer.integer(i64::from(*value)));
encode!(i64, |value, writer| writer.integer(*value));
encode!(bool, |value, writer| writer.boolean(*value));
encode!(Timestamp, |value, writer| writer.timestamp(*value));
encode!(Bytes, |value, writer| writer.blob(value));

impl Shape for &str {
    const KIND: Kind = Kind::String;
}

impl Shape for Bytes {
    const KIND: Kind = Kind::Blob;
}

impl<T: Encode> Encode for Vec<T> {
    fn encode<W: Writer>(&self, writer: &mut W) {
        writer.begin_list();
        for item in self {
            item.encode(writer);
        }
        writer.end_list();
    }
}

impl<V: Encode> Encode for BTreeMap<String, V> {
    fn encode<W: Writer>(&self, writer: &mut W) {
        writer.begin_map();
        for (key, value) in self {
            writer.text_key(key);
            value.encode(writer);
        }
        writer.end_map();
    }
}
