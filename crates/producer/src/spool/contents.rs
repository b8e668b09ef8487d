//! What a spool has, without a producer: for the fuzz target.

use super::error::SpoolError;
use super::feeding::{Reading, read};
use super::format::FILE_HEADER_BYTES;
use super::opening::open;
use anabranch_env::Disk;
use bytes::Bytes;
use std::path::Path;

/// What a producer would send of a spool that it opens.
#[doc(hidden)]
#[derive(Debug, PartialEq, Eq)]
pub struct SpoolContents {
    /// Stream, partition key and data, in order.
    pub records: Vec<(Box<str>, Box<str>, Bytes)>,
    /// Records without an outcome that cannot be read.
    pub lost: u64,
    /// Records without an outcome, by what was found when it was opened.
    pub unsettled: u64,
}

/// Opens a spool's directory as a producer does, with torn ends cut off, and reads what it would send. Nothing
/// else may use the directory.
///
/// # Errors
/// When the spool cannot be opened, or not be read.
#[doc(hidden)]
pub fn spool_contents(disk: &dyn Disk, directory: &Path) -> Result<SpoolContents, SpoolError> {
    let ledger = open(disk, directory)?.ledger;
    let mut contents =
        SpoolContents { records: Vec::new(), lost: 0, unsettled: ledger.unsettled() };
    let mut next = 0;
    while let Some(segment) = ledger.at_or_after(next) {
        next = segment.name.number + 1;
        let reading = Reading {
            name: segment.name,
            bytes: FILE_HEADER_BYTES as u64..segment.len,
            indices: 0..segment.end,
            is_found: true,
        };
        let mut part = read(disk, directory, &reading)?;
        contents.lost += u64::from(part.lost);
        while let Some((_, record)) = part.next() {
            contents.records.push(((*record.stream).into(), record.partition_key, record.data));
        }
    }
    Ok(contents)
}
