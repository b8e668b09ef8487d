//! The server's log, written so that it holds up nobody and ends nothing ([`LineWriter`]).

use std::io::{self, Stderr, Write};

use anabranch_env::{LineSink, LineWriter};
use tracing_subscriber::fmt::MakeWriter;

/// Where lines of the log wait. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct LogWriter(LineWriter);

/// Standard error. What goes wrong with it can be told nowhere else.
struct StandardError(Stderr);

impl LogWriter {
    /// Starts the thread that writes to standard error.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(crate) fn start() -> io::Result<Self> {
        LineWriter::start("log", StandardError(io::stderr())).map(Self)
    }

    /// Waits until what waits is written. A sink that stalls is not waited for.
    pub(crate) fn flush(&self) {
        self.0.flush();
    }
}

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl LineSink for StandardError {
    fn lost(&self, lines: u64) -> Vec<u8> {
        format!("{lines} lines of the log could not be written\n").into_bytes()
    }
}

/// One line. It is handed over when it is whole.
pub(crate) struct Line<'a> {
    writer: &'a LineWriter,
    bytes: Vec<u8>,
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { writer: &self.0, bytes: Vec::new() }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.writer.write(&self.bytes);
    }
}
