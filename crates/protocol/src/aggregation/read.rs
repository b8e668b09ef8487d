//! Reading aggregates. The tables are looked up first; user records are borrowed, one at a time.

use super::format::{
    CHECKSUM_BYTES, DATA, EXPLICIT_HASH_KEY_INDEX, EXPLICIT_HASH_KEY_TABLE, FRAME_BYTES, MAGIC,
    PARTITION_KEY_INDEX, PARTITION_KEY_TABLE, RECORDS, checksum,
};
use prost::bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// An aggregate whose user records can all be read.
#[derive(Clone, Debug)]
pub struct Aggregate<'a> {
    message: &'a [u8],
    partition_keys: Vec<&'a str>,
    explicit_hash_keys: Vec<&'a str>,
    count: usize,
}

/// A record that a producer was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRecord<'a> {
    /// Its partition key.
    pub partition_key: &'a str,
    /// Its explicit hash key as it is written, decimal; without one the partition key counts.
    pub explicit_hash_key: Option<&'a str>,
    /// Its data.
    pub data: &'a [u8],
}

/// The user records of an aggregate, in the order of their sub-sequence numbers.
#[derive(Clone, Debug)]
pub struct UserRecords<'a> {
    aggregate: &'a Aggregate<'a>,
    left: &'a [u8],
}

/// It does not parse.
#[derive(Clone, Copy, Debug)]
struct Malformed;

impl<'a> Aggregate<'a> {
    /// The aggregate that a record's data is; `None` if it is a plain record.
    ///
    /// Takes memory for the tables alone: eight times `data` at most.
    #[must_use]
    pub fn parse(data: &'a [u8]) -> Option<Self> {
        // An aggregate of nothing at all is a plain record for the Kinesis Client Library, too.
        if data.len() <= FRAME_BYTES || !data.starts_with(&MAGIC) {
            return None;
        }
        let (message, sum) = data[MAGIC.len()..].split_at(data.len() - FRAME_BYTES);
        if checksum(message) != *sum || sum.len() != CHECKSUM_BYTES {
            return None;
        }
        Self::of_message(message).ok()
    }

    fn of_message(message: &'a [u8]) -> Result<Self, Malformed> {
        let (mut partition_keys, mut explicit_hash_keys) = (Vec::new(), Vec::new());
        let mut left = message;
        while let Some((field, value)) = next_field(&mut left)? {
            match (field, value) {
                (PARTITION_KEY_TABLE, Value::Bytes(text)) => partition_keys.push(text_of(text)?),
                (EXPLICIT_HASH_KEY_TABLE, Value::Bytes(text)) => {
                    explicit_hash_keys.push(text_of(text)?);
                }
                (PARTITION_KEY_TABLE | EXPLICIT_HASH_KEY_TABLE | RECORDS, Value::Number(_)) => {
                    return Err(Malformed);
                }
                _ => {}
            }
        }
        let mut aggregate = Self { message, partition_keys, explicit_hash_keys, count: 0 };
        let mut left = message;
        while let Some((field, value)) = next_field(&mut left)? {
            if let (RECORDS, Value::Bytes(record)) = (field, value) {
                aggregate.record(record)?;
                aggregate.count += 1;
            }
        }
        Ok(aggregate)
    }

    /// How many user records it has; one can have none.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Its user records.
    #[must_use]
    pub fn records(&'a self) -> UserRecords<'a> {
        UserRecords { aggregate: self, left: self.message }
    }

    fn record(&self, mut left: &'a [u8]) -> Result<UserRecord<'a>, Malformed> {
        let (mut key_index, mut hash_key_index, mut data) = (None, None, None);
        while let Some((field, value)) = next_field(&mut left)? {
            match (field, value) {
                (PARTITION_KEY_INDEX, Value::Number(index)) => key_index = Some(index),
                (EXPLICIT_HASH_KEY_INDEX, Value::Number(index)) => hash_key_index = Some(index),
                (DATA, Value::Bytes(bytes)) => data = Some(bytes),
                (PARTITION_KEY_INDEX | EXPLICIT_HASH_KEY_INDEX | DATA, _) => return Err(Malformed),
                _ => {}
            }
        }
        let look_up = |table: &[&'a str], index: u64| {
            usize::try_from(index).ok().and_then(|index| table.get(index).copied()).ok_or(Malformed)
        };
        Ok(UserRecord {
            partition_key: look_up(&self.partition_keys, key_index.ok_or(Malformed)?)?,
            explicit_hash_key: hash_key_index
                .map(|index| look_up(&self.explicit_hash_keys, index))
                .transpose()?,
            data: data.ok_or(Malformed)?,
        })
    }
}

impl<'a> Iterator for UserRecords<'a> {
    type Item = UserRecord<'a>;

    fn next(&mut self) -> Option<UserRecord<'a>> {
        // All of it was looked at when the aggregate was parsed.
        while let Ok(Some((field, value))) = next_field(&mut self.left) {
            if let (RECORDS, Value::Bytes(record)) = (field, value) {
                return self.aggregate.record(record).ok();
            }
        }
        None
    }
}

/// The value of a field of one of the two kinds that aggregates have.
#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a kind that only unknown fields have.
    Skipped,
}

fn next_field<'a>(left: &mut &'a [u8]) -> Result<Option<(u32, Value<'a>)>, Malformed> {
    if left.is_empty() {
        return Ok(None);
    }
    let (field, wire_type) = decode_key(left).map_err(|_| Malformed)?;
    let value = match wire_type {
        WireType::Varint => Value::Number(decode_varint(left).map_err(|_| Malformed)?),
        WireType::LengthDelimited => {
            let bytes = decode_varint(left).map_err(|_| Malformed)?;
            let bytes = usize::try_from(bytes).map_err(|_| Malformed)?;
            let (value, rest) = left.split_at_checked(bytes).ok_or(Malformed)?;
            *left = rest;
            Value::Bytes(value)
        }
        other => {
            skip_field(other, field, left, DecodeContext::default()).map_err(|_| Malformed)?;
            Value::Skipped
        }
    };
    debug_assert!(left.remaining() == left.len(), "a slice is all of its bytes");
    Ok(Some((field, value)))
}

fn text_of(bytes: &[u8]) -> Result<&str, Malformed> {
    str::from_utf8(bytes).map_err(|_| Malformed)
}
