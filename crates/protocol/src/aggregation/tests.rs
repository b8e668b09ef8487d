use super::format::{MAGIC, checksum};
use super::{Aggregate, AggregateBuilder, FRAME_BYTES, UserRecord};
use md5::{Digest, Md5};
use proptest::prelude::*;
use prost::Message;

/// The format as the compiler of protobuf would have it: an independent reading.
#[derive(Clone, PartialEq, Message)]
struct Oracle {
    #[prost(string, repeated, tag = "1")]
    partition_key_table: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    explicit_hash_key_table: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    records: Vec<OracleRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct OracleRecord {
    #[prost(uint64, required, tag = "1")]
    partition_key_index: u64,
    #[prost(uint64, optional, tag = "2")]
    explicit_hash_key_index: Option<u64>,
    #[prost(bytes = "vec", required, tag = "3")]
    data: Vec<u8>,
    #[prost(message, repeated, tag = "4")]
    tags: Vec<OracleTag>,
}

#[derive(Clone, PartialEq, Message)]
struct OracleTag {
    #[prost(string, required, tag = "1")]
    key: String,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

type Given = (String, Option<u128>, Vec<u8>);

fn key_hash(text: &str) -> u128 {
    u128::from_be_bytes(Md5::digest(text).into())
}

fn build(records: &[Given]) -> Vec<u8> {
    let mut builder = AggregateBuilder::default();
    for (key, hash_key, data) in records {
        let expected = builder.bytes_with(key, key_hash(key), *hash_key, data);
        builder.push(key, key_hash(key), *hash_key, data);
        assert_eq!(builder.bytes(), expected);
    }
    let bytes = builder.bytes();
    let built = builder.finish();
    assert_eq!(built.len(), bytes);
    built
}

fn read(data: &[u8]) -> Option<Vec<Given>> {
    let aggregate = Aggregate::parse(data)?;
    let given = |record: UserRecord<'_>| {
        let hash_key = record.explicit_hash_key.map(|text| text.parse().expect("a number"));
        (record.partition_key.to_owned(), hash_key, record.data.to_vec())
    };
    let records: Vec<_> = aggregate.records().map(given).collect();
    assert_eq!(records.len(), aggregate.len());
    Some(records)
}

fn framed(message: &Oracle) -> Vec<u8> {
    let message = message.encode_to_vec();
    [&MAGIC[..], &message, &checksum(&message)].concat()
}

fn given(key: &str, hash_key: Option<u128>, data: &str) -> Given {
    (key.to_owned(), hash_key, data.as_bytes().to_vec())
}

/// The bytes that PyPI's `aws_kinesis_agg` 1.2.3 makes of the same records.
#[test]
fn bytes_are_those_of_other_producers() {
    let built = build(&[given("a", None, "one"), given("b", Some(5), "two")]);
    let expected = "f3899ac20a01610a01621201351a0708001a036f6e651a09080110001a0374776f\
                    2ccdbb8a357290c6da1a7f14f8572bcf";
    let hex: String = built.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expected);
}

#[test]
fn what_only_looks_like_an_aggregate_is_a_plain_record() {
    let good = build(&[given("a", None, "one")]);
    assert_eq!(read(&good), Some(vec![given("a", None, "one")]));
    for at in 0..good.len() {
        let mut broken = good.clone();
        broken[at] ^= 1;
        assert_eq!(read(&broken), None, "byte {at}");
        assert_eq!(read(&good[..at]), None);
    }
    let record = OracleRecord {
        partition_key_index: 0,
        explicit_hash_key_index: None,
        data: b"one".to_vec(),
        tags: vec![OracleTag { key: "k".into(), value: None }],
    };
    let one = Oracle {
        partition_key_table: vec!["a".into()],
        explicit_hash_key_table: vec![],
        records: vec![record.clone()],
    };
    assert_eq!(read(&framed(&one)), Some(vec![given("a", None, "one")]));
    // Indices beyond their tables.
    let no_table = Oracle { partition_key_table: vec![], ..one.clone() };
    assert_eq!(read(&framed(&no_table)), None);
    let beyond = OracleRecord { explicit_hash_key_index: Some(0), ..record.clone() };
    assert_eq!(read(&framed(&Oracle { records: vec![beyond], ..one.clone() })), None);
    // A good sum over what is no message.
    let message = [0x0a, 0xff];
    assert_eq!(read(&[&MAGIC[..], &message, &checksum(&message)].concat()), None);
    // Nothing at all, and keys without records.
    assert_eq!(read(&[&MAGIC[..], &checksum(&[])].concat()), None);
    assert_eq!(read(&framed(&Oracle { records: vec![], ..one })), Some(vec![]));
}

#[test]
fn tables_may_come_after_the_records() {
    let record = [0x1a, 0x05, 0x08, 0x00, 0x1a, 0x01, b'x'];
    let message = [&record[..], &[0x0a, 0x01, b'k']].concat();
    let data = [&MAGIC[..], &message, &checksum(&message)].concat();
    assert_eq!(read(&data), Some(vec![given("k", None, "x")]));
}

/// Two keys of one hash must not be taken for each other.
#[test]
fn keys_with_the_same_hash_stay_apart() {
    let mut builder = AggregateBuilder::default();
    for key in ["a", "b", "a", "b"] {
        let bytes = builder.bytes_with(key, 7, None, key.as_bytes());
        builder.push(key, 7, None, key.as_bytes());
        assert_eq!(builder.bytes(), bytes);
    }
    let records = read(&builder.finish()).expect("an aggregate");
    let expected: Vec<_> = ["a", "b", "a", "b"].map(|key| given(key, None, key)).into();
    assert_eq!(records, expected);
}

#[test]
fn a_key_is_charged_once() {
    let key = "k".repeat(200);
    let records: Vec<_> = (0..1000).map(|_| given(&key, None, "0123456789")).collect();
    assert_eq!(build(&records).len(), FRAME_BYTES + 203 + 1000 * 16);
}

prop_compose! {
    fn records()(
        records in proptest::collection::vec(
            ("[a-cé𐍈]{1,3}|[0-9]{1,2}|.{1,200}", proptest::option::of(any::<u128>()), 0..3u8,
             proptest::collection::vec(any::<u8>(), 0..300)),
            0..200,
        )
    ) -> Vec<Given> {
        records.into_iter().map(|(key, hash_key, few, data)| {
            // Few distinct hash keys, so that they repeat.
            let hash_key = hash_key.map(|hash_key| if few == 0 { hash_key } else { u128::from(few) });
            (key, hash_key, data)
        }).collect()
    }
}

proptest! {
    #[test]
    fn what_is_built_is_read(records in records()) {
        let built = build(&records);
        if records.is_empty() {
            prop_assert_eq!(read(&built), None);
            return Ok(());
        }
        prop_assert_eq!(read(&built), Some(records.clone()));
        // In the order of first use, each once, as the format has it.
        let oracle = Oracle::decode(&built[MAGIC.len()..built.len() - 16]).expect("a message");
        let mut keys: Vec<&str> = Vec::new();
        for (key, _, _) in &records {
            if !keys.contains(&key.as_str()) {
                keys.push(key);
            }
        }
        prop_assert_eq!(&oracle.partition_key_table, &keys);
        prop_assert_eq!(framed(&oracle), built);
    }

    #[test]
    fn any_bytes_are_read_without_panic(message in proptest::collection::vec(any::<u8>(), 0..200)) {
        let data = [&MAGIC[..], &message, &checksum(&message)].concat();
        let ours = read_lossy(&data);
        if let (Ok(oracle), Some(count)) = (Oracle::decode(&message[..]), ours) {
            prop_assert_eq!(count, oracle.records.len());
        }
    }
}

fn read_lossy(data: &[u8]) -> Option<usize> {
    let aggregate = Aggregate::parse(data)?;
    Some(aggregate.records().count())
}
