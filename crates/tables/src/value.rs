//! What attributes hold, how large it is, and when it is equal.

use crate::number::{Number, NumberError};
use crate::set::{Set, SetError};
use bytes::Bytes;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

/// How many maps and lists may lie in each other, counted with the attribute that holds them.
pub const NESTING_MAX: usize = 32;
/// How large an item may be, names included, in bytes as [`item_size`] counts.
pub const ITEM_BYTES_MAX: usize = 400 * 1024;

/// The attributes of an item by their names.
pub type Item = BTreeMap<String, AttributeValue>;

/// The value of an attribute. Two are equal as DynamoDB sees it: numbers by value, sets without order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeValue {
    /// A string, of any length. Keys may not be empty.
    S(String),
    /// A number.
    N(Number),
    /// Bytes, of any length. Keys may not be empty.
    B(Bytes),
    /// A set of strings.
    Ss(Set<String>),
    /// A set of numbers.
    Ns(Set<Number>),
    /// A set of byte strings.
    Bs(Set<Bytes>),
    /// A map.
    M(BTreeMap<String, AttributeValue>),
    /// A list.
    L(Vec<AttributeValue>),
    /// Yes or no.
    Bool(bool),
    /// Nothing, but there.
    Null,
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "as the values are called")]
pub enum AttributeType {
    S,
    N,
    B,
    Ss,
    Ns,
    Bs,
    M,
    L,
    Bool,
    Null,
}

/// Why something is no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// A number is none.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// A request gives a value without a type.
    #[error(
        "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
    )]
    NoType,
    /// A request gives a value of several types.
    #[error(
        "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
    )]
    ManyTypes,
    /// A request gives `NULL` as something else than `true`.
    #[error(
        "One or more parameter values were invalid: Null attribute value types must have the value of true"
    )]
    NullNotTrue,
    /// A set has no members.
    #[error("One or more parameter values were invalid: {}", empty_set_text(*of))]
    EmptySet {
        /// The type of the set.
        of: AttributeType,
    },
    /// A member of a set of strings or bytes is empty.
    #[error("One or more parameter values were invalid: {}", empty_member_text(*of))]
    EmptyMember {
        /// The type of the set.
        of: AttributeType,
    },
    /// A set of numbers has one twice.
    #[error("Input collection contains duplicates")]
    DuplicateNumbers,
    /// A set of strings has one twice.
    #[error("One or more parameter values were invalid: Input collection [{}] contains duplicates.", .0.join(", "))]
    DuplicateStrings(Vec<String>),
    /// A set of bytes has one twice.
    #[error("One or more parameter values were invalid: Input collection [{}]of type BS contains duplicates.", base64(.0))]
    DuplicateBytes(Vec<Bytes>),
    /// Maps and lists lie in each other deeper than [`NESTING_MAX`].
    #[error(
        "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
    )]
    NestingTooDeep,
}

fn empty_set_text(of: AttributeType) -> &'static str {
    match of {
        AttributeType::Ns => "An number set  may not be empty",
        AttributeType::Bs => "Binary sets should not be empty",
        _ => "An string set  may not be empty",
    }
}

fn empty_member_text(of: AttributeType) -> &'static str {
    match of {
        AttributeType::Bs => "Binary sets may not contain null or empty values",
        _ => "An string set may not have a empty string as a member",
    }
}

fn base64(members: &[Bytes]) -> String {
    let texts: Vec<String> =
        members.iter().map(|member| base64_simd::STANDARD.encode_to_string(member)).collect();
    texts.join(", ")
}

impl AttributeType {
    /// As in requests: `S`, `BOOL`.
    pub fn name(self) -> &'static str {
        match self {
            AttributeType::S => "S",
            AttributeType::N => "N",
            AttributeType::B => "B",
            AttributeType::Ss => "SS",
            AttributeType::Ns => "NS",
            AttributeType::Bs => "BS",
            AttributeType::M => "M",
            AttributeType::L => "L",
            AttributeType::Bool => "BOOL",
            AttributeType::Null => "NULL",
        }
    }

    /// As some errors say: `STRING`, `BOOLEAN`.
    pub fn long_name(self) -> &'static str {
        match self {
            AttributeType::S => "STRING",
            AttributeType::N => "NUMBER",
            AttributeType::B => "BINARY",
            AttributeType::Ss => "STRING_SET",
            AttributeType::Ns => "NUMBER_SET",
            AttributeType::Bs => "BINARY_SET",
            AttributeType::M => "MAP",
            AttributeType::L => "LIST",
            AttributeType::Bool => "BOOLEAN",
            AttributeType::Null => "NULL",
        }
    }

    /// The type that is called so in requests.
    pub fn from_name(name: &str) -> Option<AttributeType> {
        AttributeType::ALL.into_iter().find(|one| one.name() == name)
    }

    const ALL: [AttributeType; 10] = [
        AttributeType::S,
        AttributeType::N,
        AttributeType::B,
        AttributeType::Ss,
        AttributeType::Ns,
        AttributeType::Bs,
        AttributeType::M,
        AttributeType::L,
        AttributeType::Bool,
        AttributeType::Null,
    ];
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl AttributeValue {
    /// A string.
    pub fn string(text: impl Into<String>) -> AttributeValue {
        AttributeValue::S(text.into())
    }

    /// A number, as a request writes it.
    pub fn number(text: &str) -> Result<AttributeValue, ValueError> {
        Ok(AttributeValue::N(Number::parse(text)?))
    }

    /// A set of strings.
    pub fn string_set(members: Vec<String>) -> Result<AttributeValue, ValueError> {
        let of = AttributeType::Ss;
        if members.iter().any(String::is_empty) {
            return Err(ValueError::EmptyMember { of });
        }
        Set::new(members).map(AttributeValue::Ss).map_err(|error| match error {
            SetError::Empty => ValueError::EmptySet { of },
            SetError::Duplicates(members) => ValueError::DuplicateStrings(members),
        })
    }

    /// A set of numbers, as a request writes them.
    pub fn number_set<T: AsRef<str>>(members: &[T]) -> Result<AttributeValue, ValueError> {
        let members = members.iter().map(|text| Number::parse(text.as_ref()));
        Set::new(members.collect::<Result<Vec<Number>, NumberError>>()?)
            .map(AttributeValue::Ns)
            .map_err(|error| match error {
                SetError::Empty => ValueError::EmptySet { of: AttributeType::Ns },
                SetError::Duplicates(_) => ValueError::DuplicateNumbers,
            })
    }

    /// A set of byte strings.
    pub fn binary_set(members: Vec<Bytes>) -> Result<AttributeValue, ValueError> {
        let of = AttributeType::Bs;
        if members.iter().any(Bytes::is_empty) {
            return Err(ValueError::EmptyMember { of });
        }
        Set::new(members).map(AttributeValue::Bs).map_err(|error| match error {
            SetError::Empty => ValueError::EmptySet { of },
            SetError::Duplicates(members) => ValueError::DuplicateBytes(members),
        })
    }

    /// The type.
    pub fn type_of(&self) -> AttributeType {
        match self {
            AttributeValue::S(_) => AttributeType::S,
            AttributeValue::N(_) => AttributeType::N,
            AttributeValue::B(_) => AttributeType::B,
            AttributeValue::Ss(_) => AttributeType::Ss,
            AttributeValue::Ns(_) => AttributeType::Ns,
            AttributeValue::Bs(_) => AttributeType::Bs,
            AttributeValue::M(_) => AttributeType::M,
            AttributeValue::L(_) => AttributeType::L,
            AttributeValue::Bool(_) => AttributeType::Bool,
            AttributeValue::Null => AttributeType::Null,
        }
    }

    /// How it is to another, if both are of one type that has an order: strings and bytes by their bytes,
    /// numbers by value.
    pub fn compare(&self, other: &AttributeValue) -> Option<Ordering> {
        match (self, other) {
            (AttributeValue::S(one), AttributeValue::S(other)) => Some(one.cmp(other)),
            (AttributeValue::N(one), AttributeValue::N(other)) => Some(one.cmp(other)),
            (AttributeValue::B(one), AttributeValue::B(other)) => Some(one.cmp(other)),
            _ => None,
        }
    }

    /// How many bytes it counts in the size of an item, without the attribute's name.
    pub fn size(&self) -> usize {
        match self {
            AttributeValue::S(text) => text.len(),
            AttributeValue::N(number) => number.size(),
            AttributeValue::B(bytes) => bytes.len(),
            AttributeValue::Ss(members) => members.iter().map(String::len).sum(),
            AttributeValue::Ns(members) => members.iter().map(Number::size).sum(),
            AttributeValue::Bs(members) => members.iter().map(Bytes::len).sum(),
            AttributeValue::M(members) => 3 + members.len() + item_size(members),
            AttributeValue::L(members) => {
                3 + members.len() + members.iter().map(AttributeValue::size).sum::<usize>()
            }
            AttributeValue::Bool(_) | AttributeValue::Null => 1,
        }
    }

    /// Whether it may stand in an item below `levels` maps and lists.
    pub fn nests_within(&self, levels: usize) -> bool {
        match self {
            AttributeValue::M(members) => {
                levels < NESTING_MAX && members.values().all(|one| one.nests_within(levels + 1))
            }
            AttributeValue::L(members) => {
                levels < NESTING_MAX && members.iter().all(|one| one.nests_within(levels + 1))
            }
            _ => true,
        }
    }
}

/// How large an item is, in bytes: names and values.
pub fn item_size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value.size()).sum()
}

/// Refuses an item whose attributes nest too deep.
pub fn check_nesting(item: &Item) -> Result<(), ValueError> {
    if item.values().all(|value| value.nests_within(0)) {
        Ok(())
    } else {
        Err(ValueError::NestingTooDeep)
    }
}
