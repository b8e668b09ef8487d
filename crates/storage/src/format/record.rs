//! Records inside a run.
//!
//! A run's body is its records one after the other, little-endian:
//!
//! | bytes | field |
//! |--:|---|
//! | 4 | length of the data, low 24 bits; flags in the high 8 bits |
//! | 2 | length of the partition key |
//! | k | partition key, UTF-8 |
//! | n | data |
//!
//! Flag 1: the producer sent no partition key. A record's index is the run's first index plus its
//! place; its arrival time is the run's.
//!
//! Flag 2: the record is sealed. Partition key and data are then inside one block that follows the
//! header: the first length is that of the block, the second that of the partition key in it. A
//! block is [`SEAL_BYTES`] longer than the key and data it hides, so that limits count the same.
//! Storage does not look into blocks; the engine makes and opens them.

use bytes::Bytes;

/// Bytes of a record's header.
pub const HEADER_BYTES: usize = 6;
/// By how much a sealed record's block is longer than partition key and data.
pub const SEAL_BYTES: usize = 44;

const DATA_LEN_MASK: u32 = 0x00ff_ffff;
const FLAG_NO_KEY: u32 = 1 << 24;
const FLAG_SEALED: u32 = 1 << 25;

/// Builds the body of a run.
#[derive(Debug, Default)]
pub struct RunBuilder {
    body: Vec<u8>,
    count: u32,
}

impl RunBuilder {
    /// A builder with room for `bytes` (see [`record_bytes`]).
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { body: Vec::with_capacity(bytes), count: 0 }
    }

    /// Adds a record whose data `write_data` appends; it must append exactly `data_len` bytes.
    ///
    /// # Errors
    /// What `write_data` returns; the builder is then unusable.
    ///
    /// # Panics
    /// If the data is 16 MiB or more, the key 64 KiB or more, or the length is not kept.
    pub fn push_with<E>(
        &mut self,
        partition_key: Option<&str>,
        data_len: usize,
        write_data: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let key = partition_key.unwrap_or_default();
        let flags = if partition_key.is_none() { FLAG_NO_KEY } else { 0 };
        self.body.extend_from_slice(&header(data_len, key.len(), flags));
        self.body.extend_from_slice(key.as_bytes());
        let start = self.body.len();
        write_data(&mut self.body)?;
        assert_eq!(self.body.len() - start, data_len, "data of the announced length");
        self.count += 1;
        Ok(())
    }

    /// Adds a sealed record. `seal` gets the header and the body, to which it must append the
    /// block: exactly [`SEAL_BYTES`] more than key and data have.
    ///
    /// # Panics
    /// As [`RunBuilder::push_with`].
    pub fn push_sealed(
        &mut self,
        partition_key_len: Option<usize>,
        data_len: usize,
        seal: impl FnOnce(&[u8; HEADER_BYTES], &mut Vec<u8>),
    ) {
        let key_len = partition_key_len.unwrap_or_default();
        let flags = if partition_key_len.is_none() { FLAG_NO_KEY } else { 0 };
        let block_len = SEAL_BYTES + key_len + data_len;
        let header = header(block_len, key_len, flags | FLAG_SEALED);
        self.body.extend_from_slice(&header);
        let start = self.body.len();
        seal(&header, &mut self.body);
        assert_eq!(self.body.len() - start, block_len, "a block of the announced length");
        self.count += 1;
    }

    /// Adds a record.
    pub fn push(&mut self, partition_key: Option<&str>, data: &[u8]) {
        let written = self.push_with(partition_key, data.len(), |body| {
            body.extend_from_slice(data);
            Ok::<(), std::convert::Infallible>(())
        });
        written.expect("copying cannot fail");
    }

    /// Records so far.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Adds bytes that are no record: the place of a frame's header between two runs.
    pub(crate) fn push_raw(&mut self, bytes: &[u8]) {
        self.body.extend_from_slice(bytes);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.body
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.body
    }

    /// The body.
    #[must_use]
    pub fn finish(self) -> (Bytes, u32) {
        (Bytes::from(self.body), self.count)
    }
}

fn header(len: usize, key_len: usize, flags: u32) -> [u8; HEADER_BYTES] {
    let word = u32::try_from(len).expect("below 16 MiB");
    assert!(word <= DATA_LEN_MASK, "record data over 16 MiB");
    let key_len = u16::try_from(key_len).expect("a partition key below 64 KiB");
    let mut out = [0; HEADER_BYTES];
    out[..4].copy_from_slice(&(word | flags).to_le_bytes());
    out[4..].copy_from_slice(&key_len.to_le_bytes());
    out
}

/// Bytes that a record takes in a run's body.
#[must_use]
pub fn record_bytes(key_len: usize, data_len: usize) -> usize {
    HEADER_BYTES + key_len + data_len
}

/// A record inside a run's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// The partition key, unless the producer sent none or the record is sealed.
    pub partition_key: Option<&'a str>,
    /// The data; of a sealed record the block.
    pub data: &'a [u8],
    /// Set if the record is sealed.
    pub sealed: Option<Sealed>,
}

/// What is known of a sealed record beside its block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The record's header, which whoever sealed it may have bound the block to.
    pub header: [u8; HEADER_BYTES],
    /// Length of the partition key in the block; `None` if the producer sent none.
    pub key_len: Option<usize>,
}

impl RecordRef<'_> {
    /// Bytes that count for limits: data and partition key.
    #[must_use]
    pub fn counted_bytes(&self) -> usize {
        match self.sealed {
            Some(_) => self.data.len().saturating_sub(SEAL_BYTES),
            None => self.data.len() + self.partition_key.map_or(0, str::len),
        }
    }
}

/// Walks the records of a body whose checksum was verified. Stops at the first malformed byte.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    /// The records of `body`.
    #[must_use]
    pub fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    /// Bytes not walked yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = RecordRef<'a>;

    fn next(&mut self) -> Option<RecordRef<'a>> {
        let (header, rest) = self.rest.split_first_chunk::<HEADER_BYTES>()?;
        let word = crate::format::header::u32_at(header, 0);
        let key_len = usize::from(u16::from_le_bytes([header[4], header[5]]));
        let has_key = word & FLAG_NO_KEY == 0;
        // A flag that is not known would mean that what follows is something else.
        if word & !(DATA_LEN_MASK | FLAG_NO_KEY | FLAG_SEALED) != 0 || !has_key && key_len != 0 {
            return None;
        }
        if word & FLAG_SEALED != 0 {
            let (block, rest) = rest.split_at_checked((word & DATA_LEN_MASK) as usize)?;
            if block.len() < SEAL_BYTES + key_len {
                return None;
            }
            self.rest = rest;
            let sealed = Sealed { header: *header, key_len: has_key.then_some(key_len) };
            return Some(RecordRef { partition_key: None, data: block, sealed: Some(sealed) });
        }
        let (key, rest) = rest.split_at_checked(key_len)?;
        let (data, rest) = rest.split_at_checked((word & DATA_LEN_MASK) as usize)?;
        let key = std::str::from_utf8(key).ok()?;
        self.rest = rest;
        Some(RecordRef { partition_key: has_key.then_some(key), data, sealed: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_the_header_cannot_mean_ends_the_walk() {
        let record = |word: u32, key_len: u16, rest: &[u8]| {
            [&word.to_le_bytes()[..], &key_len.to_le_bytes(), rest].concat()
        };
        let count = |body: &[u8]| Records::new(body).count();
        assert_eq!(count(&record(1, 1, b"kd")), 1);
        assert_eq!(count(&record(1 | FLAG_NO_KEY, 0, b"d")), 1);
        assert_eq!(count(&record(1 | FLAG_NO_KEY, 1, b"kd")), 0, "no key, of one byte");
        for flag in 26..32 {
            assert_eq!(count(&record(1 | 1 << flag, 1, b"kd")), 0, "flag {flag}");
        }
    }

    proptest! {
        #[test]
        fn round_trips(
            records in prop::collection::vec(
                (prop::option::of("\\PC{0,20}"), prop::collection::vec(any::<u8>(), 0..50)), 0..20),
        ) {
            let mut builder = RunBuilder::default();
            let mut expected_len = 0;
            for (key, data) in &records {
                builder.push(key.as_deref(), data);
                expected_len += record_bytes(key.as_deref().map_or(0, str::len), data.len());
            }
            let (body, count) = builder.finish();
            prop_assert_eq!(body.len(), expected_len);
            prop_assert_eq!(count as usize, records.len());
            let read: Vec<_> = Records::new(&body)
                .map(|r| (r.partition_key.map(str::to_owned), r.data.to_vec()))
                .collect();
            prop_assert_eq!(read, records);
        }

        #[test]
        fn sealed_records_stand_between_others(
            records in prop::collection::vec(
                (prop::option::of(0..20usize), 0..50usize, any::<bool>()), 0..20),
        ) {
            let mut builder = RunBuilder::default();
            for (key_len, data_len, is_sealed) in &records {
                let key = key_len.map(|len| "k".repeat(len));
                if *is_sealed {
                    let block_len = SEAL_BYTES + key_len.unwrap_or_default() + data_len;
                    builder.push_sealed(*key_len, *data_len, |_, body| {
                        body.resize(body.len() + block_len, 7);
                    });
                } else {
                    builder.push(key.as_deref(), &vec![1; *data_len]);
                }
            }
            let (body, _) = builder.finish();
            let mut walk = Records::new(&body);
            for (key_len, data_len, is_sealed) in &records {
                let record = walk.next().expect("as many as were pushed");
                prop_assert_eq!(record.counted_bytes(), key_len.unwrap_or_default() + data_len);
                prop_assert_eq!(record.sealed.is_some(), *is_sealed);
                if let Some(sealed) = record.sealed {
                    prop_assert_eq!(sealed.key_len, *key_len);
                }
            }
            prop_assert_eq!(walk.remaining(), 0);
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let total: usize = Records::new(&bytes).map(|r| HEADER_BYTES + r.counted_bytes()).sum();
            prop_assert!(total <= bytes.len() * 2);
        }
    }
}
