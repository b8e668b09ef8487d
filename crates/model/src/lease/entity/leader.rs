//! The row that says who leads, as the library's lock client writes it.

use super::kind::{Kind, LEADER_KEY, Layout};
use crate::lease::attribute::{Attribute, BadItem, Item, Members, required, value};
use crate::lease::names::WorkerId;
use crate::lease::row::name;

pub(in crate::lease) const OWNER: &str = "ownerName";
pub(in crate::lease) const VERSION: &str = "recordVersionNumber";
pub(in crate::lease) const LEASE: &str = "leaseDuration";
const RELEASED: &str = "isReleased";

/// Who leads, or led.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderRow {
    /// Who.
    pub owner: WorkerId,
    /// Another text after each beat: its only sign of life.
    pub version: String,
    /// For how long the version must not move before another may lead, milliseconds.
    pub lease_ms: u64,
    /// Whether it was given back without deleting the row.
    pub is_released: bool,
    /// What else the row has.
    pub others: Item,
}

impl LeaderRow {
    /// Reads a row.
    ///
    /// # Errors
    /// An attribute that is missing or wrong.
    pub fn from_item(item: Item, layout: Layout) -> Result<Self, BadItem> {
        let mut row = Members(item);
        row.0.remove(Kind::Leader.key_name(layout));
        row.0.remove(name::ENTITY);
        let lease = required(LEASE, row.text(LEASE)?)?;
        Ok(Self {
            owner: WorkerId(required(OWNER, row.text(OWNER)?)?),
            version: required(VERSION, row.text(VERSION)?)?,
            lease_ms: lease.parse().map_err(|_| value(LEASE))?,
            is_released: row.text(RELEASED)?.is_some_and(|text| text == "1"),
            others: row.0,
        })
    }

    /// The whole row.
    #[must_use]
    pub fn to_item(&self, layout: Layout) -> Item {
        let mut row = Kind::Leader.row(layout, LEADER_KEY, &self.others);
        row.insert(OWNER.to_owned(), Attribute::text(self.owner.as_str()));
        row.insert(VERSION.to_owned(), Attribute::text(self.version.as_str()));
        row.insert(LEASE.to_owned(), Attribute::text(self.lease_ms.to_string()));
        if self.is_released {
            row.insert(RELEASED.to_owned(), Attribute::text("1"));
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::attribute::Problem;

    #[test]
    fn both_layouts_keep_all() {
        for layout in [Layout::Tables, Layout::Single] {
            for is_released in [false, true] {
                let row = LeaderRow {
                    owner: "w".into(),
                    version: "9f".into(),
                    lease_ms: 120_000,
                    is_released,
                    others: Item::from([("data".to_owned(), Attribute::B(vec![1]))]),
                };
                let item = row.to_item(layout);
                assert_eq!(item["leaseDuration"], Attribute::text("120000"));
                assert_eq!(item.contains_key("entityType"), layout == Layout::Single);
                assert_eq!(LeaderRow::from_item(item, layout), Ok(row));
            }
        }
    }

    #[test]
    fn a_row_without_a_version_is_none() {
        let item = Item::from([("leaseDuration".to_owned(), Attribute::text("x"))]);
        let wrong = LeaderRow::from_item(item, Layout::Tables);
        assert_eq!(wrong, Err(BadItem { name: OWNER, problem: Problem::Missing }));
    }
}
