//! Commands about tables as such.

use crate::schema;
use crate::schema::{IndexKind, IndexName, KeyAttribute, KeySchema, Projection, Throughput};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// See [`super::Command::CreateTable`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CreateTable {
    /// Number of the incarnation.
    #[n(0)]
    pub number: u32,
    /// Account.
    #[n(1)]
    pub account: String,
    /// Region.
    #[n(2)]
    pub region: String,
    /// Name.
    #[n(3)]
    pub name: String,
    /// Its keys.
    #[n(4)]
    pub keys: Keys,
    /// Its indexes.
    #[n(5)]
    pub indexes: Vec<NewIndex>,
    /// What was bought; nothing if it is paid for by the request.
    #[n(6)]
    pub units: Option<Units>,
    /// Tags.
    #[n(7)]
    pub tags: BTreeMap<String, String>,
    /// Whether DeleteTable is refused.
    #[n(8)]
    pub is_protected: bool,
    /// Whether encryption under a key of the account was asked for.
    #[n(9)]
    pub is_encrypted: bool,
    /// How long it stays CREATING, in milliseconds.
    #[n(10)]
    pub transition_ms: u64,
}

/// See [`super::Command::UpdateTable`]. What is not there does not change.
#[derive(Clone, Debug, PartialEq, Eq, Default, Encode, Decode)]
pub struct UpdateTable {
    /// The table's number.
    #[n(0)]
    pub table: u32,
    /// How it is paid for.
    #[n(1)]
    pub billing: Option<NewBilling>,
    /// Whether DeleteTable is refused.
    #[n(2)]
    pub is_protected: Option<bool>,
    /// Whether encryption under a key of the account was asked for.
    #[n(3)]
    pub is_encrypted: Option<bool>,
    /// A new index.
    #[n(4)]
    pub add_index: Option<NewIndex>,
    /// Name of an index that goes.
    #[n(5)]
    pub remove_index: Option<String>,
    /// What was bought for indexes, by their names.
    #[n(6)]
    pub index_units: BTreeMap<String, Units>,
    /// How long it stays UPDATING, in milliseconds.
    #[n(7)]
    pub transition_ms: u64,
}

/// A table's billing from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum NewBilling {
    /// By what was bought.
    #[n(0)]
    Provisioned(#[n(0)] Units),
    /// By the request.
    #[n(1)]
    PayPerRequest,
}

/// See [`super::Command::DeleteTable`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DeleteTable {
    /// The table's number.
    #[n(0)]
    pub table: u32,
}

/// See [`super::Command::SetTimeToLive`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetTimeToLive {
    /// The table's number.
    #[n(0)]
    pub table: u32,
    /// The attribute; nothing if items do not end any more.
    #[n(1)]
    pub attribute: Option<String>,
}

/// See [`super::Command::AddTags`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AddTags {
    /// The table's number.
    #[n(0)]
    pub table: u32,
    /// The tags.
    #[n(1)]
    pub tags: BTreeMap<String, String>,
}

/// See [`super::Command::RemoveTags`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RemoveTags {
    /// The table's number.
    #[n(0)]
    pub table: u32,
    /// Keys of the tags.
    #[n(1)]
    pub keys: Vec<String>,
}

/// See [`super::Command::SetRecovery`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetRecovery {
    /// The table's number.
    #[n(0)]
    pub table: u32,
    /// Days; nothing if it is off.
    #[n(1)]
    pub days: Option<u32>,
}

/// Type of a key attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum KeyType {
    /// String.
    #[n(0)]
    S,
    /// Number.
    #[n(1)]
    N,
    /// Bytes.
    #[n(2)]
    B,
}

/// An attribute of a key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Attribute {
    /// Name.
    #[n(0)]
    pub name: String,
    /// Type.
    #[n(1)]
    pub of: KeyType,
}

/// Keys of a table or an index.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Keys {
    /// Hash key.
    #[n(0)]
    pub hash: Attribute,
    /// Range key.
    #[n(1)]
    pub range: Option<Attribute>,
}

/// Units a second that were bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Units {
    /// Of reading.
    #[n(0)]
    pub read: u64,
    /// Of writing.
    #[n(1)]
    pub write: u64,
}

/// An index that a table gets.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NewIndex {
    /// Name.
    #[n(0)]
    pub name: String,
    /// Whether it is a local one.
    #[n(1)]
    pub is_local: bool,
    /// Its keys.
    #[n(2)]
    pub keys: Keys,
    /// What it has beside keys.
    #[n(3)]
    pub projection: Projected,
    /// What was bought for it.
    #[n(4)]
    pub units: Option<Units>,
}

/// What an index has beside keys.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Projected {
    /// Everything.
    #[n(0)]
    All,
    /// Nothing.
    #[n(1)]
    KeysOnly,
    /// These attributes.
    #[n(2)]
    Include(#[n(0)] BTreeSet<String>),
}

impl From<schema::KeyType> for KeyType {
    fn from(of: schema::KeyType) -> Self {
        match of {
            schema::KeyType::S => Self::S,
            schema::KeyType::N => Self::N,
            schema::KeyType::B => Self::B,
        }
    }
}

impl From<KeyType> for schema::KeyType {
    fn from(of: KeyType) -> Self {
        match of {
            KeyType::S => Self::S,
            KeyType::N => Self::N,
            KeyType::B => Self::B,
        }
    }
}

impl From<&KeySchema> for Keys {
    fn from(keys: &KeySchema) -> Self {
        let attribute =
            |one: &KeyAttribute| Attribute { name: one.name.to_string(), of: one.of.into() };
        Self { hash: attribute(&keys.hash), range: keys.range.as_ref().map(attribute) }
    }
}

impl From<&Keys> for KeySchema {
    fn from(keys: &Keys) -> Self {
        let attribute =
            |one: &Attribute| KeyAttribute { name: Arc::from(&*one.name), of: one.of.into() };
        Self { hash: attribute(&keys.hash), range: keys.range.as_ref().map(attribute) }
    }
}

impl From<Throughput> for Units {
    fn from(throughput: Throughput) -> Self {
        Self { read: throughput.read_units, write: throughput.write_units }
    }
}

impl From<Units> for Throughput {
    fn from(units: Units) -> Self {
        Self { read_units: units.read, write_units: units.write }
    }
}

impl From<&Projection> for Projected {
    fn from(projection: &Projection) -> Self {
        match projection {
            Projection::All => Self::All,
            Projection::KeysOnly => Self::KeysOnly,
            Projection::Include(names) => Self::Include((**names).clone()),
        }
    }
}

impl From<&Projected> for Projection {
    fn from(projected: &Projected) -> Self {
        match projected {
            Projected::All => Self::All,
            Projected::KeysOnly => Self::KeysOnly,
            Projected::Include(names) => Self::Include(Arc::new(names.clone())),
        }
    }
}

impl From<&schema::IndexSchema> for NewIndex {
    fn from(index: &schema::IndexSchema) -> Self {
        Self {
            name: index.name.as_str().to_owned(),
            is_local: index.kind == IndexKind::Local,
            keys: (&index.keys).into(),
            projection: (&index.projection).into(),
            units: index.throughput.map(Into::into),
        }
    }
}

impl NewIndex {
    /// The index that is ACTIVE from this time on, epoch milliseconds.
    #[must_use]
    pub fn schema(&self, active_at_ms: u64) -> schema::IndexSchema {
        schema::IndexSchema {
            name: IndexName::decided(&self.name),
            kind: if self.is_local { IndexKind::Local } else { IndexKind::Global },
            keys: (&self.keys).into(),
            projection: (&self.projection).into(),
            throughput: self.units.map(Into::into),
            active_at_ms,
        }
    }
}
