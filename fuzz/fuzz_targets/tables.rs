//! Tables: commands and snapshots from bytes, and that their own snapshot means the same.
//!
//! Input: pieces, each a length (2 bytes, little-endian) and bytes. The first is the snapshot (if
//! not empty), the others are commands.
#![no_main]

use anabranch_tables::command::Command;
use anabranch_tables::{Place, Tables};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut pieces = pieces(input);
    let snapshot = pieces.next().filter(|piece| !piece.is_empty());
    let mut tables = match snapshot.map(Tables::restore) {
        Some(Ok(tables)) => tables,
        Some(Err(error)) => return drop(error.to_string()),
        None => Tables::default(),
    };
    let mut view = tables.clone();
    for (piece, number) in pieces.zip(tables.applied().saturating_add(1)..) {
        let command = match Command::decode(piece) {
            Ok(command) => command,
            Err(error) => {
                drop(error.to_string());
                continue;
            }
        };
        let again = Command::decode(&command.encode()).expect("our own bytes decode");
        assert_eq!(again, command);
        let effects = tables.apply(&command, Place { number, arrival_ms: number * 1000 });
        view.show(number, &effects);
    }
    let bytes = tables.snapshot();
    assert!(view.snapshot() == bytes);
    let again = Tables::restore(&bytes).expect("our own snapshot decodes");
    assert_eq!(again.memory(), tables.memory());
    assert!(again.snapshot() == bytes);
});

fn pieces(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (head, rest) = input.split_first_chunk::<2>()?;
        let (piece, rest) = rest.split_at(rest.len().min(u16::from_le_bytes(*head).into()));
        input = rest;
        Some(piece)
    })
}
