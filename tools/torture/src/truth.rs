//! What must be true of a stream, whatever happens to the server. Pure.
//!
//! Producers say what they send and what is answered, readers say what they read. A record is kept
//! from its sending until it is settled: acknowledged and read where its number says, or passed by.
//! So memory depends on what is under way and on the number of shards and keys, not on how much is
//! written.
//!
//! What is demanded:
//!
//! * A record that is acknowledged is at the place that the acknowledgement names, once.
//! * One that was sent and not acknowledged is there at most as often as it was sent; one that was
//!   refused is not there.
//! * The records of a key are read in the order of their sending, over all shards.
//! * In a shard, numbers rise and times do not fall; numbers of children are above their parents'.
//! * Of what a library sends: see [`Entrusted`].
//! * What anybody has read stays as it is (see [`History`]).

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::entrusted::{Entrusted, Said};
use crate::history::{Break, Cursor, From, History, Read, Step};
use crate::payload::{KeyId, Name};
use crate::place::{Place, Sequence, Shard};
use crate::problem::Problem;

#[cfg(test)]
mod tests;

/// What has been counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) acknowledged: u64,
    /// Acknowledged, and read where the acknowledgement said.
    pub(crate) verified: u64,
    /// Sent, not acknowledged, and there.
    pub(crate) unacknowledged_present: u64,
    /// Sent, not acknowledged, not refused, and not there.
    pub(crate) unacknowledged_absent: u64,
    pub(crate) refused: u64,
    /// Records read by anybody for the first time.
    pub(crate) read: u64,
    /// Records read again.
    pub(crate) read_again: u64,
    pub(crate) bytes: u64,
    /// Of what a library sent: stored and perhaps twice, as it said, and copies beside the first.
    pub(crate) possible_duplicates: u64,
    pub(crate) twice: u64,
}

/// What is known of one sending.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    answer: Answer,
    read: Option<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// None, so far or for ever.
    None,
    Refused,
    Acknowledged(Place),
}

/// A record that is not settled.
#[derive(Debug)]
struct Record {
    counter: u64,
    attempts: Vec<Attempt>,
}

impl Record {
    fn acknowledged(&self) -> Option<(u32, Place)> {
        let places = self.attempts.iter().zip(0..).filter_map(|(attempt, number)| {
            match (attempt.answer, attempt.read) {
                (Answer::Acknowledged(place), None) => Some((number, place)),
                _ => None,
            }
        });
        places.last()
    }
}

#[derive(Debug, Default)]
struct KeyState {
    /// By counter.
    unsettled: VecDeque<Record>,
    /// What was read last.
    last_read: Option<(u64, u32)>,
}

#[derive(Debug, Default)]
struct ShardState {
    history: History,
    /// Acknowledged and not read yet.
    expected: BTreeMap<Sequence, Name>,
    /// Every number is above this one, the parents' last.
    floor: Option<Sequence>,
    is_ended: bool,
    /// Since [`Truth::doubt`], somebody was told that there is no more than what is read.
    is_at_tip: bool,
}

/// What must be true of one stream.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    keys: HashMap<KeyId, KeyState>,
    /// Records that a library sends.
    entrusted: Entrusted,
    shards: BTreeMap<Shard, ShardState>,
    unsettled: usize,
    figures: Figures,
}

impl Truth {
    /// A record is about to be sent. Attempts of a record count from 0, records of a key rise.
    pub(crate) fn sent(&mut self, name: Name) {
        let key = self.keys.entry(name.key).or_default();
        if name.attempt == 0 {
            key.unsettled.push_back(Record { counter: name.counter, attempts: Vec::new() });
            self.unsettled += 1;
        }
        let record = key.unsettled.back_mut().filter(|record| record.counter == name.counter);
        // A record that was passed by cannot be told from a new one: the harness is wrong.
        let record = record.expect("a record is sent again before the next of its key");
        assert_eq!(record.attempts.len(), name.attempt as usize, "attempts count up");
        record.attempts.push(Attempt { answer: Answer::None, read: None });
    }

    /// It was answered that nothing is stored.
    pub(crate) fn refused(&mut self, name: Name) -> Result<(), Problem> {
        self.figures.refused += 1;
        let attempt = self.attempt(name);
        let attempt = attempt.expect("what is answered was sent");
        attempt.answer = Answer::Refused;
        match attempt.read {
            Some(place) => Err(Problem::Refused { name, place }),
            None => Ok(()),
        }
    }

    /// It was answered that it is stored there.
    pub(crate) fn acknowledged(&mut self, name: Name, place: Place) -> Result<(), Problem> {
        self.figures.acknowledged += 1;
        let attempt = self.attempt(name);
        let attempt = attempt.expect("what is answered was sent");
        attempt.answer = Answer::Acknowledged(place);
        if let Some(read) = attempt.read {
            if read != place {
                return Err(Problem::Misplaced { name, acknowledged: place, read });
            }
            self.figures.verified += 1;
            self.settle_to(name);
            return Ok(());
        }
        self.expect(name, place)
    }

    /// A library is about to get a record, which it sends as often as it likes. Records of a key rise.
    pub(crate) fn entrusted(&mut self, name: Name) {
        self.entrusted.put(name);
    }

    /// The library has said what became of a record.
    pub(crate) fn said(&mut self, name: Name, said: Said) -> Result<(), Problem> {
        let is_in_place = self.entrusted.said(name, said)?;
        let Said::Stored { place, .. } = said else { return Ok(()) };
        self.figures.acknowledged += 1;
        if !is_in_place {
            return self.expect(name, place);
        }
        self.figures.verified += 1;
        Ok(())
    }

    /// A record must be read in this place.
    fn expect(&mut self, name: Name, place: Place) -> Result<(), Problem> {
        let shard = self.shards.entry(place.shard).or_default();
        if shard.is_ended || shard.history.end().last >= Some(place.sequence) {
            return Err(Problem::Lost { name, place });
        }
        match shard.expected.insert(place.sequence, name) {
            Some(other) => Err(Problem::SamePlace { name, other, place }),
            None => Ok(()),
        }
    }

    /// Somebody begins to read a shard, and has read these parents.
    pub(crate) fn begun(&mut self, shard: Shard, parents: &[Shard]) {
        let ends = parents.iter().filter_map(|parent| self.shards.get(parent)?.history.end().last);
        let floor = ends.max();
        self.shards.entry(shard).or_default().floor = floor;
    }

    /// Somebody at `cursor` of a shard has read a whole record.
    pub(crate) fn read(
        &mut self,
        shard: Shard,
        cursor: &mut Cursor,
        read: &Read,
    ) -> Result<(), Problem> {
        let (name, place) = (read.name, Place { shard, sequence: read.sequence });
        let state = self.shards.entry(shard).or_default();
        let step = state.history.step(cursor, read).map_err(|why| match why {
            Break::Changed { before } => Problem::Changed { name, place, before },
            Break::NotAbove { last } => Problem::NotAbove { name, place, last },
            Break::ArrivedBefore { last_ms } => {
                Problem::ArrivedBefore { name, place, arrival_ms: read.arrival_ms, last_ms }
            }
        })?;
        if step == Step::Again {
            self.figures.read_again += 1;
            return Ok(());
        }
        state.is_at_tip = false;
        self.figures.read += 1;
        self.figures.bytes += read.bytes as u64;
        if let Some(last) = state.floor.filter(|floor| *floor >= read.sequence) {
            return Err(Problem::NotAbove { name, place, last });
        }
        if let Some(expected) = state.expected.first_entry() {
            let (sequence, wanted) = (*expected.key(), *expected.get());
            if sequence < read.sequence {
                return Err(Problem::Lost { name: wanted, place: Place { shard, sequence } });
            }
            if sequence == read.sequence {
                expected.remove();
                if wanted != name {
                    return Err(Problem::Usurped { name, wanted, place });
                }
            }
        }
        self.read_new(name, place)
    }

    fn read_new(&mut self, name: Name, place: Place) -> Result<(), Problem> {
        if self.entrusted.has(name.key) {
            self.figures.verified += u64::from(self.entrusted.read(name, place)?);
            return Ok(());
        }
        let key = self.keys.get_mut(&name.key).ok_or(Problem::Unknown { name, place })?;
        match key.last_read {
            Some(last) if last == name.order() => return Err(Problem::Duplicate { name, place }),
            Some(last) if last > name.order() => return Err(Problem::Reordered { name, place }),
            _ => {}
        }
        let passed = key.unsettled.iter().take_while(|record| record.counter < name.counter);
        for record in passed {
            if let Some((attempt, place)) = record.acknowledged() {
                return Err(Problem::Lost { name: record.name(name.key, attempt), place });
            }
        }
        key.last_read = Some(name.order());
        self.settle_below(name.key, name.counter);
        let attempt = self.attempt(name).ok_or(Problem::Unknown { name, place })?;
        attempt.read = Some(place);
        match attempt.answer {
            Answer::None => Ok(()),
            Answer::Refused => Err(Problem::Refused { name, place }),
            Answer::Acknowledged(acknowledged) if acknowledged != place => {
                Err(Problem::Misplaced { name, acknowledged, read: place })
            }
            Answer::Acknowledged(_) => {
                self.figures.verified += 1;
                self.settle_to(name);
                Ok(())
            }
        }
    }

    /// Somebody at `cursor` was told that no more is in the shard now. `known` is what
    /// [`Truth::end`] said before the question.
    pub(crate) fn at_tip(
        &mut self,
        shard: Shard,
        cursor: Cursor,
        known: Cursor,
    ) -> Result<(), Problem> {
        if cursor.count < known.count {
            let (found, last) = (cursor, known.last);
            return Err(Problem::Vanished { shard, found, known: known.count, last });
        }
        let state = self.shards.entry(shard).or_default();
        state.is_at_tip = cursor == state.history.end();
        Ok(())
    }

    /// From now on nothing more is written: what is read must be found out anew.
    pub(crate) fn doubt(&mut self) {
        self.shards.values_mut().for_each(|state| state.is_at_tip = false);
    }

    /// Whether nothing more is to be read of a shard.
    pub(crate) fn is_read(&self, shard: Shard) -> bool {
        self.shards.get(&shard).is_some_and(|state| state.is_ended || state.is_at_tip)
    }

    /// Somebody at `cursor` was told that a shard has ended.
    pub(crate) fn ended(&mut self, shard: Shard, cursor: Cursor) -> Result<(), Problem> {
        let state = self.shards.entry(shard).or_default();
        let known = state.history.end();
        if cursor != known {
            let (found, last) = (cursor, known.last);
            return Err(Problem::Vanished { shard, found, known: known.count, last });
        }
        if let Some((&sequence, &name)) = state.expected.first_key_value() {
            return Err(Problem::Lost { name, place: Place { shard, sequence } });
        }
        state.is_ended = true;
        state.history.close();
        Ok(())
    }

    /// How far anybody has read in a shard.
    pub(crate) fn end(&self, shard: Shard) -> Cursor {
        self.shards.get(&shard).map(|state| state.history.end()).unwrap_or_default()
    }

    /// See [`History::rewound`].
    pub(crate) fn rewound(&self, shard: Shard, count: u64) -> (Cursor, From) {
        match self.shards.get(&shard) {
            Some(state) => state.history.rewound(count),
            None => History::default().rewound(0),
        }
    }

    /// Every shard that anybody has read from.
    pub(crate) fn shards(&self) -> Vec<Shard> {
        self.shards.keys().copied().collect()
    }

    /// Records that are acknowledged and not read yet, and one of them.
    pub(crate) fn unread(&self) -> (usize, Option<Problem>) {
        let count = self.shards.values().map(|state| state.expected.len()).sum();
        let first = self.shards.iter().find_map(|(&shard, state)| {
            let (&sequence, &name) = state.expected.first_key_value()?;
            Some(Problem::Lost { name, place: Place { shard, sequence } })
        });
        (count, first)
    }

    /// Records that are kept because they are not settled.
    pub(crate) fn unsettled(&self) -> usize {
        self.unsettled + self.entrusted.unsettled()
    }

    /// Records of which a library has said nothing yet.
    pub(crate) fn unsaid(&self) -> usize {
        self.entrusted.unsaid()
    }

    pub(crate) fn figures(&self) -> Figures {
        let (possible_duplicates, twice) = self.entrusted.duplicates();
        Figures { possible_duplicates, twice, ..self.figures }
    }

    /// Everything is read: nothing may be missing.
    pub(crate) fn finish(&mut self) -> Result<(), Problem> {
        if let (_, Some(problem)) = self.unread() {
            return Err(problem);
        }
        let keys: Vec<KeyId> = self.keys.keys().copied().collect();
        keys.into_iter().for_each(|key| self.settle_below(key, u64::MAX));
        Ok(())
    }

    fn attempt(&mut self, name: Name) -> Option<&mut Attempt> {
        let unsettled = &mut self.keys.get_mut(&name.key)?.unsettled;
        let place = unsettled.binary_search_by_key(&name.counter, |record| record.counter).ok()?;
        unsettled[place].attempts.get_mut(name.attempt as usize)
    }

    /// A record is acknowledged and read: nothing more is to come of it or those before it.
    fn settle_to(&mut self, name: Name) {
        self.settle_below(name.key, name.counter + 1);
    }

    fn settle_below(&mut self, key: KeyId, counter: u64) {
        let Some(key) = self.keys.get_mut(&key) else { return };
        while let Some(record) = key.unsettled.pop_front_if(|record| record.counter < counter) {
            self.unsettled -= 1;
            for attempt in record.attempts.iter().filter(|one| one.answer == Answer::None) {
                match attempt.read {
                    Some(_) => self.figures.unacknowledged_present += 1,
                    None => self.figures.unacknowledged_absent += 1,
                }
            }
        }
    }
}

impl Record {
    fn name(&self, key: KeyId, attempt: u32) -> Name {
        Name { key, counter: self.counter, attempt }
    }
}
