//! What producers put: stored records, or the user records of those that are aggregates.
//!
//! Nothing is hidden. The Kinesis Client Library leaves out an aggregate in which the hash key of any
//! user record belongs to another shard; here all of its user records come. What only looks like an
//! aggregate is a record.

use std::ops::ControlFlow;

use anabranch_protocol::aggregation::Aggregate;
use aws_sdk_kinesis::types::Record;

/// Something that a producer put.
#[derive(Debug, Clone, Copy)]
pub(super) struct UserRecord<'a> {
    /// What it is stored in.
    pub(super) stored: &'a Record,
    /// Its place in the aggregate; `None`: it is stored by itself.
    pub(super) sub_sequence_number: Option<usize>,
    pub(super) partition_key: Option<&'a str>,
    /// Known of user records of an aggregate alone.
    pub(super) explicit_hash_key: Option<&'a str>,
    pub(super) data: &'a [u8],
}

impl<'a> UserRecord<'a> {
    /// A record as it is stored.
    pub(super) fn stored(stored: &'a Record) -> Self {
        UserRecord {
            stored,
            sub_sequence_number: None,
            partition_key: stored.partition_key(),
            explicit_hash_key: None,
            data: stored.data().as_ref(),
        }
    }
}

/// Calls `each` with all that producers put into a record, in order, until it breaks.
pub(super) fn for_each<B>(
    record: &Record,
    mut each: impl FnMut(UserRecord<'_>) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let stored = UserRecord::stored(record);
    let Some(aggregate) = Aggregate::parse(stored.data) else { return each(stored) };
    for (place, user) in aggregate.records().enumerate() {
        each(UserRecord {
            stored: record,
            sub_sequence_number: Some(place),
            partition_key: Some(user.partition_key),
            explicit_hash_key: user.explicit_hash_key,
            data: user.data,
        })?;
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use anabranch_protocol::aggregation::AggregateBuilder;
    use aws_sdk_kinesis::primitives::Blob;

    use super::*;

    fn stored(data: impl Into<Vec<u8>>) -> Record {
        let record = Record::builder().sequence_number("7").partition_key("a");
        record.data(Blob::new(data)).build().unwrap()
    }

    fn aggregate() -> Record {
        let mut builder = AggregateBuilder::default();
        builder.push("k", 1, None, b"one");
        builder.push("l", 2, Some(5), b"");
        builder.push("k", 1, None, b"three");
        stored(builder.finish())
    }

    type Seen = (Option<usize>, String, Option<String>, Vec<u8>);

    /// Place, key, explicit hash key and data of each, at most so many.
    fn seen(record: &Record, most: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        let _ = for_each(record, |user| {
            let hash_key = user.explicit_hash_key.map(str::to_owned);
            let key = user.partition_key.unwrap().to_owned();
            seen.push((user.sub_sequence_number, key, hash_key, user.data.to_vec()));
            if seen.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        seen
    }

    #[test]
    fn an_aggregate_is_its_user_records() {
        let expected = vec![
            (Some(0), "k".to_owned(), None, b"one".to_vec()),
            (Some(1), "l".to_owned(), Some("5".to_owned()), Vec::new()),
            (Some(2), "k".to_owned(), None, b"three".to_vec()),
        ];
        assert_eq!(seen(&aggregate(), usize::MAX), expected);
        assert_eq!(seen(&aggregate(), 2), expected[..2]);
    }

    #[test]
    fn what_is_no_aggregate_is_a_record() {
        let mut broken = aggregate().data().as_ref().to_vec();
        *broken.last_mut().unwrap() ^= 1;
        for data in [b"plain".to_vec(), Vec::new(), broken] {
            let whole = vec![(None, "a".to_owned(), None, data.clone())];
            assert_eq!(seen(&stored(data), usize::MAX), whole);
        }
    }
}
