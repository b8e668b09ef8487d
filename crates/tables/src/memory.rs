//! What items take of memory, by an estimate that is the same everywhere and rather too high.
//!
//! A state that is durable and one that is ahead of it share items, and not the maps around them: these
//! are counted twice.

use crate::value::{AttributeValue, Item};

/// Of an item, beside its attributes.
pub(crate) const ITEM: usize = 256;
/// Of an item in an index, beside its key there, of which there are two.
pub(crate) const INDEX_ENTRY: usize = 192;
/// Of an item that ends at some time.
pub(crate) const EXPIRING: usize = 96;
/// Of a table or of an index, beside what is in it.
pub(crate) const TABLE: usize = 4096;
/// Of a token of a transaction, beside its text.
pub(crate) const TOKEN: usize = 256;

/// Of an attribute in a map, its name and value beside what these point to.
const ATTRIBUTE: usize = 144;
/// Of a value in a list or a set, beside what it points to.
const MEMBER: usize = 64;

/// What an item's attributes take, in bytes.
pub(crate) fn of_item(item: &Item) -> usize {
    item.iter().map(|(name, value)| ATTRIBUTE + name.len() + of_value(value)).sum()
}

fn of_value(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::N(_) | AttributeValue::Bool(_) | AttributeValue::Null => 0,
        AttributeValue::Ss(texts) => texts.iter().map(|text| MEMBER + text.len()).sum(),
        AttributeValue::Ns(numbers) => MEMBER * numbers.len(),
        AttributeValue::Bs(many) => many.iter().map(|bytes| MEMBER + bytes.len()).sum(),
        AttributeValue::L(values) => values.iter().map(|value| MEMBER + of_value(value)).sum(),
        AttributeValue::M(members) => of_item(members),
    }
}
