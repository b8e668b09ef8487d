//! Snapshots of the catalog: `catalog/<number of the last command>.snapshot`.
//!
//! A header of 64 bytes, little-endian, and the engine's bytes:
//!
//! | at | bytes | field |
//! |--:|--:|---|
//! | 0 | 4 | magic `ABC1` |
//! | 4 | 4 | zero |
//! | 8 | 8 | number of the last command in it |
//! | 16 | 8 | length of the payload |
//! | 24 | 4 | CRC-32 of the payload |
//! | 28 | 8 | the cell's next index, at least |
//! | 36 | 8 | the cell's time in epoch milliseconds, at least |
//! | 44 | 16 | zero |
//! | 60 | 4 | CRC-32 of the 60 bytes before |
//!
//! Index and time are for durability `interval`: a snapshot may hold commands that a power cut
//! took from the journal, and with them places that the journal no longer reaches. What comes
//! after recovery must not lie before them.

use crate::error::OpenError;
use crate::format::header::{FILE_HEADER_BYTES, SNAPSHOT_MAGIC, u32_at, u64_at};
use crate::format::layout::{Layout, number_in};
use anabranch_env::Disk;
use anabranch_model::sequence_number::INDEX_CLOSED;
use bytes::Bytes;
use std::io;
use std::path::Path;

/// A snapshot that was read.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) place: SnapshotPlace,
    pub(crate) payload: Bytes,
}

/// Where in the journal a snapshot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SnapshotPlace {
    /// Number of the last command in it.
    pub(crate) command: u64,
    /// No command in it stands at a higher index. 0 in files of older versions.
    pub(crate) next_index: u64,
    /// No command in it is younger, epoch milliseconds. 0 in files of older versions.
    pub(crate) last_ms: u64,
}

pub(crate) fn write(
    disk: &dyn Disk,
    layout: &Layout,
    place: SnapshotPlace,
    payload: &[u8],
) -> io::Result<()> {
    let header = encode_header(place, payload);
    disk.write_atomically(&layout.snapshot(place.command), &[&header, payload])?;
    remove_older(disk, layout, place.command)
}

fn encode_header(place: SnapshotPlace, payload: &[u8]) -> [u8; 64] {
    let mut header = [0u8; 64];
    header[..4].copy_from_slice(&SNAPSHOT_MAGIC);
    header[8..16].copy_from_slice(&place.command.to_le_bytes());
    header[16..24].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    header[24..28].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    header[28..36].copy_from_slice(&place.next_index.to_le_bytes());
    header[36..44].copy_from_slice(&place.last_ms.to_le_bytes());
    let crc = crc32fast::hash(&header[..60]);
    header[60..].copy_from_slice(&crc.to_le_bytes());
    header
}

fn remove_older(disk: &dyn Disk, layout: &Layout, command: u64) -> io::Result<()> {
    for name in disk.list(&layout.catalog_dir())? {
        let is_older = number_in(&name, "snapshot").is_some_and(|number| number < command);
        if is_older || name.ends_with(".snapshot.tmp") {
            disk.remove(&layout.catalog_dir().join(name))?;
        }
    }
    Ok(())
}

/// The newest snapshot, if there is any. Older ones may be left from a crash.
pub(crate) fn read_newest(disk: &dyn Disk, layout: &Layout) -> Result<Option<Snapshot>, OpenError> {
    let directory = layout.catalog_dir();
    let names = disk.list(&directory).map_err(|e| OpenError::io(&directory, e))?;
    let mut newest = None;
    for name in names {
        match number_in(&name, "snapshot") {
            Some(number) => newest = newest.max(Some(number)),
            // If the newest one is not seen, an older one is taken for it.
            None if !name.ends_with(".tmp") && !name.starts_with('.') => {
                return Err(OpenError::UnknownName(directory.join(name)));
            }
            None => {}
        }
    }
    let Some(command) = newest else { return Ok(None) };
    read(disk, &layout.snapshot(command), command).map(Some)
}

pub(crate) fn read(disk: &dyn Disk, path: &Path, command: u64) -> Result<Snapshot, OpenError> {
    let io = |e| OpenError::io(path, e);
    let file = disk.open(path, false).map_err(io)?;
    let len = file.len().map_err(io)?;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, 0).map_err(io)?;
    let (place, payload) =
        decode(&bytes, command).ok_or_else(|| OpenError::damaged(path, damaged_at(&bytes)))?;
    Ok(Snapshot { place, payload: Bytes::copy_from_slice(payload) })
}

/// A snapshot whose name may be wrong, if it is intact.
pub(crate) fn read_any(disk: &dyn Disk, path: &Path) -> Option<Snapshot> {
    let header = disk.open(path, false).ok()?;
    let mut bytes = [0; FILE_HEADER_BYTES as usize];
    header.read_exact_at(&mut bytes, 0).ok()?;
    read(disk, path, u64_at(&bytes, 8)).ok()
}

/// Where a snapshot that does not hold is damaged: in its header or behind it.
fn damaged_at(bytes: &[u8]) -> u64 {
    let header = bytes.get(..FILE_HEADER_BYTES as usize);
    let holds = header.is_some_and(|header| {
        header[..4] == SNAPSHOT_MAGIC && crc32fast::hash(&header[..60]) == u32_at(header, 60)
    });
    if holds { FILE_HEADER_BYTES } else { 0 }
}

fn decode(bytes: &[u8], command: u64) -> Option<(SnapshotPlace, &[u8])> {
    let header = bytes.get(..FILE_HEADER_BYTES as usize)?;
    let payload = &bytes[FILE_HEADER_BYTES as usize..];
    let intact = header[..4] == SNAPSHOT_MAGIC
        && crc32fast::hash(&header[..60]) == u32_at(header, 60)
        && u64_at(header, 8) == command
        && u64_at(header, 16) == payload.len() as u64
        && u32_at(header, 24) == crc32fast::hash(payload);
    let (next_index, last_ms) = (u64_at(header, 28), u64_at(header, 36));
    // A checksum that holds does not make the numbers ones that can be counted on from.
    let intact = intact && command.max(next_index) <= INDEX_CLOSED;
    intact.then_some((SnapshotPlace { command, next_index, last_ms }, payload))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_and_notices_every_flipped_bit() {
        let payload = b"the catalog";
        let place = SnapshotPlace { command: 7, next_index: 1 << 40, last_ms: 99 };
        let mut bytes = encode_header(place, payload).to_vec();
        bytes.extend_from_slice(payload);
        assert_eq!(decode(&bytes, 7), Some((place, payload.as_slice())));
        assert_eq!(decode(&bytes, 8), None);
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bytes, 7), None, "bit {bit}");
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        for len in 0..bytes.len() {
            assert_eq!(decode(&bytes[..len], 7), None, "{len} bytes");
        }
        for (command, next_index) in [(u64::MAX, 1), (7, u64::MAX)] {
            let endless = SnapshotPlace { command, next_index, last_ms: 99 };
            let mut bytes = encode_header(endless, payload).to_vec();
            bytes.extend_from_slice(payload);
            assert_eq!(decode(&bytes, command), None);
        }
    }
}
