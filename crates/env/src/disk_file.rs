//! What storage needs of one file.

use std::fmt::Debug;
use std::io::{self, ErrorKind, IoSlice};

/// An open file, addressed by offset.
pub trait DiskFile: Debug + Send + Sync {
    /// Writes all slices one after the other from `offset` on. Consumes `slices`.
    ///
    /// # Errors
    /// As the operating system has them, with how far it came.
    fn write_all_at(&self, slices: &mut [IoSlice<'_>], offset: u64) -> Result<(), WriteError>;

    /// Fills `bytes` from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends before.
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;

    /// The `len` bytes from `offset` on, in memory of their own.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file ends before.
    fn read_vec_at(&self, len: usize, offset: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    /// Makes the data and the length durable.
    ///
    /// # Errors
    /// Final: what was written before may be lost whatever a later call says.
    fn sync_data(&self) -> io::Result<()>;

    /// Reserves space up to `len` and makes the file that long.
    ///
    /// # Errors
    /// `StorageFull` when the volume has no room.
    fn allocate(&self, len: u64) -> io::Result<()>;

    /// Length in bytes.
    ///
    /// # Errors
    /// As the operating system has them.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// As the operating system has them.
    fn is_empty(&self) -> io::Result<bool> {
        self.len().map(|len| len == 0)
    }
}

/// A write that was not done as a whole.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct WriteError {
    /// Bytes that the operating system took, from the first one on. If it had no room for more
    /// ([`is_out_of_space`]), it has touched nothing behind them; after any other error, any part of the
    /// data may have been written.
    pub taken: u64,
    /// What it said to the rest.
    pub error: io::Error,
}

impl From<WriteError> for io::Error {
    fn from(WriteError { error, .. }: WriteError) -> Self {
        error
    }
}

/// Whether there was no room for something, on the volume or in what its owner may have of it.
#[must_use]
pub fn is_out_of_space(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// Writes all slices with calls of `write`, which may take less than it is given.
pub(crate) fn write_all(
    mut slices: &mut [IoSlice<'_>],
    mut offset: u64,
    mut write: impl FnMut(&[IoSlice<'_>], u64) -> io::Result<usize>,
) -> Result<(), WriteError> {
    let start = offset;
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        let failed = |error| WriteError { taken: offset - start, error };
        let written = match write(slices, offset) {
            Ok(0) => return Err(failed(ErrorKind::WriteZero.into())),
            Ok(written) => written,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed(error)),
        };
        offset += written as u64;
        IoSlice::advance_slices(&mut slices, written);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_on_after_writes_that_took_a_part() {
        let bytes: Vec<u8> = (0..=255).collect();
        for most in [1, 2, 7, 100, 256] {
            let mut slices: Vec<IoSlice<'_>> = bytes.chunks(5).map(IoSlice::new).collect();
            slices.insert(3, IoSlice::new(&[]));
            let (mut written, mut calls) = (Vec::new(), 0);
            let write = |slices: &[IoSlice<'_>], offset: u64| {
                calls += 1;
                if calls % 3 == 0 {
                    return Err(ErrorKind::Interrupted.into());
                }
                assert_eq!(offset, 9 + written.len() as u64);
                let offered: Vec<u8> = slices.iter().flat_map(|s| s.iter().copied()).collect();
                let taken = offered.len().min(most);
                written.extend_from_slice(&offered[..taken]);
                Ok(taken)
            };
            write_all(&mut slices, 9, write).expect("written");
            assert_eq!(written, bytes, "{most} at a time");
        }
    }

    #[test]
    fn tells_of_errors_and_how_far_it_came() {
        let write = |first: usize, answer: fn() -> io::Result<usize>| {
            let mut first = Some(first).filter(|bytes| *bytes > 0);
            let mut slices = [IoSlice::new(b"by"), IoSlice::new(b"tes")];
            let outcome = write_all(&mut slices, 7, |_, _| first.take().map_or_else(answer, Ok));
            let WriteError { taken, error } = outcome.expect_err("refused");
            (taken, error.kind())
        };
        for first in [0, 1, 2, 4] {
            let taken = first as u64;
            assert_eq!(write(first, || Ok(0)), (taken, ErrorKind::WriteZero));
            let full = write(first, || Err(ErrorKind::StorageFull.into()));
            assert_eq!(full, (taken, ErrorKind::StorageFull));
        }
    }

    #[test]
    fn a_quota_that_is_used_up_is_a_full_volume() {
        for (kind, is_full) in [
            (ErrorKind::StorageFull, true),
            (ErrorKind::QuotaExceeded, true),
            (ErrorKind::FileTooLarge, false),
            (ErrorKind::Other, false),
        ] {
            assert_eq!(is_out_of_space(&kind.into()), is_full, "{kind}");
        }
    }
}
