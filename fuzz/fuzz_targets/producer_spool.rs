//! Spools of producers: records and outcomes that another process left, opened as a producer does. What has no
//! outcome is read or counted as lost, and what was opened once can be opened again.
//!
//! Input: pieces as in `data_directory`, each a file. The low bit of the kind makes it outcomes instead of
//! records, the next two say of which segment; the high bit asks for a right header and right checksums.
#![no_main]

use std::path::Path;

use anabranch_env::FakeDisk;
use anabranch_fuzz::spool::{SEGMENT_ID, repair_outcomes, repair_records};
use anabranch_fuzz::storage::{ROOT, pieces, put};
use anabranch_producer::spool_contents;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let disk = FakeDisk::default();
    let mut len = 0;
    for (kind, piece) in pieces(input).take(8) {
        let number = 1 + u64::from(kind >> 1 & 3);
        let mut bytes = piece.to_vec();
        let extension = match (kind & 1 == 0, kind & 0x80 != 0) {
            (true, false) => "records",
            (false, false) => "outcomes",
            (true, true) => {
                repair_records(&mut bytes, number);
                "records"
            }
            (false, true) => {
                repair_outcomes(&mut bytes, number);
                "outcomes"
            }
        };
        len += bytes.len();
        put(&disk, &format!("{number:016}-{SEGMENT_ID:016x}.{extension}"), &bytes);
    }
    if len == 0 {
        return;
    }
    let Ok(contents) = spool_contents(&disk, Path::new(ROOT)) else { return };
    assert_eq!(contents.records.len() as u64 + contents.lost, contents.unsettled);
    let read: usize = contents
        .records
        .iter()
        .map(|(stream, key, data)| stream.len() + key.len() + data.len())
        .sum();
    assert!(read <= len);
    let again = spool_contents(&disk, Path::new(ROOT)).expect("it was opened before");
    assert_eq!(again.records.len() as u64 + again.lost, again.unsettled);
});
