//! Keys of items, in a form that sorts.
//!
//! ```text
//! token: 8 | length of the hash key: 2 | hash key | range key
//! ```
//! The token is made of the hash key, and is the same for ever: tables are scanned in its order, and its
//! range is cut into segments. Items of one hash key stand together, in the order of their range keys.
//! Numbers are in a form that sorts; what is after a range key is no part of it.

use crate::error::KeyFault;
use crate::number::SORTABLE_BYTES_MAX;
use crate::schema::{KeyAttribute, KeyRole, KeySchema};
use crate::value::{AttributeValue, Item};
use std::borrow::Cow;
use std::sync::Arc;

/// Token and length.
const PREFIX_LEN: usize = 10;
const HASH_LEN_MAX: usize = 2048;
const RANGE_LEN_MAX: usize = 1024;

/// Key of an item in its table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrimaryKey(Arc<[u8]>);

impl PrimaryKey {
    /// The key of an item.
    ///
    /// # Errors
    /// An attribute that is missing, of another type, empty, or too long.
    pub fn of(keys: &KeySchema, item: &Item) -> Result<Self, KeyFault> {
        Ok(Self(Arc::from(sorted(keys, item)?)))
    }

    /// The key that `key` is: it must have the attributes of a key and no others.
    ///
    /// # Errors
    /// See [`PrimaryKey::of`], and an attribute that is in no key.
    pub fn exactly(keys: &KeySchema, key: &Item) -> Result<Self, KeyFault> {
        if key.len() != keys.attributes().count() {
            return Err(KeyFault::Other);
        }
        Self::of(keys, key)
    }

    /// Of its bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Before every key.
    pub(crate) fn least() -> Self {
        Self(Arc::from([]))
    }

    /// The least that begins so.
    pub(crate) fn starting(prefix: Vec<u8>) -> Self {
        Self(Arc::from(prefix))
    }
}

/// Key of an item in an index: several items may have the same there, and then follow one another in the
/// order of their own keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct IndexKey {
    pub(crate) sorted: Box<[u8]>,
    pub(crate) primary: PrimaryKey,
}

impl IndexKey {
    /// The key of an item in an index, if it has what makes one.
    #[must_use]
    pub(crate) fn of(keys: &KeySchema, item: &Item, primary: &PrimaryKey) -> Option<Self> {
        let sorted = sorted(keys, item).ok()?;
        Some(Self { sorted: Box::from(sorted), primary: primary.clone() })
    }

    /// How long `sorted` is of an item, if it is in the index.
    pub(crate) fn sorted_len(keys: &KeySchema, item: &Item) -> Option<usize> {
        let roles = [KeyRole::Hash, KeyRole::Range];
        let parts = keys.attributes().zip(roles);
        let lens = parts.map(|(attribute, role)| Some(part(attribute, role, item).ok()?.len()));
        lens.sum::<Option<usize>>().map(|len| PREFIX_LEN + len)
    }
}

/// What all keys of one hash key begin with. It must have been checked, as [`check`] does.
pub(crate) fn hash_prefix(hash: &AttributeValue) -> Vec<u8> {
    prefix(&bytes_of(hash))
}

/// Start of the tokens of a segment: its first, as a key begins with it.
///
/// `segment` may be `total`, and then there is no such token.
pub(crate) fn segment_start(segment: u32, total: u32) -> Option<Vec<u8>> {
    debug_assert!(total > 0 && segment <= total, "segments are counted from 0");
    let start = ((u128::from(segment)) << 64) / u128::from(total.max(1));
    u64::try_from(start).ok().map(|token| token.to_be_bytes().to_vec())
}

/// Bytes of a value that sort as the value does among those of its type.
pub(crate) fn bytes_of(value: &AttributeValue) -> Cow<'_, [u8]> {
    match value {
        AttributeValue::S(text) => Cow::Borrowed(text.as_bytes()),
        AttributeValue::B(bytes) => Cow::Borrowed(bytes),
        AttributeValue::N(number) => {
            let mut bytes = Vec::with_capacity(SORTABLE_BYTES_MAX);
            number.write_sortable(&mut bytes);
            Cow::Owned(bytes)
        }
        _ => Cow::Borrowed(&[]),
    }
}

fn sorted(keys: &KeySchema, item: &Item) -> Result<Vec<u8>, KeyFault> {
    let hash = part(&keys.hash, KeyRole::Hash, item)?;
    let mut sorted = prefix(&hash);
    if let Some(range) = &keys.range {
        sorted.extend_from_slice(&part(range, KeyRole::Range, item)?);
    }
    Ok(sorted)
}

fn prefix(hash: &[u8]) -> Vec<u8> {
    let digest = crate::digest::of([hash]);
    let len = u16::try_from(hash.len()).expect("a hash key is at most 2048 bytes long");
    [&digest[..8], &len.to_be_bytes(), hash].concat()
}

fn part<'a>(
    attribute: &KeyAttribute,
    role: KeyRole,
    item: &'a Item,
) -> Result<Cow<'a, [u8]>, KeyFault> {
    let name = || attribute.name.clone();
    let value = item.get(&*attribute.name).ok_or_else(|| KeyFault::Missing(name()))?;
    check(attribute, role, value)?;
    Ok(bytes_of(value))
}

/// Whether a value can be that of a key's attribute.
///
/// # Errors
/// One of another type, that is empty, or too long.
pub(crate) fn check(
    attribute: &KeyAttribute,
    role: KeyRole,
    value: &AttributeValue,
) -> Result<(), KeyFault> {
    let name = || attribute.name.clone();
    if !attribute.of.is_of(value) {
        let (expected, actual) = (attribute.of, value.type_of().name());
        return Err(KeyFault::Type { name: name(), expected, actual });
    }
    let len = match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.len(),
        _ => return Ok(()),
    };
    match (len, role) {
        (0, _) => Err(KeyFault::Empty { name: name(), of: attribute.of }),
        (_, KeyRole::Hash) if len > HASH_LEN_MAX => Err(KeyFault::HashTooLong),
        (_, KeyRole::Range) if len > RANGE_LEN_MAX => Err(KeyFault::RangeTooLong),
        _ => Ok(()),
    }
}
