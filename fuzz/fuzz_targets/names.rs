//! Texts with a grammar: sequence numbers, shard ids, ARNs, hash keys. What parses prints as
//! something that parses to the same.
#![no_main]

use anabranch_model::{SequenceNumber, ShardId, StreamArn, hash_key};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(number) = SequenceNumber::parse(text) {
        let printed = number.to_string();
        assert_eq!(SequenceNumber::parse(&printed), Some(number));
        assert_eq!(text.trim_start_matches('0'), printed);
        assert_eq!(number.decimal().digits().as_slice(), printed.as_bytes());
    }
    if let Some(id) = ShardId::parse_lenient(text) {
        assert_eq!(ShardId::parse_lenient(&id.to_string()), Some(id));
    }
    if let Some(arn) = StreamArn::parse(text) {
        let printed = arn.to_string();
        let again = StreamArn::parse(&printed).expect("our own ARN parses");
        assert_eq!((again.region, again.account, again.name), (arn.region, arn.account, arn.name));
    }
    if let Some(key) = hash_key::parse(text) {
        assert_eq!(hash_key::parse(&key.to_string()), Some(key));
    }
    let _ = hash_key::of_partition_key(text);
});
