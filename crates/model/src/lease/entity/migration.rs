//! How far an application's workers have changed versions together: to version 3, and to a
//! single table.

use super::kind::{CLIENT_VERSION_KEY, Kind, Layout, TABLE_MIGRATION_KEY};
use crate::lease::attribute::{Attribute, BadItem, Item, Members, required, value};
use crate::lease::row::name;
use crate::lease::write::{Action, Change, Expected, Language, Write};

/// Changes that a row remembers at most.
pub const HISTORY_MAX: usize = 10;

const BY: &str = "mb";
const AT: &str = "mts";
const HISTORY: &str = "h";

/// A state of such a change: a word of a row.
pub trait State: Copy + PartialEq + Sized + 'static {
    /// The row's kind.
    const KIND: Kind;
    /// The row's key.
    const KEY: &'static str;
    /// The attribute of the state.
    const NAME: &'static str;
    /// All states and their words.
    const WORDS: &'static [(Self, &'static str)];

    /// The state's word.
    #[must_use]
    fn word(self) -> &'static str {
        let pair = Self::WORDS.iter().find(|(state, _)| *state == self);
        pair.map(|(_, word)| *word).expect("each state has a word")
    }

    /// The state of a word.
    #[must_use]
    fn of_word(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(_, one)| *one == word).map(|(state, _)| *state)
    }
}

/// How far the change from version 2 to 3 has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientVersion {
    /// Nobody has said yet.
    Init,
    /// All are of version 2.
    Two,
    /// All must be ready before it goes on.
    UpgradeFromTwo,
    /// All are of version 3 and can go back.
    ThreeWithRollback,
    /// All are of version 3 for good.
    Three,
}

impl State for ClientVersion {
    const KIND: Kind = Kind::ClientVersion;
    const KEY: &'static str = CLIENT_VERSION_KEY;
    const NAME: &'static str = "cv";
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Init, "CLIENT_VERSION_INIT"),
        (Self::Two, "CLIENT_VERSION_2X"),
        (Self::UpgradeFromTwo, "CLIENT_VERSION_UPGRADE_FROM_2X"),
        (Self::ThreeWithRollback, "CLIENT_VERSION_3X_WITH_ROLLBACK"),
        (Self::Three, "CLIENT_VERSION_3X"),
    ];
}

/// How far the change to a single table has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableMigration {
    /// Not begun.
    Init,
    /// All workers can read both.
    Deployed,
    /// Rows are being moved.
    Pending,
    /// The lease table has all.
    Complete,
}

impl State for TableMigration {
    const KIND: Kind = Kind::TableMigration;
    const KEY: &'static str = TABLE_MIGRATION_KEY;
    const NAME: &'static str = "tm";
    const WORDS: &'static [(Self, &'static str)] = &[
        (Self::Init, "TABLE_MIGRATION_STATUS_INIT"),
        (Self::Deployed, "TABLE_MIGRATION_STATUS_DEPLOYED"),
        (Self::Pending, "TABLE_MIGRATION_STATUS_PENDING"),
        (Self::Complete, "TABLE_MIGRATION_STATUS_COMPLETE"),
    ];
}

/// Who changed a state, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modified {
    /// The worker.
    pub by: String,
    /// Epoch milliseconds by its clock; for people to read, and for nothing else.
    pub at_ms: u64,
}

/// A state, and those before it.
#[derive(Clone, Debug, PartialEq)]
pub struct MigrationRow<S> {
    /// The state.
    pub state: S,
    /// Since when.
    pub modified: Modified,
    /// States before, the newest first, at most [`HISTORY_MAX`].
    pub history: Vec<(S, Modified)>,
    /// What else the row has.
    pub others: Item,
}

impl<S: State> MigrationRow<S> {
    /// A first state.
    #[must_use]
    pub fn new(state: S, modified: Modified) -> Self {
        Self { state, modified, history: Vec::new(), others: Item::new() }
    }

    /// The row in another state.
    #[must_use]
    pub fn changed(&self, state: S, modified: Modified) -> Self {
        let mut history = vec![(self.state, self.modified.clone())];
        history.extend(self.history.iter().take(HISTORY_MAX - 1).cloned());
        Self { state, modified, history, others: self.others.clone() }
    }

    /// Reads a row.
    ///
    /// # Errors
    /// An attribute that is missing or wrong; a state that nobody knows is.
    pub fn from_item(item: Item, layout: Layout) -> Result<Self, BadItem> {
        let mut row = Members(item);
        row.0.remove(S::KIND.key_name(layout));
        row.0.remove(name::ENTITY);
        let history = row.list(HISTORY)?.into_iter().map(|entry| match entry {
            Attribute::M(entry) => read(&mut Members(entry)),
            _ => Err(value(HISTORY)),
        });
        let history = history.collect::<Result<_, _>>()?;
        let (state, modified) = read(&mut row)?;
        Ok(Self { state, modified, history, others: row.0 })
    }

    /// The whole row.
    #[must_use]
    pub fn to_item(&self, layout: Layout) -> Item {
        let mut row = S::KIND.row(layout, S::KEY, &self.others);
        row.extend(entry(self.state, &self.modified));
        if !self.history.is_empty() {
            row.insert(HISTORY.to_owned(), self.history_list());
        }
        row
    }

    fn history_list(&self) -> Attribute {
        let entries = self.history.iter();
        Attribute::L(entries.map(|(state, one)| Attribute::M(entry(*state, one))).collect())
    }

    /// The row's first write: if there is none.
    #[must_use]
    pub fn create(&self, layout: Layout) -> Write {
        let key_name = S::KIND.key_name(layout);
        Write {
            key_name,
            key: S::KEY.to_owned(),
            expected: vec![(key_name, Expected::Absent)],
            change: Change::Put(self.to_item(layout)),
            language: Language::Legacy,
        }
    }

    /// Goes on to another state, if nobody has done so before.
    #[must_use]
    pub fn advance(&self, next: &Self, layout: Layout) -> Write {
        let mut actions = vec![
            (S::NAME, Action::Put(Attribute::text(next.state.word()))),
            (BY, Action::Put(Attribute::text(next.modified.by.as_str()))),
            (AT, Action::Put(Attribute::count(next.modified.at_ms))),
        ];
        if !next.history.is_empty() {
            actions.push((HISTORY, Action::Put(next.history_list())));
        }
        Write {
            key_name: S::KIND.key_name(layout),
            key: S::KEY.to_owned(),
            expected: vec![(S::NAME, Expected::Is(Attribute::text(self.state.word())))],
            change: Change::Update(actions),
            language: Language::Legacy,
        }
    }
}

fn entry<S: State>(state: S, modified: &Modified) -> Item {
    Item::from([
        (S::NAME.to_owned(), Attribute::text(state.word())),
        (BY.to_owned(), Attribute::text(modified.by.as_str())),
        (AT.to_owned(), Attribute::count(modified.at_ms)),
    ])
}

fn read<S: State>(row: &mut Members) -> Result<(S, Modified), BadItem> {
    let word = required(S::NAME, row.text(S::NAME)?)?;
    let state = S::of_word(&word).ok_or(value(S::NAME))?;
    let by = required(BY, row.text(BY)?)?;
    Ok((state, Modified { by, at_ms: required(AT, row.number(AT)?)? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modified(at_ms: u64) -> Modified {
        Modified { by: "w".to_owned(), at_ms }
    }

    fn states<S: State + std::fmt::Debug>() {
        for layout in [Layout::Tables, Layout::Single] {
            let mut row = MigrationRow::new(S::WORDS[0].0, modified(0));
            row.others.insert("new".to_owned(), Attribute::Null);
            for (at_ms, (state, word)) in (1..).zip(S::WORDS.iter().cycle().take(14)) {
                assert_eq!(S::of_word(word), Some(*state));
                let next = row.changed(*state, modified(at_ms));
                let write = row.advance(&next, layout);
                let after = write.apply(Some(&row.to_item(layout))).expect("holds").expect("row");
                assert_eq!(after, next.to_item(layout));
                assert_eq!(MigrationRow::from_item(after, layout), Ok(next.clone()));
                row = next;
            }
            assert_eq!(row.history.len(), HISTORY_MAX);
            assert_eq!(row.history[0].1, modified(13));
            let create = row.create(layout);
            assert_eq!(create.apply(None), Ok(Some(row.to_item(layout))));
            assert!(create.apply(Some(&row.to_item(layout))).is_err());
        }
        assert_eq!(S::of_word("NEWER"), None);
    }

    #[test]
    fn both_changes_go_on_and_remember() {
        states::<ClientVersion>();
        states::<TableMigration>();
    }

    #[test]
    fn two_workers_cannot_both_go_on() {
        let row = MigrationRow::new(ClientVersion::Init, modified(0));
        let next = row.changed(ClientVersion::Three, modified(1));
        let write = row.advance(&next, Layout::Tables);
        assert!(write.apply(Some(&next.to_item(Layout::Tables))).is_err());
    }
}
