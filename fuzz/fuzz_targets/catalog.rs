//! The catalog: commands and snapshots from bytes, and that its own snapshot means the same.
//!
//! Input: pieces, each a length (2 bytes, little-endian) and bytes. The first is the snapshot (if
//! not empty), the others are commands.
#![no_main]

use anabranch_engine::Catalog;
use anabranch_engine::command::Command;
use anabranch_model::limits;
use anabranch_storage::RecoveredCommand;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut pieces = pieces(input);
    let snapshot = pieces.next().filter(|piece| !piece.is_empty());
    let mut commands = Vec::new();
    for (number, piece) in (1..).zip(pieces) {
        match Command::decode(piece) {
            Ok(Command::CreateStream(create)) if create.shard_count > limits::STREAM_SHARDS_MAX => {
                // Never journaled, and applied it would take memory for each shard.
                continue;
            }
            Ok(command) => {
                let again = Command::decode(&command.encode()).expect("our own bytes decode");
                assert_eq!(again.encode(), command.encode());
            }
            Err(error) => drop(error.to_string()),
        }
        let payload = Bytes::copy_from_slice(piece);
        let (index, arrival_ms) = (number * 3, 1_000_000 + number);
        commands.push(RecoveredCommand { number, index, arrival_ms, payload });
    }
    if let Ok(catalog) = Catalog::rebuild(snapshot, &commands) {
        let (number, bytes) = catalog.snapshot();
        let again = Catalog::rebuild(Some(&bytes), &[]).expect("our own snapshot decodes");
        assert_eq!(again.snapshot().0, number);
        assert_eq!(again.streams().all().count(), catalog.streams().all().count());
        assert_eq!(again.secret(), catalog.secret());
    }
});

fn pieces(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (head, rest) = input.split_first_chunk::<2>()?;
        let (piece, rest) = rest.split_at(rest.len().min(u16::from_le_bytes(*head).into()));
        input = rest;
        Some(piece)
    })
}
