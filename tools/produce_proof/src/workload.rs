//! What is put: every record follows from the run's seed and its number. Pure.
//!
//! Numbers from `task * records_per_task` on belong to a task, which puts them in their order. So the records of a
//! key, which belongs to one task, are put in the order of their numbers. Data:
//!
//! | bytes | meaning |
//! |--:|---|
//! | 5 | number |
//! | 3 | low part of the digest of those bytes |
//! | … | what [`Fill`] makes of the digest |

use anabranch_model::hash_key;
use anabranch_producer::Record;
use anabranch_testkit::pattern::{Fill, digest, mix, number as number_of};

/// The smallest data.
pub(crate) const DATA_BYTES_MIN: usize = 8;
const NUMBER_BYTES: usize = 5;
/// Larger than an aggregate may be, so that it is stored by itself.
const LARGE_BYTES: usize = 60_000;

/// All records of a run.
#[derive(Clone, Debug)]
pub(crate) struct Workload {
    pub(crate) seed: u64,
    pub(crate) tasks: u32,
    pub(crate) records_per_task: u64,
    /// Partition keys of a task.
    pub(crate) keys_per_task: u32,
    /// The data of every record; `None`: around 100 bytes, with some that are larger.
    pub(crate) record_bytes: Option<usize>,
}

/// A partition key, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) number: u32,
    /// Its records are put in order, and must be in order.
    pub(crate) is_ordered: bool,
    pub(crate) explicit_hash_key: Option<u128>,
}

/// Why a record is not what anybody has put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    #[error("it is shorter than a number")]
    Short,
    #[error("its number is not of this run")]
    Number,
    #[error("it has {found} bytes instead of {wanted}")]
    Size { wanted: usize, found: usize },
    #[error("its filling is another")]
    Filling,
    #[error("its partition key or explicit hash key is another")]
    Key,
}

impl Workload {
    /// How many there are.
    pub(crate) fn records(&self) -> u64 {
        u64::from(self.tasks) * self.records_per_task
    }

    pub(crate) fn keys(&self) -> u32 {
        self.tasks * self.keys_per_task
    }

    /// The key of a record. Some keys have many more records than others.
    pub(crate) fn key_of(&self, record: u64) -> Key {
        let task = (record / self.records_per_task) as u32;
        let share = (mix(self.seed ^ mix(record)) >> 11) as f64 / (1u64 << 53) as f64;
        let within = (share * share * f64::from(self.keys_per_task)) as u32;
        let number = task * self.keys_per_task + within.min(self.keys_per_task - 1);
        let is_explicit = number % 5 == 1;
        let half = |part: u64| u128::from(mix(self.seed ^ part ^ u64::from(number) << 8));
        let explicit_hash_key = is_explicit.then(|| half(1) << 64 | half(2));
        Key { number, is_ordered: number.is_multiple_of(4), explicit_hash_key }
    }

    fn bytes_of(&self, record: u64) -> usize {
        if let Some(bytes) = self.record_bytes {
            return bytes;
        }
        let drawn = mix(self.seed ^ !record);
        match drawn % 4_000 {
            0 => LARGE_BYTES,
            1..20 => 1_000 + (drawn >> 32) as usize % 3_000,
            _ => 60 + (drawn >> 32) as usize % 81,
        }
    }

    /// What the library is given.
    pub(crate) fn record(&self, record: u64) -> Record {
        let key = self.key_of(record);
        let made = Record::new(key.text(), self.data(record));
        let made = match key.explicit_hash_key {
            Some(hash_key) => made.explicit_hash_key(hash_key),
            None => made,
        };
        if key.is_ordered { made.ordered() } else { made }
    }

    pub(crate) fn data(&self, record: u64) -> Vec<u8> {
        let size = self.bytes_of(record);
        let mut data = Vec::with_capacity(size.next_multiple_of(8));
        data.extend(&record.to_le_bytes()[..NUMBER_BYTES]);
        let digest = digest(self.seed, &data);
        data.extend(&digest.to_le_bytes()[..DATA_BYTES_MIN - NUMBER_BYTES]);
        let mut fill = Fill(digest);
        while data.len() < size {
            data.extend(fill.next_word().to_le_bytes());
        }
        data.truncate(size);
        data
    }

    /// Which record this is, if it is whole.
    pub(crate) fn decode(
        &self,
        partition_key: &str,
        explicit_hash_key: Option<u128>,
        data: &[u8],
    ) -> Result<(u64, Key), Damage> {
        if data.len() < DATA_BYTES_MIN {
            return Err(Damage::Short);
        }
        let record = number_of(&data[..NUMBER_BYTES]);
        let digest = digest(self.seed, &data[..NUMBER_BYTES]);
        let is_ours = digest.to_le_bytes()[..DATA_BYTES_MIN - NUMBER_BYTES]
            == data[NUMBER_BYTES..DATA_BYTES_MIN];
        if !is_ours || record >= self.records() {
            return Err(Damage::Number);
        }
        let wanted = self.bytes_of(record);
        if wanted != data.len() {
            return Err(Damage::Size { wanted, found: data.len() });
        }
        let mut fill = Fill(digest);
        for chunk in data[DATA_BYTES_MIN..].chunks(8) {
            if *chunk != fill.next_word().to_le_bytes()[..chunk.len()] {
                return Err(Damage::Filling);
            }
        }
        let key = self.key_of(record);
        if partition_key != key.text() || explicit_hash_key != key.explicit_hash_key {
            return Err(Damage::Key);
        }
        Ok((record, key))
    }
}

impl Key {
    pub(crate) fn text(self) -> String {
        format!("key-{}", self.number)
    }

    /// Where it is on the ring.
    pub(crate) fn placed_by(self) -> u128 {
        let of_text = || hash_key::of_partition_key(&self.text());
        self.explicit_hash_key.unwrap_or_else(of_text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workload() -> Workload {
        let record_bytes = None;
        Workload { seed: 3, tasks: 4, records_per_task: 5_000, keys_per_task: 50, record_bytes }
    }

    #[test]
    fn a_whole_record_says_who_it_is_and_any_change_is_seen() {
        let workload = workload();
        for record in [0, 7, 4_999, 5_000, 19_999] {
            let (key, data) = (workload.key_of(record), workload.data(record));
            assert_eq!(key.number / 50, (record / 5_000) as u32);
            let decode = |data: &[u8]| workload.decode(&key.text(), key.explicit_hash_key, data);
            assert_eq!(decode(&data), Ok((record, key)));
            for at in 0..data.len() {
                let mut changed = data.clone();
                changed[at] ^= 4;
                assert!(decode(&changed).is_err(), "byte {at}");
            }
            assert!(decode(&data[..data.len() - 1]).is_err());
            let other = workload.decode("key-x", key.explicit_hash_key, &data);
            assert_eq!(other, Err(Damage::Key));
            assert_eq!(workload.decode(&key.text(), Some(1), &data), Err(Damage::Key));
        }
        assert_eq!(workload.decode("key-0", None, b"x"), Err(Damage::Short));
    }

    #[test]
    fn there_are_keys_of_all_kinds_and_records_of_all_sizes() {
        let workload = workload();
        let keys: Vec<Key> = (0..workload.records()).map(|one| workload.key_of(one)).collect();
        let has = |ordered: bool, explicit: bool| {
            let is_one = |key: &Key| {
                key.is_ordered == ordered && key.explicit_hash_key.is_some() == explicit
            };
            keys.iter().any(is_one)
        };
        assert!(has(true, true) && has(true, false) && has(false, true) && has(false, false));
        let sizes = (0..workload.records()).map(|one| workload.bytes_of(one));
        let small = sizes.clone().filter(|bytes| (60..=140).contains(bytes)).count();
        assert!(small > 19_000, "{small}");
        assert!(sizes.clone().any(|bytes| bytes == LARGE_BYTES));
    }
}
