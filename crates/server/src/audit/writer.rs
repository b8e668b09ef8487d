//! Writing the audit log: no request waits for a disk or a pipe ([`LineWriter`]).

use super::line;
use crate::settings::AuditDestination;
use anabranch_env::{Clock, LineSink, LineWriter, files};
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

/// The writer.
#[derive(Debug)]
pub(crate) struct AuditWriter(LineWriter);

/// A destination that knows how lost lines are told of.
struct Told<D> {
    destination: D,
    clock: Arc<dyn Clock>,
}

/// Where lines go.
trait Destination: Write + Send + 'static {
    /// Begins anew: the file may have been renamed.
    fn reopen(&mut self) -> io::Result<()>;
}

impl AuditWriter {
    /// Opens the destination, which must be good at the start, and starts the thread.
    pub(crate) fn open(destination: &AuditDestination, clock: Arc<dyn Clock>) -> io::Result<Self> {
        match destination {
            AuditDestination::StandardError => Self::start(StandardError, clock),
            AuditDestination::File(path) => {
                let file = files::open_for_append(path, files::PRIVATE_FILE)?;
                Self::start(LogFile { path: path.clone(), file }, clock)
            }
        }
    }

    fn start(destination: impl Destination, clock: Arc<dyn Clock>) -> io::Result<Self> {
        LineWriter::start("audit", Told { destination, clock }).map(Self)
    }

    /// Has a line written, or counts it as lost. Never waits for the destination.
    pub(crate) fn write(&self, line: &[u8]) {
        self.0.write(line);
    }

    /// Opens the file anew, for it may have been renamed.
    pub(crate) fn reopen(&self) {
        self.0.reopen();
    }

    /// Lines since the start that nobody will see.
    pub(crate) fn lost_lines(&self) -> u64 {
        self.0.lost_lines()
    }

    /// Writes what waits, and ends. A destination that stalls is not waited for. Blocks.
    pub(crate) fn end(&self) {
        self.0.stop();
        self.0.flush();
    }
}

impl Drop for AuditWriter {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl<D: Destination> Write for Told<D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.destination.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.destination.flush()
    }
}

impl<D: Destination> LineSink for Told<D> {
    fn reopen(&mut self) -> io::Result<()> {
        self.destination.reopen()
    }

    fn lost(&self, lines: u64) -> Vec<u8> {
        line::of_lost(self.clock.now_ms(), lines)
    }

    fn failed(&mut self, error: &io::Error) {
        tracing::error!(
            %error,
            "cannot write the audit log; calls go on, and lines are counted as lost"
        );
    }
}

struct StandardError;

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl Destination for StandardError {
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct LogFile {
    path: PathBuf,
    file: File,
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Destination for LogFile {
    fn reopen(&mut self) -> io::Result<()> {
        // What cannot be opened leaves the file that is open in use.
        self.file = files::open_for_append(&self.path, files::PRIVATE_FILE)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_env::ManualClock;

    #[test]
    fn lost_lines_are_told_of_in_a_line_of_the_log() {
        let told = Told {
            destination: StandardError,
            clock: Arc::new(ManualClock::at_ms(1_700_000_000_123)),
        };
        let line = b"{\"lostLines\":7,\"time\":\"2023-11-14T22:13:20.123Z\"}\n";
        assert_eq!(told.lost(7), line);
    }

    #[test]
    fn a_file_is_private_and_opened_anew_when_it_is_told_to() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let (path, old) = (directory.path().join("audit"), directory.path().join("audit.1"));
        let destination = AuditDestination::File(path.clone());
        let clock = Arc::new(ManualClock::at_ms(0));
        let writer = AuditWriter::open(&destination, clock.clone()).expect("opened");
        writer.write(b"one\n");
        writer.end();
        std::fs::rename(&path, &old).expect("renamed");
        let writer = AuditWriter::open(&destination, clock.clone()).expect("opened");
        std::fs::rename(&path, directory.path().join("audit.2")).expect("renamed");
        writer.reopen();
        writer.write(b"two\n");
        writer.end();
        let read = |path| std::fs::read_to_string(path).expect("there");
        assert_eq!((read(&old).as_str(), read(&path).as_str()), ("one\n", "two\n"));
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let missing = AuditDestination::File(directory.path().join("none/audit"));
        AuditWriter::open(&missing, clock).expect_err("no such directory");
    }
}
