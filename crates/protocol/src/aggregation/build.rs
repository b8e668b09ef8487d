//! Building aggregates: user records are written as they come, and held nowhere else.

use super::format::{
    CHECKSUM_BYTES, DATA, EXPLICIT_HASH_KEY_INDEX, EXPLICIT_HASH_KEY_TABLE, FRAME_BYTES, MAGIC,
    PARTITION_KEY_INDEX, PARTITION_KEY_TABLE, RECORDS, checksum,
};
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint, key_len};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hasher};

/// An aggregate that user records are added to.
///
/// A finished one has its buffers still, so that the next one made with it need not grow them.
#[derive(Debug, Default)]
pub struct AggregateBuilder {
    partition_keys: Table,
    explicit_hash_keys: Table,
    records: Vec<u8>,
    count: usize,
}

/// An aggregate that lacks its checksum.
#[derive(Debug)]
pub struct Draft(Vec<u8>);

/// A table of texts, as it is written, with the index of each.
#[derive(Debug, Default)]
struct Table {
    written: Vec<u8>,
    /// By the hash of a text: its index, and where it is in `written`.
    places: HashMap<u128, Place, Truncated>,
    len: u64,
}

/// In four bytes each, since a table is looked up for every record: what lies beyond is not found again.
#[derive(Clone, Copy, Debug)]
struct Place {
    index: u32,
    start: u32,
    bytes: u32,
}

/// What a user record adds to an aggregate.
#[derive(Clone, Copy, Debug)]
struct Addition {
    partition_key_index: u64,
    explicit_hash_key_index: Option<u64>,
    /// Of the record's message, without its head.
    message_bytes: usize,
    bytes: usize,
}

impl AggregateBuilder {
    /// How many user records it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes that it has when it is finished now.
    #[must_use]
    pub fn bytes(&self) -> usize {
        FRAME_BYTES
            + self.partition_keys.written.len()
            + self.explicit_hash_keys.written.len()
            + self.records.len()
    }

    /// Bytes that it would have with this record. A key that it has already is charged once.
    ///
    /// `key_hash` is the MD5 of the partition key, by which it is found in the table.
    #[must_use]
    pub fn bytes_with(
        &self,
        partition_key: &str,
        key_hash: u128,
        explicit_hash_key: Option<u128>,
        data: &[u8],
    ) -> usize {
        self.bytes() + self.addition(partition_key, key_hash, explicit_hash_key, data).bytes
    }

    /// Adds a record.
    pub fn push(
        &mut self,
        partition_key: &str,
        key_hash: u128,
        explicit_hash_key: Option<u128>,
        data: &[u8],
    ) {
        self.push_within(usize::MAX, partition_key, key_hash, explicit_hash_key, data);
    }

    /// Adds a record if the aggregate has so many bytes at most with it, and says whether it did.
    #[must_use]
    pub fn try_push(
        &mut self,
        bytes_max: usize,
        partition_key: &str,
        key_hash: u128,
        explicit_hash_key: Option<u128>,
        data: &[u8],
    ) -> bool {
        self.push_within(bytes_max, partition_key, key_hash, explicit_hash_key, data)
    }

    fn push_within(
        &mut self,
        bytes_max: usize,
        partition_key: &str,
        key_hash: u128,
        explicit_hash_key: Option<u128>,
        data: &[u8],
    ) -> bool {
        let addition = self.addition(partition_key, key_hash, explicit_hash_key, data);
        if self.bytes() + addition.bytes > bytes_max {
            return false;
        }
        if addition.partition_key_index == self.partition_keys.len {
            self.partition_keys.add(PARTITION_KEY_TABLE, partition_key, key_hash);
        }
        if let Some(hash_key) = explicit_hash_key
            && addition.explicit_hash_key_index == Some(self.explicit_hash_keys.len)
        {
            let text = hash_key.to_string();
            self.explicit_hash_keys.add(EXPLICIT_HASH_KEY_TABLE, &text, hash_key);
        }
        let out = &mut self.records;
        encode_key(RECORDS, WireType::LengthDelimited, out);
        encode_varint(addition.message_bytes as u64, out);
        encode_key(PARTITION_KEY_INDEX, WireType::Varint, out);
        encode_varint(addition.partition_key_index, out);
        if let Some(index) = addition.explicit_hash_key_index {
            encode_key(EXPLICIT_HASH_KEY_INDEX, WireType::Varint, out);
            encode_varint(index, out);
        }
        encode_key(DATA, WireType::LengthDelimited, out);
        encode_varint(data.len() as u64, out);
        out.extend_from_slice(data);
        self.count += 1;
        true
    }

    /// The aggregate's bytes. It is empty then.
    #[must_use]
    pub fn finish(&mut self) -> Vec<u8> {
        let draft = self.draft();
        let checksum = checksum(draft.message());
        draft.finish(checksum)
    }

    /// The aggregate but for its checksum, which who has many of them computes for all at once. It is empty
    /// then.
    #[must_use]
    pub fn draft(&mut self) -> Draft {
        let mut out = Vec::with_capacity(self.bytes());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.partition_keys.written);
        out.extend_from_slice(&self.explicit_hash_keys.written);
        out.extend_from_slice(&self.records);
        out.extend_from_slice(&[0; CHECKSUM_BYTES]);
        self.partition_keys.clear();
        self.explicit_hash_keys.clear();
        self.records.clear();
        self.count = 0;
        Draft(out)
    }

    /// Bytes that a record has in an aggregate of its own.
    #[must_use]
    pub fn bytes_alone(partition_key: &str, explicit_hash_key: Option<u128>, data: &[u8]) -> usize {
        Self::default().bytes_with(partition_key, 0, explicit_hash_key, data)
    }

    fn addition(
        &self,
        partition_key: &str,
        key_hash: u128,
        explicit_hash_key: Option<u128>,
        data: &[u8],
    ) -> Addition {
        let (partition_key_index, key_bytes) = self.partition_keys.cost(partition_key, key_hash);
        let mut bytes = key_bytes;
        let mut message_bytes =
            key_len(PARTITION_KEY_INDEX) + encoded_len_varint(partition_key_index);
        let explicit_hash_key_index = explicit_hash_key.map(|hash_key| {
            let (index, table_bytes) =
                self.explicit_hash_keys.cost_of(decimal_digits(hash_key), || {
                    let place = self.explicit_hash_keys.places.get(&hash_key);
                    place.map(|place| u64::from(place.index))
                });
            bytes += table_bytes;
            message_bytes += key_len(EXPLICIT_HASH_KEY_INDEX) + encoded_len_varint(index);
            index
        });
        message_bytes += key_len(DATA) + encoded_len_varint(data.len() as u64) + data.len();
        bytes += key_len(RECORDS) + encoded_len_varint(message_bytes as u64) + message_bytes;
        Addition { partition_key_index, explicit_hash_key_index, message_bytes, bytes }
    }
}

impl Draft {
    /// Bytes of the aggregate.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it has a frame at least")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What its checksum is of.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        &self.0[MAGIC.len()..self.0.len() - CHECKSUM_BYTES]
    }

    /// The aggregate's bytes, with the MD5 of its message.
    #[must_use]
    pub fn finish(mut self, checksum: [u8; CHECKSUM_BYTES]) -> Vec<u8> {
        let at = self.0.len() - CHECKSUM_BYTES;
        self.0[at..].copy_from_slice(&checksum);
        self.0
    }
}

impl Table {
    /// The index of a text, and the bytes that it adds to the table.
    fn cost(&self, text: &str, hash: u128) -> (u64, usize) {
        self.cost_of(text.len(), || self.find(text, hash))
    }

    fn cost_of(&self, text_bytes: usize, find: impl FnOnce() -> Option<u64>) -> (u64, usize) {
        match find() {
            Some(index) => (index, 0),
            // The tables are fields 1 and 2, whose heads have a byte.
            None => (self.len, 1 + encoded_len_varint(text_bytes as u64) + text_bytes),
        }
    }

    /// Texts with one hash are rare but can be made: the second is just not found again.
    fn find(&self, text: &str, hash: u128) -> Option<u64> {
        let place = self.places.get(&hash)?;
        let start = place.start as usize;
        let written = self.written.get(start..start + place.bytes as usize)?;
        (written == text.as_bytes()).then_some(place.index.into())
    }

    /// Adds a text that is not found.
    fn add(&mut self, field: u32, text: &str, hash: u128) {
        encode_key(field, WireType::LengthDelimited, &mut self.written);
        encode_varint(text.len() as u64, &mut self.written);
        let place = Place::new(self.len, self.written.len(), text.len());
        self.written.extend_from_slice(text.as_bytes());
        if let (Some(place), Entry::Vacant(vacant)) = (place, self.places.entry(hash)) {
            vacant.insert(place);
        }
        self.len += 1;
    }

    fn clear(&mut self) {
        self.written.clear();
        self.places.clear();
        self.len = 0;
    }
}

impl Place {
    fn new(index: u64, start: usize, bytes: usize) -> Option<Self> {
        Some(Self {
            index: index.try_into().ok()?,
            start: start.try_into().ok()?,
            bytes: bytes.try_into().ok()?,
        })
    }
}

fn decimal_digits(number: u128) -> usize {
    number.checked_ilog10().map_or(1, |digits| digits as usize + 1)
}

/// Hashes of hashes: half of them.
#[derive(Clone, Copy, Debug, Default)]
struct Truncated(u64);

impl BuildHasher for Truncated {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self::default()
    }
}

impl Hasher for Truncated {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, number: u128) {
        // Explicit hash keys may differ in either half.
        let number = (number >> 64) as u64 ^ (number as u64).rotate_left(32);
        self.0 = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
