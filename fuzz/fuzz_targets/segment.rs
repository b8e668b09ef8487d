//! Segments: footer, directory, sparse index, and every run that these lead to.
//!
//! Input: one byte whose high bit asks for right checksums, then a segment.
#![no_main]

use anabranch_fuzz::storage::{empty_directory, inspect_all, put, repair_segment};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((kind, bytes)) = input.split_first() else { return };
    let (mut bytes, chapter) = (bytes.to_vec(), 1);
    if kind & 0x80 != 0 {
        repair_segment(&mut bytes, chapter);
    }
    let disk = empty_directory();
    let name = format!("{chapter:016x}-d-{:016x}-{:016x}-{:012x}", 0, 9, 1000);
    put(&disk, &format!("segments/{name}.segment"), &bytes);
    inspect_all(&disk);
});
