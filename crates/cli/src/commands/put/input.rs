//! The records of the input: arguments, lines, or whole files.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::vec;

use anyhow::{Context, ensure};

use crate::commands::put::decompress::{Decompress, decompressed};

/// The largest record of any stream.
pub(super) const RECORD_BYTES_MAX: usize = 10 << 20;

/// How an input becomes records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) whole: bool,
    pub(super) keep_newline: bool,
    pub(super) keep_empty: bool,
    pub(super) decompress: Decompress,
}

/// Where records come from, in turn.
pub(super) enum Input {
    Arguments(vec::IntoIter<String>),
    Sources {
        sources: vec::IntoIter<Source>,
        /// What is being read, by its name.
        current: Option<(String, Box<dyn BufRead + Send>)>,
        form: Form,
        position: Arc<AtomicU64>,
        size: Option<u64>,
    },
}

/// A file, or standard input.
pub(super) struct Source {
    name: String,
    reader: Box<dyn Read + Send>,
    /// If it is known.
    size: Option<u64>,
}

impl Source {
    /// Opens a file.
    pub(super) fn file(path: &PathBuf) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let file =
            File::open(path).with_context(|| format!("cannot open the input path={name}"))?;
        let about = file.metadata().ok().filter(std::fs::Metadata::is_file);
        Ok(Source { name, reader: Box::new(file), size: about.map(|about| about.len()) })
    }

    pub(super) fn stdin() -> Self {
        Source { name: "standard input".to_owned(), reader: Box::new(io::stdin()), size: None }
    }
}

impl Input {
    pub(super) fn arguments(arguments: Vec<String>) -> Self {
        Input::Arguments(arguments.into_iter())
    }

    pub(super) fn sources(sources: Vec<Source>, form: Form) -> Self {
        let size = sources.iter().map(|source| source.size).sum();
        let position = Arc::default();
        Input::Sources { sources: sources.into_iter(), current: None, form, position, size }
    }

    /// Bytes of all of it, compressed as it is, if that is known.
    pub(super) fn size(&self) -> Option<u64> {
        match self {
            Input::Arguments(_) => None,
            Input::Sources { size, .. } => *size,
        }
    }

    /// Bytes that have been read of it.
    pub(super) fn position(&self) -> u64 {
        match self {
            Input::Arguments(_) => 0,
            Input::Sources { position, .. } => position.load(Ordering::Relaxed),
        }
    }

    /// The next record, `None` at the end. Waits for the input.
    pub(super) fn next_record(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let (sources, current, form, position) = match self {
            Input::Arguments(arguments) => return Ok(arguments.next().map(String::into_bytes)),
            Input::Sources { sources, current, form, position, .. } => {
                (sources, current, *form, position)
            }
        };
        loop {
            if let Some((name, reader)) = current {
                let record = form.next_record(reader);
                let record = record.with_context(|| format!("reading {name}"))?;
                if record.is_some() {
                    return Ok(record);
                }
            }
            let Some(Source { name, reader, .. }) = sources.next() else { return Ok(None) };
            let counted = Counted { reader, position: Arc::clone(position) };
            let opened = decompressed(counted, form.decompression());
            *current = Some((name.clone(), opened.with_context(|| format!("reading {name}"))?));
        }
    }
}

/// Counts what is read.
struct Counted {
    reader: Box<dyn Read + Send>,
    position: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(into)?;
        self.position.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Form {
    /// A file that is one record is stored as it is, unless something else is said.
    fn decompression(self) -> Decompress {
        match self.decompress {
            Decompress::Auto if self.whole => Decompress::None,
            how => how,
        }
    }

    /// The next record of an input, or `None` at its end. Never holds more than the largest
    /// record in memory, however long a line is.
    fn next_record(self, reader: &mut dyn BufRead) -> anyhow::Result<Option<Vec<u8>>> {
        loop {
            let mut record = Vec::new();
            // Room for the line end and for one byte that shows that there is more.
            let mut bounded = reader.take(RECORD_BYTES_MAX as u64 + 3);
            let read = if self.whole {
                bounded.read_to_end(&mut record)?
            } else {
                bounded.read_until(b'\n', &mut record)?
            };
            if read == 0 {
                return Ok(None);
            }
            if !self.whole && !self.keep_newline && record.ends_with(b"\n") {
                record.pop();
                if record.ends_with(b"\r") {
                    record.pop();
                }
            }
            ensure!(record.len() <= RECORD_BYTES_MAX, "a record of the input is over 10 MiB");
            let blank = record.is_empty() || (self.keep_newline && record == b"\n");
            if !blank || self.keep_empty || self.whole {
                return Ok(Some(record));
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::{BufReader, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const LINES: Form =
        Form { whole: false, keep_newline: false, keep_empty: false, decompress: Decompress::Auto };

    #[test]
    fn reads_lines_of_every_kind() {
        let records = |text: &[u8], keep_newline, keep_empty| {
            let form = Form { keep_newline, keep_empty, ..LINES };
            let mut reader = text;
            let mut records = Vec::new();
            while let Some(record) = form.next_record(&mut reader).unwrap() {
                records.push(String::from_utf8(record).unwrap());
            }
            records
        };
        assert_eq!(records(b"a\r\n\nb\nlast", false, false), ["a", "b", "last"]);
        assert_eq!(records(b"a\n\nb\n", false, true), ["a", "", "b"]);
        assert_eq!(records(b"a\n\nb\n", true, false), ["a\n", "b\n"]);
        assert!(records(b"", false, true).is_empty());
    }

    #[test]
    fn bounds_a_line_without_end() {
        let mut reader = BufReader::new(io::repeat(b'x'));
        assert!(LINES.next_record(&mut reader).is_err());
    }

    fn source(bytes: Vec<u8>) -> Source {
        let size = Some(bytes.len() as u64);
        Source { name: "here".to_owned(), reader: Box::new(io::Cursor::new(bytes)), size }
    }

    fn gzip(text: impl Read) -> Vec<u8> {
        let mut text = text;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        io::copy(&mut text, &mut encoder).unwrap();
        encoder.flush().unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn sources_come_one_after_another_and_are_counted_as_they_are() {
        let compressed = gzip(&b"b\nc"[..]);
        let size = 3 + compressed.len() as u64;
        let mut input = Input::sources(vec![source(b"a\n\n".into()), source(compressed)], LINES);
        assert_eq!((input.size(), input.position()), (Some(size), 0));
        for expected in [b"a", b"b", b"c"] {
            assert_eq!(input.next_record().unwrap().unwrap(), expected);
        }
        assert!(input.next_record().unwrap().is_none());
        assert_eq!(input.position(), size);
    }

    #[test]
    fn a_whole_file_stays_compressed_unless_it_is_said() {
        let compressed = gzip(&b"x"[..]);
        for (decompress, expected) in
            [(Decompress::Auto, compressed.clone()), (Decompress::Gzip, b"x".to_vec())]
        {
            let form = Form { whole: true, decompress, ..LINES };
            let mut input = Input::sources(vec![source(compressed.clone())], form);
            assert_eq!(input.next_record().unwrap().unwrap(), expected);
            assert!(input.next_record().unwrap().is_none());
        }
    }

    #[test]
    fn a_small_file_that_becomes_a_huge_line_is_refused() {
        let bomb = gzip(io::repeat(b'x').take(RECORD_BYTES_MAX as u64 + 1));
        assert!(bomb.len() < 100_000);
        let error = Input::sources(vec![source(bomb)], LINES).next_record().unwrap_err();
        assert_eq!(format!("{error:#}"), "reading here: a record of the input is over 10 MiB");
    }
}
