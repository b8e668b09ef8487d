//! What a row is, and which table and key it has.

use crate::lease::attribute::{Attribute, BadItem, Item, Problem};
use crate::lease::row::{LEASE_ENTITY, name};

/// The key of the row that says who leads.
pub const LEADER_KEY: &str = "Leader";
/// The key of the row that says how far the change to version 3 has come.
pub const CLIENT_VERSION_KEY: &str = "Migration3.0";
/// The key of the row that says how far the change to a single table has come.
pub const TABLE_MIGRATION_KEY: &str = "TableMigration3.5";

/// Where rows lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Leases, coordinator state and workers' statistics have a table each (3.0 to 3.4).
    Tables,
    /// The lease table has all (3.5).
    Single,
}

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A lease.
    Lease,
    /// What is known of a stream.
    Stream,
    /// Who leads.
    Leader,
    /// How far the change to version 3 has come.
    ClientVersion,
    /// How far the change to a single table has come.
    TableMigration,
    /// What a worker can bear.
    WorkerStats,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Lease,
        Self::Stream,
        Self::Leader,
        Self::ClientVersion,
        Self::TableMigration,
        Self::WorkerStats,
    ];

    /// What rows of the kind say that they are.
    #[must_use]
    pub fn entity_type(self) -> &'static str {
        match self {
            Self::Lease => LEASE_ENTITY,
            Self::Stream => "STREAM",
            Self::Leader => "LEADER",
            Self::ClientVersion => "CLIENT_VERSION_MIGRATION",
            Self::TableMigration => "TABLE_MIGRATION",
            Self::WorkerStats => "WORKER_METRIC_STATS",
        }
    }

    /// The key attribute of the table in which rows of the kind lie.
    #[must_use]
    pub fn key_name(self, layout: Layout) -> &'static str {
        match (layout, self) {
            (Layout::Single, _) | (Layout::Tables, Self::Lease) => name::KEY,
            (Layout::Tables, Self::WorkerStats) => "wid",
            (Layout::Tables, _) => "key",
        }
    }

    /// What is added to an application's name for the table of the kind; empty for the lease
    /// table.
    #[must_use]
    pub fn table_suffix(self, layout: Layout) -> &'static str {
        match (layout, self) {
            (Layout::Single, _) | (Layout::Tables, Self::Lease) => "",
            (Layout::Tables, Self::WorkerStats) => "-WorkerMetricStats",
            (Layout::Tables, _) => "-CoordinatorState",
        }
    }

    /// What a row of the lease table is. One that does not say is a lease: older versions do not
    /// write it.
    ///
    /// # Errors
    /// It says what nobody knows, as a newer version may: it is to be left alone.
    pub fn of_row(row: &Item) -> Result<Self, BadItem> {
        let problem = match row.get(name::ENTITY) {
            None | Some(Attribute::Null) => return Ok(Self::Lease),
            Some(Attribute::S(text)) => {
                let known = Self::ALL.into_iter().find(|kind| kind.entity_type() == text);
                return known.ok_or(BadItem { name: name::ENTITY, problem: Problem::Value });
            }
            Some(_) => Problem::Type,
        };
        Err(BadItem { name: name::ENTITY, problem })
    }

    /// What a row of the table of coordinator states is, by its key.
    #[must_use]
    pub fn of_coordinator_key(key: &str) -> Self {
        match key {
            LEADER_KEY => Self::Leader,
            CLIENT_VERSION_KEY => Self::ClientVersion,
            TABLE_MIGRATION_KEY => Self::TableMigration,
            _ => Self::Stream,
        }
    }

    /// A row of the kind, with its key and, in a table of all kinds, what it is.
    pub(super) fn row(self, layout: Layout, key: &str, others: &Item) -> Item {
        let mut row = others.clone();
        row.insert(self.key_name(layout).to_owned(), Attribute::text(key));
        if layout == Layout::Single {
            row.insert(name::ENTITY.to_owned(), Attribute::text(self.entity_type()));
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_what_it_is() {
        let row = |value: Attribute| Item::from([(name::ENTITY.to_owned(), value)]);
        assert_eq!(Kind::of_row(&Item::new()), Ok(Kind::Lease));
        for kind in Kind::ALL {
            let in_one_table = kind.row(Layout::Single, "k", &Item::new());
            assert_eq!(Kind::of_row(&in_one_table), Ok(kind));
            assert_eq!(in_one_table["leaseKey"], Attribute::text("k"));
        }
        let unknown = BadItem { name: name::ENTITY, problem: Problem::Value };
        assert_eq!(Kind::of_row(&row(Attribute::text("NEW"))), Err(unknown));
    }

    #[test]
    fn older_versions_have_a_table_for_each() {
        let places = Kind::ALL.map(|kind| {
            let layout = Layout::Tables;
            (kind.key_name(layout), kind.table_suffix(layout))
        });
        let state = ("key", "-CoordinatorState");
        let stats = ("wid", "-WorkerMetricStats");
        assert_eq!(places, [("leaseKey", ""), state, state, state, state, stats]);
        assert_eq!(Kind::of_coordinator_key("Leader"), Kind::Leader);
        assert_eq!(Kind::of_coordinator_key("Migration3.0"), Kind::ClientVersion);
        assert_eq!(Kind::of_coordinator_key("TableMigration3.5"), Kind::TableMigration);
        assert_eq!(Kind::of_coordinator_key("1:s:2"), Kind::Stream);
    }
}
