//! Aggregated records: what can be read has as many user records as it says, and read, built again and
//! read again they are the same.
//!
//! Input: a byte, then data. When the byte is odd the data is a message that is put between the magic and
//! its checksum, so that what is behind them is reached.
#![no_main]

use anabranch_model::hash_key;
use anabranch_protocol::aggregation::{Aggregate, AggregateBuilder, UserRecord};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((flag, bytes)) = input.split_first() else { return };
    let data = if flag % 2 == 1 { framed(bytes) } else { bytes.to_vec() };
    let Some(aggregate) = Aggregate::parse(&data) else { return };
    let records: Vec<UserRecord<'_>> = aggregate.records().collect();
    assert_eq!(records.len(), aggregate.len());
    let mut builder = AggregateBuilder::default();
    for record in &records {
        let hash = hash_key::of_partition_key(record.partition_key);
        let explicit = record.explicit_hash_key.and_then(hash_key::parse);
        let bytes = builder.bytes_with(record.partition_key, hash, explicit, record.data);
        builder.push(record.partition_key, hash, explicit, record.data);
        assert_eq!(builder.bytes(), bytes);
    }
    let again = builder.finish();
    if records.is_empty() {
        return;
    }
    let again = Aggregate::parse(&again).expect("it was built");
    for (before, after) in records.iter().zip(again.records()) {
        assert_eq!((before.partition_key, before.data), (after.partition_key, after.data));
        let explicit = before.explicit_hash_key.and_then(hash_key::parse);
        assert_eq!(after.explicit_hash_key.and_then(hash_key::parse), explicit);
    }
    assert_eq!(again.len(), records.len());
});

fn framed(message: &[u8]) -> Vec<u8> {
    use md5::{Digest, Md5};
    [&[0xf3, 0x89, 0x9a, 0xc2], message, &Md5::digest(message)].concat()
}
