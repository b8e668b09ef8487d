//! What an application knows of a stream: the identifier that is the stream's for ever.

use super::kind::{Kind, Layout};
use crate::lease::attribute::{Attribute, BadItem, Item, Members, required};
use crate::lease::row::name;

const STREAM_ID: &str = "streamId";
const AT: &str = "mts";

/// The row of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRow {
    /// Key of the row: the stream's name, or account, name and creation.
    pub key: String,
    /// The stream's identifier.
    pub stream_id: String,
    /// When it was written, epoch milliseconds; older versions do not say.
    pub modified_ms: Option<u64>,
    /// What else the row has.
    pub others: Item,
}

impl StreamRow {
    /// Reads a row.
    ///
    /// # Errors
    /// An attribute that is missing or wrong.
    pub fn from_item(item: Item, layout: Layout) -> Result<Self, BadItem> {
        let mut row = Members(item);
        row.0.remove(name::ENTITY);
        let key_name = Kind::Stream.key_name(layout);
        Ok(Self {
            key: required(key_name, row.text(key_name)?)?,
            stream_id: required(STREAM_ID, row.text(STREAM_ID)?)?,
            modified_ms: row.number(AT)?,
            others: row.0,
        })
    }

    /// The whole row. It says what it is in either layout, as the library has it.
    #[must_use]
    pub fn to_item(&self, layout: Layout) -> Item {
        let mut row = Kind::Stream.row(layout, &self.key, &self.others);
        row.insert(name::ENTITY.to_owned(), Attribute::text(Kind::Stream.entity_type()));
        row.insert(STREAM_ID.to_owned(), Attribute::text(self.stream_id.as_str()));
        if let Some(modified_ms) = self.modified_ms {
            row.insert(AT.to_owned(), Attribute::count(modified_ms));
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_layouts_keep_all() {
        for layout in [Layout::Tables, Layout::Single] {
            for modified_ms in [None, Some(7)] {
                let row = StreamRow {
                    key: "1:s:2".into(),
                    stream_id: "id".into(),
                    modified_ms,
                    others: Item::from([("x".to_owned(), Attribute::Null)]),
                };
                assert_eq!(StreamRow::from_item(row.to_item(layout), layout), Ok(row));
            }
        }
    }
}
