//! Runs: the records inside a frame. Whatever the bytes, walking them ends and stays inside; and
//! what is built reads back.
#![no_main]

use anabranch_storage::RunBuilder;
use anabranch_storage::record::Records;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let mut rebuilt = RunBuilder::with_capacity(body.len());
    let mut records = Records::new(body);
    let mut count = 0u32;
    for record in records.by_ref() {
        let _ = record.counted_bytes();
        rebuilt.push(record.partition_key, record.data);
        count += 1;
    }
    assert!(records.remaining() <= body.len());
    let (again, again_count) = rebuilt.finish();
    assert_eq!(again_count, count);
    assert!(Records::new(&again).eq(Records::new(body)));
});
