//! Data directories: journal files, segments, snapshots with arbitrary content are inspected and
//! opened. Either may refuse, neither may panic, and what opens can be read.
//!
//! Input: pieces, each a kind (1 byte), a length (2 bytes, little-endian) and bytes of a file.
//! Kinds with the high bit set get their magic numbers and CRCs put right first: else nothing
//! behind a checksum would ever be tested.
#![no_main]

use std::path::PathBuf;
use std::sync::Arc;

use anabranch_env::{FakeDisk, ManualClock};
use anabranch_fuzz::storage::{
    ROOT, empty_directory, inspect_all, pieces, put, repair_journal, repair_segment,
    repair_snapshot,
};
use anabranch_model::{ShardId, ShardKey};
use anabranch_storage::record::Records;
use anabranch_storage::{ReadRequest, Store, StoreOptions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let disk = empty_directory();
    let mut journals = 0;
    for (kind, piece) in pieces(input).take(6) {
        let mut bytes = piece.to_vec();
        let is_repaired = kind & 0x80 != 0;
        match kind & 3 {
            0 | 1 => {
                journals += 1;
                if is_repaired {
                    repair_journal(&mut bytes, journals);
                }
                put(&disk, &format!("journal/{journals:016}.journal"), &bytes);
            }
            2 => {
                let chapter = u64::from(kind >> 2 & 3);
                if is_repaired {
                    repair_segment(&mut bytes, chapter);
                }
                let name = format!("{chapter:016x}-d-{:016x}-{:016x}-{:012x}", 0, 9, 1000);
                put(&disk, &format!("segments/{name}.segment"), &bytes);
            }
            _ => {
                if is_repaired {
                    repair_snapshot(&mut bytes);
                }
                put(&disk, &format!("catalog/{:020}.snapshot", kind >> 2 & 3), &bytes);
            }
        }
    }
    inspect_all(&disk);
    open_and_read(disk);
});

fn open_and_read(disk: FakeDisk) {
    let mut options = StoreOptions::new(PathBuf::from(ROOT));
    // Smaller than real ones, for speed.
    options.journal_file_bytes = 256 << 10;
    let clock = Arc::new(ManualClock::at_ms(1_700_000_000_000));
    let Ok((store, recovered)) = Store::open(options, Arc::new(disk), clock) else { return };
    let _ = recovered.records;
    for shard in 0..3 {
        let request = ReadRequest {
            shard: ShardKey::new(0, ShardId(shard)),
            from_index: 0,
            from_ms: 0,
            first_from_secs: 0,
            end_index: None,
            records_max: 100,
            bytes_max: 1 << 20,
        };
        if let Ok(reply) = store.read(&request) {
            for run in &reply.runs {
                for record in Records::new(&run.body) {
                    let _ = record.counted_bytes();
                }
            }
        }
    }
}
