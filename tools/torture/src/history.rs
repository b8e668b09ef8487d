//! What anybody has read of a shard, in little memory. Pure.
//!
//! A history is a chain: every record changes the digest of all before it. The chain is kept for
//! each of the newest records, and farther back at checkpoints, so that whoever reads a part again,
//! after a kill or from the disk, must come to the same digests. What has been read once therefore
//! stays: a record that vanishes, changes its number or gets another before it breaks the chain.

use std::collections::VecDeque;

use anabranch_testkit::pattern::mix;

use crate::payload::Name;
use crate::place::Sequence;

/// Newest records of which each is remembered.
const RECENT: usize = 512;
/// Records between two checkpoints at first.
const STRIDE: u64 = 256;
/// Checkpoints of a shard; one more, and every second is dropped.
const CHECKPOINTS: usize = 1024;

/// How far somebody has read in a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Records read.
    pub(crate) count: u64,
    /// Number of the last one.
    pub(crate) last: Option<Sequence>,
    /// Digest of all of them.
    chain: u64,
}

/// A record as it was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Read {
    pub(crate) name: Name,
    pub(crate) sequence: Sequence,
    pub(crate) arrival_ms: i64,
    pub(crate) bytes: usize,
}

impl Cursor {
    fn after(self, read: &Read) -> Self {
        let Name { key, counter, attempt } = read.name;
        let mut chain = mix(self.chain ^ read.sequence.digest());
        chain = mix(chain ^ u64::from(key.producer) << 48 ^ u64::from(key.key) << 32);
        chain = mix(chain ^ counter ^ u64::from(attempt) << 48);
        chain = mix(chain ^ read.arrival_ms as u64 ^ (read.bytes as u64) << 44);
        Self { count: self.count + 1, last: Some(read.sequence), chain }
    }
}

/// Where to read from to be at a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    TrimHorizon,
    At(Sequence),
    After(Sequence),
}

/// What a read record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Somebody has read it before.
    Again,
    /// Nobody has.
    New,
}

/// Why a record cannot be the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Break {
    /// Another one was read here before.
    Changed { before: Option<Sequence> },
    /// Its number is not above the one before.
    NotAbove { last: Sequence },
    /// It arrived before the one before.
    ArrivedBefore { last_ms: i64 },
}

#[derive(Debug)]
pub(crate) struct History {
    end: Cursor,
    last_ms: i64,
    /// After each of the newest records, and before the first of these.
    recent: VecDeque<Cursor>,
    /// After every `stride` records.
    checkpoints: Vec<Cursor>,
    stride: u64,
}

impl Default for History {
    fn default() -> Self {
        let end = Cursor::default();
        let (recent, checkpoints) = (VecDeque::from([end]), vec![end]);
        Self { end, last_ms: 0, recent, checkpoints, stride: STRIDE }
    }
}

impl History {
    /// How far anybody has read.
    pub(crate) fn end(&self) -> Cursor {
        self.end
    }

    /// Somebody at `cursor` has read a record.
    pub(crate) fn step(&mut self, cursor: &mut Cursor, read: &Read) -> Result<Step, Break> {
        let next = cursor.after(read);
        if cursor.count < self.end.count {
            match self.known(next.count) {
                Some(known) if known != next => return Err(Break::Changed { before: known.last }),
                _ => *cursor = next,
            }
            return Ok(Step::Again);
        }
        if *cursor != self.end {
            return Err(Break::Changed { before: self.end.last });
        }
        if let Some(last) = self.end.last.filter(|last| *last >= read.sequence) {
            return Err(Break::NotAbove { last });
        }
        if read.arrival_ms < self.last_ms {
            return Err(Break::ArrivedBefore { last_ms: self.last_ms });
        }
        self.last_ms = read.arrival_ms;
        self.extend(next);
        *cursor = next;
        Ok(Step::New)
    }

    fn extend(&mut self, next: Cursor) {
        self.end = next;
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(next);
        if next.count.is_multiple_of(self.stride) {
            self.checkpoints.push(next);
            if self.checkpoints.len() > CHECKPOINTS {
                self.stride *= 2;
                let stride = self.stride;
                self.checkpoints.retain(|checkpoint| checkpoint.count.is_multiple_of(stride));
            }
        }
    }

    /// The cursor after so many records, if it is remembered.
    fn known(&self, count: u64) -> Option<Cursor> {
        let oldest = self.recent.front().map_or(u64::MAX, |oldest| oldest.count);
        match count.checked_sub(oldest) {
            Some(place) => self.recent.get(usize::try_from(place).ok()?).copied(),
            None => {
                let place = self.checkpoints.binary_search_by_key(&count, |known| known.count);
                place.ok().map(|place| self.checkpoints[place])
            }
        }
    }

    /// The last remembered cursor that is not beyond `count`, and where to read from to be there.
    pub(crate) fn rewound(&self, count: u64) -> (Cursor, From) {
        let oldest = self.recent.front().map_or(u64::MAX, |oldest| oldest.count);
        let cursor = if count >= oldest {
            self.known(count.min(self.end.count)).unwrap_or(self.end)
        } else {
            let beyond = self.checkpoints.partition_point(|known| known.count <= count);
            self.checkpoints[beyond - 1]
        };
        let next = self.known(cursor.count + 1).and_then(|next| next.last);
        let from = match (cursor.last, next) {
            (None, _) => From::TrimHorizon,
            (Some(_), Some(next)) => From::At(next),
            (Some(last), None) => From::After(last),
        };
        (cursor, from)
    }

    /// Forgets what only open shards need.
    pub(crate) fn close(&mut self) {
        self.recent = VecDeque::from([self.end]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::KeyId;

    fn read(number: u64) -> Read {
        let key = KeyId { producer: 1, key: 2 };
        let sequence = Sequence::parse(&number.to_string()).expect("a number");
        let name = Name { key, counter: number, attempt: 0 };
        Read { name, sequence, arrival_ms: number as i64, bytes: 10 }
    }

    fn history(records: u64) -> History {
        let mut history = History::default();
        let mut cursor = Cursor::default();
        for number in 0..records {
            assert_eq!(history.step(&mut cursor, &read(number)), Ok(Step::New));
        }
        history
    }

    #[test]
    fn checkpoints_thin_out_and_are_never_many() {
        let records = STRIDE * CHECKPOINTS as u64 * 5;
        let history = history(records);
        assert!(history.checkpoints.len() <= CHECKPOINTS);
        assert!(history.recent.len() <= RECENT + 1);
        assert_eq!(history.checkpoints[0], Cursor::default());
        assert_eq!(history.checkpoints[1].count, history.stride);
        assert_eq!(history.end().count, records);
    }

    #[test]
    fn whoever_goes_back_reads_the_same_from_there() {
        let total = 3_000;
        let mut history = history(total);
        for count in [0, 1, 255, 256, 257, total - 600, total - 500, total - 1, total, total + 1] {
            let (mut cursor, from) = history.rewound(count);
            assert!(cursor.count <= count && cursor.count + STRIDE > count.min(total));
            let next = cursor.count;
            let expected = match (next, from) {
                (0, from) => from == From::TrimHorizon,
                (next, From::At(number)) => number == read(next).sequence,
                (next, From::After(number)) => number == read(next - 1).sequence,
                _ => false,
            };
            assert!(expected, "{count}: {from:?}");
            for number in next..total {
                assert_eq!(history.step(&mut cursor, &read(number)), Ok(Step::Again));
            }
            assert_eq!(cursor, history.end());
        }
        history.close();
        assert_eq!(history.rewound(total).0, history.end());
        assert_eq!(history.rewound(total - 1).0.count, total / STRIDE * STRIDE);
    }

    #[test]
    fn another_past_is_seen_at_the_next_checkpoint() {
        let mut history = history(2_000);
        let (mut cursor, _) = history.rewound(0);
        let broken = (0..2_000).find(|&number| {
            // One record is missing from the past.
            let record = if number < 700 { read(number) } else { read(number + 1) };
            history.step(&mut cursor, &record).is_err()
        });
        assert_eq!(broken, Some(767));
    }
}
