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

/// Of a node of a map of attributes: names and values, without what these point to.
const NODE: usize = 928;
/// Attributes in a node that is full, as the only one of a map may be, and in each of many.
const NODE_LEN_MAX: usize = 11;
const NODE_LEN_MIN: usize = 5;
/// Of a value in a list or a set, with room beside it that a list may have to grow.
const MEMBER: usize = 96;
/// Of what is allocated by itself, beside its length.
const ALLOCATED: usize = 16;

/// What an item's attributes take, in bytes.
pub(crate) fn of_item(item: &Item) -> usize {
    let nodes = match item.len() {
        0 => 0,
        1..=NODE_LEN_MAX => 1,
        len => len.div_ceil(NODE_LEN_MIN),
    };
    let attributes = item.iter().map(|(name, value)| ALLOCATED + name.len() + of_value(value));
    nodes * NODE + attributes.sum::<usize>()
}

fn of_value(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => ALLOCATED + text.len(),
        // Bytes may share what they lie in.
        AttributeValue::B(bytes) => 3 * ALLOCATED + bytes.len(),
        AttributeValue::N(_) | AttributeValue::Bool(_) | AttributeValue::Null => 0,
        AttributeValue::Ss(texts) => texts.iter().map(|text| MEMBER + text.len()).sum(),
        AttributeValue::Ns(numbers) => MEMBER * numbers.len(),
        AttributeValue::Bs(many) => many.iter().map(|bytes| MEMBER + bytes.len()).sum(),
        AttributeValue::L(values) => values.iter().map(|value| MEMBER + of_value(value)).sum(),
        AttributeValue::M(members) => of_item(members),
    }
}
