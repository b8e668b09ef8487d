//! Data directories in memory, for the targets of what is on the disk.

use std::path::{Path, PathBuf};

use anabranch_env::{Disk, FakeDisk};
use anabranch_storage::inspect::inspect;

/// The data directory.
pub const ROOT: &str = "/data";
const HEADER_BYTES: usize = 64;

/// A data directory without journal, segments or snapshot.
pub fn empty_directory() -> FakeDisk {
    let disk = FakeDisk::default();
    put(&disk, "FORMAT", b"anabranch data directory, format 1\n");
    disk
}

/// Writes a file of the directory.
pub fn put(disk: &FakeDisk, name: &str, bytes: &[u8]) {
    let path = PathBuf::from(ROOT).join(name);
    disk.create_dir_all(path.parent().expect("below the root")).expect("a fake disk works");
    disk.write_atomically(&path, &[bytes]).expect("a fake disk works");
}

/// Reads every file of the directory as `anabranch inspect` does. It may find damage.
pub fn inspect_all(disk: &FakeDisk) {
    if let Ok(report) = inspect(disk, Path::new(ROOT)) {
        report.damage.iter().for_each(|damage| drop(damage.what.clone()));
    }
}

/// Cuts an input into pieces: a kind (1 byte), a length (2 bytes, little-endian) and bytes.
pub fn pieces(mut input: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = input.split_first_chunk::<3>()?;
        let len = u16::from_le_bytes([head[1], head[2]]);
        let (piece, rest) = rest.split_at(rest.len().min(len.into()));
        input = rest;
        Some((head[0], piece))
    })
}

/// Magic number and CRC of a header of 64 bytes.
fn repair_header(header: &mut [u8], magic: &[u8; 4]) {
    header[..4].copy_from_slice(magic);
    let crc = crc32fast::hash(&header[..60]);
    header[60..64].copy_from_slice(&crc.to_le_bytes());
}

/// Makes it a journal file whose frames have right checksums.
pub fn repair_journal(bytes: &mut [u8], number: u64) {
    let Some((header, frames)) = bytes.split_at_mut_checked(HEADER_BYTES) else { return };
    header[8..16].copy_from_slice(&number.to_le_bytes());
    let identity = u64::from_le_bytes(header[32..40].try_into().expect("eight bytes"));
    repair_header(header, b"ABJ1");
    repair_frames(frames, identity);
}

fn repair_frames(mut frames: &mut [u8], identity: u64) {
    while let Some((header, rest)) = frames.split_at_mut_checked(HEADER_BYTES) {
        let claimed = u32::from_le_bytes(header[44..48].try_into().expect("four bytes"));
        // Lengths beyond the file are kept once in a while, by their highest bit.
        let is_kept = claimed >> 31 == 1;
        let len = if is_kept { rest.len() } else { claimed as usize % (rest.len() + 1) };
        if !is_kept {
            header[44..48].copy_from_slice(&(len as u32).to_le_bytes());
        }
        header[4] = 1 + header[4] % 3;
        header[8..16].copy_from_slice(&identity.to_le_bytes());
        let (body, rest) = rest.split_at_mut(len);
        header[48..52].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
        repair_header(header, b"ABF1");
        frames = rest;
    }
}

/// Makes it a segment whose frames and footer have right checksums.
pub fn repair_segment(bytes: &mut [u8], chapter: u64) {
    let Some(content_bytes) = bytes.len().checked_sub(2 * HEADER_BYTES) else { return };
    let (header, rest) = bytes.split_at_mut(HEADER_BYTES);
    header.fill(0);
    header[8..16].copy_from_slice(&chapter.to_le_bytes());
    repair_header(header, b"ABS1");

    let (content, trailer) = rest.split_at_mut(content_bytes);
    let shards = usize::from(trailer[4] % 4).min(content_bytes / 64);
    let indexed = usize::from(trailer[16] % 4).min((content_bytes - 64 * shards) / 24);
    let frames_bytes = content_bytes - 64 * shards - 24 * indexed;
    trailer[4..8].copy_from_slice(&(shards as u32).to_le_bytes());
    trailer[16..20].copy_from_slice(&(indexed as u32).to_le_bytes());
    let directory_at = (HEADER_BYTES + frames_bytes) as u64;
    trailer[8..16].copy_from_slice(&directory_at.to_le_bytes());

    let (frames, footer) = content.split_at_mut(frames_bytes);
    repair_frames(frames, chapter);
    trailer[20..24].copy_from_slice(&crc32fast::hash(footer).to_le_bytes());
    repair_header(trailer, b"ABT1");
}

/// Makes it a snapshot with right checksums.
pub fn repair_snapshot(bytes: &mut [u8]) {
    let Some((header, payload)) = bytes.split_at_mut_checked(HEADER_BYTES) else { return };
    let command = u64::from(header[8] & 3);
    header[8..16].copy_from_slice(&command.to_le_bytes());
    header[16..24].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    header[24..28].copy_from_slice(&crc32fast::hash(payload).to_le_bytes());
    repair_header(header, b"ABC1");
}
