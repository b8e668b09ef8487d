//! What must be true of the records that a library was entrusted with, which sends them again by itself. Pure.
//!
//! * One that is said to be stored is there, in its place; the caller looks for that.
//! * It is there once, unless it is said that it may be twice.
//! * One that is said not to be stored is not there, unless it is said that it may be.
//! * A key's records are in the order in which they were put where they come first, over all shards, but
//!   for those that are said not to be stored.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::payload::{KeyId, Name};
use crate::place::Place;
use crate::problem::Problem;

/// What the library said of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Stored { place: Place, may_be_twice: bool },
    Failed { may_be_stored: bool },
}

impl Said {
    /// How often it may be there.
    fn copies_max(self) -> usize {
        match self {
            Self::Stored { may_be_twice: true, .. } | Self::Failed { may_be_stored: true } => {
                usize::MAX
            }
            Self::Stored { may_be_twice: false, .. } => 1,
            Self::Failed { may_be_stored: false } => 0,
        }
    }
}

/// All such records.
#[derive(Debug, Default)]
pub(crate) struct Entrusted {
    keys: HashMap<KeyId, Key>,
    unsettled: usize,
    unsaid: usize,
    possible_duplicates: u64,
    twice: u64,
}

#[derive(Debug, Default)]
struct Key {
    /// By counter. The first one is not settled.
    records: VecDeque<Record>,
    /// The last record that was read for the first time.
    last_read: Option<u64>,
    /// Records that are settled and may be read again.
    tolerated: BTreeSet<u64>,
}

/// A record that is not settled, or is behind one.
#[derive(Debug)]
struct Record {
    counter: u64,
    said: Option<Said>,
    copies: Vec<Place>,
    /// Its first copy was read after one of a later record.
    is_late: bool,
}

impl Record {
    /// Whether nothing more must come.
    fn is_settled(&self) -> bool {
        match self.said {
            None => false,
            Some(Said::Failed { .. }) => true,
            Some(Said::Stored { place, .. }) => self.copies.contains(&place),
        }
    }

    /// Whether it was found where it was said to be.
    fn judge(&self, name: Name) -> Result<bool, Problem> {
        let Some(said) = self.said else { return Ok(false) };
        if self.copies.len() > said.copies_max() {
            let place = self.copies[self.copies.len() - 1];
            return Err(match said {
                Said::Stored { .. } => Problem::Duplicate { name, place },
                Said::Failed { .. } => Problem::Refused { name, place },
            });
        }
        let Said::Stored { place, .. } = said else { return Ok(false) };
        if self.is_late {
            return Err(Problem::Reordered { name, place: self.copies[0] });
        }
        Ok(self.copies.contains(&place))
    }
}

impl Entrusted {
    pub(crate) fn has(&self, key: KeyId) -> bool {
        self.keys.contains_key(&key)
    }

    /// The library is about to get a record. Records of a key rise.
    pub(crate) fn put(&mut self, name: Name) {
        let key = self.keys.entry(name.key).or_default();
        let copies = Vec::new();
        key.records.push_back(Record { counter: name.counter, said: None, copies, is_late: false });
        self.unsettled += 1;
        self.unsaid += 1;
    }

    /// The library has said what became of a record. Tells whether it was read already where it is said
    /// to be.
    pub(crate) fn said(&mut self, name: Name, said: Said) -> Result<bool, Problem> {
        self.unsaid -= 1;
        self.possible_duplicates +=
            u64::from(matches!(said, Said::Stored { may_be_twice: true, .. }));
        let record = self.record(name).expect("what has an outcome was put");
        assert_eq!(record.said, None, "a record has one outcome");
        record.said = Some(said);
        let is_in_place = record.judge(name)?;
        self.settle(name.key);
        Ok(is_in_place)
    }

    /// A record was read for the first time in this place. Tells whether that is where it is said to be.
    pub(crate) fn read(&mut self, name: Name, place: Place) -> Result<bool, Problem> {
        let key = self.keys.get_mut(&name.key).ok_or(Problem::Unknown { name, place })?;
        let Ok(at) = key.records.binary_search_by_key(&name.counter, |one| one.counter) else {
            // Settled, if it was put at all.
            if key.tolerated.contains(&name.counter) {
                self.twice += 1;
                return Ok(false);
            }
            return Err(match key.last_read >= Some(name.counter) {
                true => Problem::Duplicate { name, place },
                false => Problem::Unknown { name, place },
            });
        };
        let record = &mut key.records[at];
        record.copies.push(place);
        if record.copies.len() == 1 {
            record.is_late = key.last_read > Some(name.counter);
            key.last_read = key.last_read.max(Some(name.counter));
        } else {
            self.twice += 1;
        }
        let is_first_in_place = record.judge(name)? && record.said_at() == Some(place);
        self.settle(name.key);
        Ok(is_first_in_place)
    }

    /// Records that are kept because they are not settled.
    pub(crate) fn unsettled(&self) -> usize {
        self.unsettled
    }

    /// Records of which the library has said nothing.
    pub(crate) fn unsaid(&self) -> usize {
        self.unsaid
    }

    /// Records that were said to be stored and perhaps twice, and copies beside the first.
    pub(crate) fn duplicates(&self) -> (u64, u64) {
        (self.possible_duplicates, self.twice)
    }

    fn record(&mut self, name: Name) -> Option<&mut Record> {
        let records = &mut self.keys.get_mut(&name.key)?.records;
        let at = records.binary_search_by_key(&name.counter, |record| record.counter).ok()?;
        records.get_mut(at)
    }

    fn settle(&mut self, key: KeyId) {
        let Some(key) = self.keys.get_mut(&key) else { return };
        while let Some(record) = key.records.pop_front_if(|record| record.is_settled()) {
            self.unsettled -= 1;
            if record.said.is_some_and(|said| said.copies_max() > 1) {
                key.tolerated.insert(record.counter);
            }
        }
    }
}

impl Record {
    fn said_at(&self) -> Option<Place> {
        match self.said? {
            Said::Stored { place, .. } => Some(place),
            Said::Failed { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::{Sequence, Shard};

    const STORED: fn(u64) -> Said = |number| said(number, false);

    fn name(counter: u64) -> Name {
        Name { key: KeyId { producer: 1, key: 1 }, counter, attempt: 0 }
    }

    fn place(number: u64) -> Place {
        let sequence = Sequence::parse(&number.to_string()).expect("a number");
        Place { shard: Shard(0), sequence }
    }

    fn said(number: u64, may_be_twice: bool) -> Said {
        Said::Stored { place: place(number), may_be_twice }
    }

    fn entrusted(records: u64) -> Entrusted {
        let mut entrusted = Entrusted::default();
        (0..records).for_each(|counter| entrusted.put(name(counter)));
        entrusted
    }

    #[test]
    fn what_is_read_where_it_was_said_is_settled_whichever_comes_first() {
        let mut all = entrusted(2);
        assert_eq!(all.read(name(0), place(5)), Ok(false));
        assert_eq!(all.said(name(0), STORED(5)), Ok(true));
        assert_eq!((all.unsettled(), all.unsaid()), (1, 1));
        assert_eq!(all.said(name(1), STORED(6)), Ok(false));
        assert_eq!((all.unsettled(), all.unsaid()), (1, 0));
        assert_eq!(all.read(name(1), place(6)), Ok(true));
        assert_eq!((all.unsettled(), all.duplicates()), (0, (0, 0)));
    }

    #[test]
    fn a_second_copy_must_have_been_said_before_and_after_it_is_settled() {
        let duplicate = Err(Problem::Duplicate { name: name(0), place: place(6) });
        let mut all = entrusted(1);
        assert_eq!(all.read(name(0), place(5)), Ok(false));
        assert_eq!(all.read(name(0), place(6)), Ok(false));
        assert_eq!(all.said(name(0), STORED(5)), duplicate);
        let mut all = entrusted(1);
        assert_eq!(all.said(name(0), STORED(5)), Ok(false));
        assert_eq!(all.read(name(0), place(5)), Ok(true));
        assert_eq!(all.read(name(0), place(6)), duplicate);
        let mut all = entrusted(1);
        assert_eq!(all.read(name(0), place(5)), Ok(false));
        assert_eq!(all.said(name(0), said(6, true)), Ok(false));
        assert_eq!(all.read(name(0), place(6)), Ok(true));
        assert_eq!(all.read(name(0), place(7)), Ok(false));
        assert_eq!(all.duplicates(), (1, 2));
    }

    #[test]
    fn what_failed_is_there_only_if_it_was_said_that_it_may_be() {
        for may_be_stored in [false, true] {
            let refused = Err(Problem::Refused { name: name(0), place: place(5) });
            let expected = if may_be_stored { Ok(false) } else { refused };
            let mut all = entrusted(1);
            assert_eq!(all.read(name(0), place(5)), Ok(false));
            assert_eq!(all.said(name(0), Said::Failed { may_be_stored }), expected);
        }
        let mut all = entrusted(1);
        assert_eq!(all.said(name(0), Said::Failed { may_be_stored: false }), Ok(false));
        assert!(all.read(name(0), place(5)).is_err());
    }

    #[test]
    fn first_copies_come_in_the_order_of_the_puts() {
        let mut all = entrusted(2);
        assert_eq!(all.read(name(1), place(4)), Ok(false));
        assert_eq!(all.read(name(0), place(5)), Ok(false));
        let reordered = Problem::Reordered { name: name(0), place: place(5) };
        assert_eq!(all.said(name(0), STORED(5)), Err(reordered));
        // A later copy is no first one.
        let mut all = entrusted(2);
        for (record, at) in [(0, 3), (1, 4), (0, 5)] {
            assert_eq!(all.read(name(record), place(at)), Ok(false));
        }
        assert_eq!(all.said(name(0), said(5, true)), Ok(true));
        // One that failed leaves a gap, wherever it is.
        let mut all = entrusted(2);
        assert_eq!(all.read(name(1), place(4)), Ok(false));
        assert_eq!(all.read(name(0), place(5)), Ok(false));
        assert_eq!(all.said(name(0), Said::Failed { may_be_stored: true }), Ok(false));
    }

    #[test]
    fn nobody_else_writes() {
        let mut all = entrusted(1);
        let unknown = Err(Problem::Unknown { name: name(1), place: place(1) });
        assert_eq!(all.read(name(1), place(1)), unknown);
    }
}
