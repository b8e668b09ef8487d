//! What must be true, of what the library said of each record and of what is in the stream. Pure.
//!
//! * A record that is said to be stored is there: in the shard, at the sequence number and the sub-sequence
//!   number that were said.
//! * It is there once, unless it was said that it may be twice.
//! * One that is said not to be stored is not there, unless it was said that it may be.
//! * The records of a key that asked for order are in order where they come first, over all shards, parents
//!   before children. Records that were not acknowledged are none of these.
//! * Nothing else is there.
//!
//! An aggregate in a shard that does not hold every one of its hash keys is as if it were not there: the
//! Kinesis Client Library drops it whole.
//!
//! A record takes ten bytes here, a key eight.

use anabranch_protocol::aggregation::Aggregate;
use anabranch_testkit::pattern::{digest, mix};
use shards::Listed;

use crate::workload::{Damage, Key, Workload};

/// Differences that are kept to be shown.
const SHOWN_MAX: usize = 20;

/// A digest of where a user record is.
type Place = u64;

fn place(shard: &str, sequence_number: &str) -> Place {
    digest(digest(0, shard.as_bytes()), sequence_number.as_bytes())
}

fn place_within(stored: Place, sub_sequence_number: Option<u32>) -> Place {
    mix(stored ^ sub_sequence_number.map_or(0, |number| u64::from(number) + 1))
}

/// What the library said of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Stored,
    MaybeTwice,
    Failed,
    FailedMaybeStored,
}

/// What the library said of the records of a task, in their order.
#[derive(Debug, Default)]
pub(crate) struct Told {
    said: Vec<Said>,
    places: Vec<Place>,
}

impl Told {
    pub(crate) fn of(records: usize) -> Self {
        Self { said: Vec::with_capacity(records), places: Vec::with_capacity(records) }
    }

    /// The next record is stored there.
    pub(crate) fn stored(
        &mut self,
        shard_id: &str,
        sequence_number: &str,
        sub_sequence_number: Option<u32>,
        may_be_twice: bool,
    ) {
        self.said.push(if may_be_twice { Said::MaybeTwice } else { Said::Stored });
        self.places.push(place_within(place(shard_id, sequence_number), sub_sequence_number));
    }

    /// The next record is not stored, as far as is known.
    pub(crate) fn failed(&mut self, may_be_stored: bool) {
        self.said.push(if may_be_stored { Said::FailedMaybeStored } else { Said::Failed });
        self.places.push(0);
    }
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Problem {
    #[error("record {record} was acknowledged and is not there")]
    Lost { record: u64 },
    #[error("record {record} was acknowledged, and is there only where consumers drop it")]
    Dropped { record: u64 },
    #[error("record {record} is there, but not where it was acknowledged")]
    Misplaced { record: u64 },
    #[error("record {record} is there twice, and it was not said that it may be")]
    Twice { record: u64 },
    #[error("record {record} is there, and it was said that it is not")]
    Denied { record: u64 },
    #[error("record {record} of ordered key {key} comes after record {after} in {at}")]
    Disordered { record: u64, key: u32, after: u64, at: String },
    #[error("nobody put what is in {at}: {damage}")]
    Unknown { at: String, damage: Damage },
    #[error("record {record} is there and has not been put")]
    NotPut { record: u64 },
}

/// What has been counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) acknowledged: u64,
    pub(crate) possible_duplicates: u64,
    pub(crate) failed: u64,
    /// Stored records, and aggregates among them.
    pub(crate) stored_records: u64,
    pub(crate) aggregates: u64,
    /// Aggregates that consumers drop.
    pub(crate) dropped: u64,
    /// User records that are there more than once.
    pub(crate) stored_twice: u64,
    pub(crate) problems: u64,
}

/// What is in the stream, as it is read.
#[derive(Debug)]
pub(crate) struct Truth {
    workload: Workload,
    told: Vec<Told>,
    seen: Vec<Seen>,
    /// Of each ordered key the record that came last, with one added.
    last_of_key: Vec<u64>,
    figures: Figures,
    problems: Vec<Problem>,
}

/// How a record was seen.
#[derive(Clone, Copy, Debug, Default)]
struct Seen(u8);

impl Seen {
    const ONCE: u8 = 1;
    const TWICE: u8 = 2;
    const IN_PLACE: u8 = 4;
    const DROPPED: u8 = 8;

    fn has(self, what: u8) -> bool {
        self.0 & what != 0
    }
}

impl Truth {
    /// `told` has one for each task.
    pub(crate) fn new(workload: Workload, told: Vec<Told>) -> Self {
        let seen = told.iter().map(|told| told.said.len() as u64);
        let put_last = seen.enumerate().filter(|(_, count)| *count > 0);
        let end = put_last
            .map(|(task, count)| task as u64 * workload.records_per_task + count)
            .max()
            .unwrap_or(0);
        let seen = vec![Seen::default(); end as usize];
        let last_of_key = vec![0; workload.keys() as usize];
        let (figures, problems) = (Figures::default(), Vec::new());
        Self { workload, told, seen, last_of_key, figures, problems }
    }

    /// The next stored record of a shard whose parents have been read. Shards are read one after another.
    pub(crate) fn read(
        &mut self,
        shard: &Listed,
        sequence_number: &str,
        partition_key: &str,
        data: &[u8],
    ) {
        self.figures.stored_records += 1;
        let shard_id = shard.shard.to_string();
        let at = place(&shard_id, sequence_number);
        let name = |sub: Option<usize>| match sub {
            Some(sub) => format!("{shard_id} at {sequence_number}, user record {sub}"),
            None => format!("{shard_id} at {sequence_number}"),
        };
        let Some(aggregate) = Aggregate::parse(data) else {
            // A plain record's explicit hash key is not stored.
            let explicit = self.explicit_hash_key_of(data);
            match self.workload.decode(partition_key, explicit, data) {
                Ok((record, key)) => self.saw(record, key, place_within(at, None), &|| name(None)),
                Err(damage) => self.note(Problem::Unknown { at: name(None), damage }),
            }
            return;
        };
        self.figures.aggregates += 1;
        let mut records = Vec::with_capacity(aggregate.len());
        for (sub, user) in aggregate.records().enumerate() {
            let explicit = user.explicit_hash_key.map(str::parse);
            let decoded = match explicit.transpose() {
                Ok(explicit) => self.workload.decode(user.partition_key, explicit, user.data),
                Err(_) => Err(Damage::Key),
            };
            match decoded {
                Ok(record) => records.push((sub, record)),
                Err(damage) => self.note(Problem::Unknown { at: name(Some(sub)), damage }),
            }
        }
        let holds = |key: Key| (shard.start..=shard.end_inclusive).contains(&key.placed_by());
        if !records.iter().all(|(_, (_, key))| holds(*key)) {
            self.figures.dropped += 1;
            for (_, (record, _)) in records {
                self.mark(record, Seen::DROPPED);
            }
            return;
        }
        for (sub, (record, key)) in records {
            self.saw(record, key, place_within(at, Some(sub as u32)), &|| name(Some(sub)));
        }
    }

    fn explicit_hash_key_of(&self, data: &[u8]) -> Option<u128> {
        let number =
            data.first_chunk::<5>().map(|number| anabranch_testkit::pattern::number(number))?;
        let is_ours = number < self.workload.records();
        is_ours.then(|| self.workload.key_of(number).explicit_hash_key).flatten()
    }

    fn said(&self, record: u64) -> Option<(Said, Place)> {
        let task = (record / self.workload.records_per_task) as usize;
        let within = (record % self.workload.records_per_task) as usize;
        let told = self.told.get(task)?;
        Some((*told.said.get(within)?, *told.places.get(within)?))
    }

    fn mark(&mut self, record: u64, what: u8) {
        if let Some(seen) = self.seen.get_mut(record as usize) {
            seen.0 |= what;
        }
    }

    fn saw(&mut self, record: u64, key: Key, at: Place, name: &dyn Fn() -> String) {
        let Some((said, acknowledged_at)) = self.said(record) else {
            return self.note(Problem::NotPut { record });
        };
        let is_acknowledged = matches!(said, Said::Stored | Said::MaybeTwice);
        if is_acknowledged && at == acknowledged_at {
            self.mark(record, Seen::IN_PLACE);
        }
        if self.seen[record as usize].has(Seen::ONCE) {
            return self.mark(record, Seen::TWICE);
        }
        self.mark(record, Seen::ONCE);
        if key.is_ordered && is_acknowledged {
            let last = &mut self.last_of_key[key.number as usize];
            if record < *last {
                let after = *last - 1;
                let key = key.number;
                self.note(Problem::Disordered { record, key, after, at: name() });
            } else {
                *last = record + 1;
            }
        }
    }

    fn note(&mut self, problem: Problem) {
        self.figures.problems += 1;
        if self.problems.len() < SHOWN_MAX {
            self.problems.push(problem);
        }
    }

    /// All shards have been read.
    pub(crate) fn finish(mut self) -> (Figures, Vec<Problem>) {
        for task in 0..self.told.len() {
            let first = task as u64 * self.workload.records_per_task;
            for within in 0..self.told[task].said.len() {
                let record = first + within as u64;
                let (said, seen) = (self.told[task].said[within], self.seen[record as usize]);
                self.count(said, seen);
                if let Some(problem) = problem_of(record, said, seen) {
                    self.note(problem);
                }
            }
        }
        (self.figures, self.problems)
    }

    fn count(&mut self, said: Said, seen: Seen) {
        let figures = &mut self.figures;
        figures.stored_twice += u64::from(seen.has(Seen::TWICE));
        match said {
            Said::Stored => figures.acknowledged += 1,
            Said::MaybeTwice => {
                figures.acknowledged += 1;
                figures.possible_duplicates += 1;
            }
            Said::Failed | Said::FailedMaybeStored => figures.failed += 1,
        }
    }
}

fn problem_of(record: u64, said: Said, seen: Seen) -> Option<Problem> {
    match said {
        Said::FailedMaybeStored => None,
        Said::Failed if seen.has(Seen::ONCE) => Some(Problem::Denied { record }),
        Said::Failed => None,
        Said::Stored | Said::MaybeTwice if !seen.has(Seen::ONCE) => match seen.has(Seen::DROPPED) {
            true => Some(Problem::Dropped { record }),
            false => Some(Problem::Lost { record }),
        },
        Said::Stored | Said::MaybeTwice if !seen.has(Seen::IN_PLACE) => {
            Some(Problem::Misplaced { record })
        }
        Said::Stored if seen.has(Seen::TWICE) => Some(Problem::Twice { record }),
        Said::Stored | Said::MaybeTwice => None,
    }
}

#[cfg(test)]
mod tests;
