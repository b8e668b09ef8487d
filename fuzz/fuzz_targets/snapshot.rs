//! Snapshot files, and which of two counts.
//!
//! Input: pieces as in `data_directory`, each a snapshot; those whose kind has the high bit set get
//! right checksums first.
#![no_main]

use anabranch_fuzz::storage::{empty_directory, inspect_all, pieces, put, repair_snapshot};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let disk = empty_directory();
    for (kind, piece) in pieces(input).take(2) {
        let mut bytes = piece.to_vec();
        if kind & 0x80 != 0 {
            repair_snapshot(&mut bytes);
        }
        put(&disk, &format!("catalog/{:020}.snapshot", kind & 3), &bytes);
    }
    inspect_all(&disk);
});
