//! What is in a record: whose it is, and bytes that follow from that. Pure.
//!
//! | bytes | meaning |
//! |--:|---|
//! | 2 | producer |
//! | 2 | key of the producer |
//! | 4 | attempt |
//! | 8 | counter |
//! | 4 | size of all of it |
//! | 4 | low half of the digest of the 20 bytes before |
//! | … | what [`Fill`] makes of the run's seed and the digest |
//!
//! So whoever reads a record can tell whether it is whole without having kept it.

use std::fmt;

use anabranch_testkit::pattern::{Fill, digest, number};

/// Bytes before the filling, and the smallest record.
pub(crate) const HEADER_BYTES: usize = 24;
const DIGESTED_BYTES: usize = 20;

/// A partition key. It belongs to one producer, which sends its records one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KeyId {
    pub(crate) producer: u16,
    pub(crate) key: u16,
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}-k{}", self.producer, self.key)
    }
}

/// One sending of one record: the same record sent again has another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) key: KeyId,
    /// Counts the records of a key.
    pub(crate) counter: u64,
    /// Counts the sendings of a record.
    pub(crate) attempt: u32,
}

impl Name {
    /// The order in which a key's records are sent.
    pub(crate) fn order(&self) -> (u64, u32) {
        (self.counter, self.attempt)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}.{}", self.key, self.counter, self.attempt)
    }
}

/// Why a record is not what anybody has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    #[error("it is shorter than a header")]
    Short,
    #[error("its header is not of this run")]
    Header,
    #[error("it has {found} bytes instead of {wanted}")]
    Size { wanted: usize, found: usize },
    #[error("its byte {at} is another")]
    Byte { at: usize },
    #[error("its partition key is another")]
    PartitionKey,
}

/// The data of a record of `size` bytes, at least [`HEADER_BYTES`].
pub(crate) fn encode(seed: u64, name: Name, size: usize) -> Vec<u8> {
    let mut data = Vec::with_capacity(size);
    data.extend(name.key.producer.to_le_bytes());
    data.extend(name.key.key.to_le_bytes());
    data.extend(name.attempt.to_le_bytes());
    data.extend(name.counter.to_le_bytes());
    data.extend((size as u32).to_le_bytes());
    let digest = digest(seed, &data);
    data.extend((digest as u32).to_le_bytes());
    let mut fill = Fill(digest);
    while data.len() < size {
        let word = fill.next_word().to_le_bytes();
        data.extend_from_slice(&word[..word.len().min(size - data.len())]);
    }
    data
}

/// Who a record is, if it is whole.
pub(crate) fn decode(seed: u64, partition_key: &str, data: &[u8]) -> Result<Name, Damage> {
    let Some((header, filling)) = data.split_at_checked(HEADER_BYTES) else {
        return Err(Damage::Short);
    };
    let digest = digest(seed, &header[..DIGESTED_BYTES]);
    if header[DIGESTED_BYTES..] != (digest as u32).to_le_bytes() {
        return Err(Damage::Header);
    }
    let name = Name {
        key: KeyId { producer: number(&header[..2]) as u16, key: number(&header[2..4]) as u16 },
        attempt: number(&header[4..8]) as u32,
        counter: number(&header[8..16]),
    };
    let wanted = number(&header[16..20]) as usize;
    if wanted != data.len() {
        return Err(Damage::Size { wanted, found: data.len() });
    }
    let mut fill = Fill(digest);
    for (place, chunk) in filling.chunks(8).enumerate() {
        let word = fill.next_word().to_le_bytes();
        if chunk != &word[..chunk.len()] {
            let within = chunk.iter().zip(word).position(|(found, wanted)| *found != wanted);
            return Err(Damage::Byte { at: HEADER_BYTES + place * 8 + within.unwrap_or(0) });
        }
    }
    if partition_key != name.key.to_string() {
        return Err(Damage::PartitionKey);
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u64 = 7;

    fn name() -> Name {
        Name { key: KeyId { producer: 3, key: 260 }, counter: 1 << 33, attempt: 2 }
    }

    #[test]
    fn a_whole_record_says_who_it_is() {
        for size in [HEADER_BYTES, HEADER_BYTES + 1, 100, 1000] {
            let data = encode(SEED, name(), size);
            assert_eq!(data.len(), size);
            assert_eq!(decode(SEED, "p3-k260", &data), Ok(name()));
        }
    }

    #[test]
    fn every_changed_byte_is_seen() {
        let data = encode(SEED, name(), 101);
        for at in 0..data.len() {
            let mut changed = data.clone();
            changed[at] ^= 0x10;
            let damage = decode(SEED, "p3-k260", &changed);
            match at < HEADER_BYTES {
                true => assert_eq!(damage, Err(Damage::Header)),
                false => assert_eq!(damage, Err(Damage::Byte { at })),
            }
        }
    }

    #[test]
    fn halves_other_keys_and_other_runs_are_seen() {
        let data = encode(SEED, name(), 100);
        assert_eq!(decode(SEED, "p3-k260", &data[..10]), Err(Damage::Short));
        let half = decode(SEED, "p3-k260", &data[..50]);
        assert_eq!(half, Err(Damage::Size { wanted: 100, found: 50 }));
        assert_eq!(decode(SEED, "p3-k26", &data), Err(Damage::PartitionKey));
        assert_eq!(decode(SEED + 1, "p3-k260", &data), Err(Damage::Header));
    }
}
