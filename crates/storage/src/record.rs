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

use bytes::Bytes;

const HEADER: usize = 6;
const DATA_LEN_MASK: u32 = 0x00ff_ffff;
const FLAG_NO_KEY: u32 = 1 << 24;

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
        let word = u32::try_from(data_len).expect("below 16 MiB");
        assert!(word <= DATA_LEN_MASK, "record data over 16 MiB");
        let flags = if partition_key.is_none() { FLAG_NO_KEY } else { 0 };
        let key = partition_key.unwrap_or_default();
        let key_len = u16::try_from(key.len()).expect("a partition key below 64 KiB");
        self.body.extend_from_slice(&(word | flags).to_le_bytes());
        self.body.extend_from_slice(&key_len.to_le_bytes());
        self.body.extend_from_slice(key.as_bytes());
        let start = self.body.len();
        write_data(&mut self.body)?;
        assert_eq!(self.body.len() - start, data_len, "data of the announced length");
        self.count += 1;
        Ok(())
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

    /// The body.
    #[must_use]
    pub fn finish(self) -> (Bytes, u32) {
        (Bytes::from(self.body), self.count)
    }
}

/// Bytes that a record takes in a run's body.
#[must_use]
pub fn record_bytes(key_len: usize, data_len: usize) -> usize {
    HEADER + key_len + data_len
}

/// A record inside a run's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordRef<'a> {
    /// The partition key, unless the producer sent none.
    pub partition_key: Option<&'a str>,
    /// The data.
    pub data: &'a [u8],
}

impl RecordRef<'_> {
    /// Bytes that count for limits: data and partition key.
    #[must_use]
    pub fn counted_bytes(&self) -> usize {
        self.data.len() + self.partition_key.map_or(0, str::len)
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
        let (header, rest) = self.rest.split_at_checked(HEADER)?;
        let word = crate::format::u32_at(header, 0);
        let key_len = usize::from(u16::from_le_bytes([header[4], header[5]]));
        let (key, rest) = rest.split_at_checked(key_len)?;
        let (data, rest) = rest.split_at_checked((word & DATA_LEN_MASK) as usize)?;
        let key = std::str::from_utf8(key).ok()?;
        self.rest = rest;
        let partition_key = (word & FLAG_NO_KEY == 0).then_some(key);
        Some(RecordRef { partition_key, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let total: usize = Records::new(&bytes).map(|r| HEADER + r.counted_bytes()).sum();
            prop_assert!(total <= bytes.len() * 2);
        }
    }
}
