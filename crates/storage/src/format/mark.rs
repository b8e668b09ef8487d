//! The file that marks a data directory and says how to read it: `FORMAT`.

use crate::error::OpenError;
use crate::format::layout::Layout;
use anabranch_env::Disk;
use std::io::{self, ErrorKind};

pub(crate) const FORMAT_TEXT: &str = "anabranch data directory, format 1\n";

pub(crate) fn write(disk: &dyn Disk, layout: &Layout) -> io::Result<()> {
    disk.write_atomically(&layout.format(), &[FORMAT_TEXT.as_bytes()])
}

/// Whether the directory is marked as ours. The mark is made last when it is set up.
pub(crate) fn read(disk: &dyn Disk, layout: &Layout) -> Result<bool, OpenError> {
    let path = layout.format();
    let file = match disk.open(&path, false) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(OpenError::io(&path, error)),
    };
    let mut text = vec![0; FORMAT_TEXT.len()];
    match file.read_exact_at(&mut text, 0) {
        Ok(()) if text == FORMAT_TEXT.as_bytes() => Ok(true),
        Ok(()) if is_other_version(&text) => Err(OpenError::UnknownFormat(path)),
        Ok(()) => {
            let pairs = text.iter().zip(FORMAT_TEXT.as_bytes());
            let same = pairs.take_while(|(found, wanted)| found == wanted).count();
            Err(OpenError::damaged(&path, same as u64))
        }
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            let len = file.len().map_err(|e| OpenError::io(&path, e))?;
            Err(OpenError::damaged(&path, len))
        }
        Err(error) => Err(OpenError::io(&path, error)),
    }
}

/// Whether the text marks a data directory of another version, with one digit.
fn is_other_version(text: &[u8]) -> bool {
    let number_at = FORMAT_TEXT.len() - 2;
    let (start, end) = text.split_at(number_at);
    start == &FORMAT_TEXT.as_bytes()[..number_at] && end[0].is_ascii_digit() && end[1] == b'\n'
}
