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
        match record.sealed {
            None => rebuilt.push(record.partition_key, record.data),
            Some(sealed) => {
                let data_len = record.counted_bytes() - sealed.key_len.unwrap_or_default();
                rebuilt.push_sealed(sealed.key_len, data_len, |_, body| {
                    body.extend_from_slice(record.data);
                });
            }
        }
        count += 1;
    }
    assert!(records.remaining() <= body.len());
    let (again, again_count) = rebuilt.finish();
    assert_eq!(again_count, count);
    assert!(Records::new(&again).eq(Records::new(body)));
});
