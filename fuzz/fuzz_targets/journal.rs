//! Journal files: every frame of them, and how files follow one another.
//!
//! Input: pieces as in `data_directory`, each a journal file; those whose kind has the high bit set
//! get right checksums first.
#![no_main]

use anabranch_fuzz::storage::{empty_directory, inspect_all, pieces, put, repair_journal};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let disk = empty_directory();
    for (number, (kind, piece)) in (1..).zip(pieces(input).take(4)) {
        let mut bytes = piece.to_vec();
        if kind & 0x80 != 0 {
            repair_journal(&mut bytes, number);
        }
        put(&disk, &format!("journal/{number:016}.journal"), &bytes);
    }
    inspect_all(&disk);
});
