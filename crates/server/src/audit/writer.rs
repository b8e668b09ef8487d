//! Writing the audit log: on a thread of its own, so that no request waits for a disk or a pipe.
//!
//! Lines wait in a bounded number of bytes. What does not fit, or could not be written, is counted,
//! and a line says so as soon as one can be written again.

use super::line;
use crate::settings::AuditDestination;
use anabranch_env::{Clock, files};
use parking_lot::{Condvar, Mutex};
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of lines that may wait.
const WAITING_BYTES_MAX: usize = 1 << 20;
/// How long the end of the server waits for the last lines.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// The writer.
#[derive(Debug)]
pub(crate) struct AuditWriter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Something has changed in `waiting`.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    count: u64,
    /// Lines that nobody will see, and that no line has told of yet.
    lost: u64,
    lost_ever: u64,
    reopen: bool,
    stop: bool,
    has_ended: bool,
}

impl Waiting {
    fn lose(&mut self, count: u64) {
        self.lost += count;
        self.lost_ever += count;
    }
}

/// Where lines go.
trait Sink: Write + Send {
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

    fn start(sink: impl Sink + 'static, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let shared = Arc::new(Shared { waiting: Mutex::default(), changed: Condvar::new() });
        let writing = shared.clone();
        #[expect(clippy::disallowed_methods, reason = "ends with `end`, which waits for it")]
        std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || writing.write_until_told(sink, &*clock))?;
        Ok(Self(shared))
    }

    /// Has a line written, or counts it as lost. Never waits for the destination.
    pub(crate) fn write(&self, line: &[u8]) {
        let mut waiting = self.0.waiting.lock();
        if waiting.lines.len() + line.len() > WAITING_BYTES_MAX || waiting.stop {
            waiting.lose(1);
            return;
        }
        waiting.lines.extend_from_slice(line);
        waiting.count += 1;
        self.0.changed.notify_all();
    }

    /// Opens the file anew, for it may have been renamed.
    pub(crate) fn reopen(&self) {
        self.0.waiting.lock().reopen = true;
        self.0.changed.notify_all();
    }

    /// Lines since the start that nobody will see.
    pub(crate) fn lost_lines(&self) -> u64 {
        self.0.waiting.lock().lost_ever
    }

    /// Writes what waits, and ends. A destination that stalls is not waited for. Blocks.
    pub(crate) fn end(&self) {
        let mut waiting = self.0.waiting.lock();
        waiting.stop = true;
        self.0.changed.notify_all();
        let has_not_ended = |waiting: &mut Waiting| !waiting.has_ended;
        self.0.changed.wait_while_for(&mut waiting, has_not_ended, END_PATIENCE);
    }
}

impl Drop for AuditWriter {
    fn drop(&mut self) {
        self.0.waiting.lock().stop = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn write_until_told(&self, mut sink: impl Sink, clock: &dyn Clock) {
        let mut is_broken = false;
        loop {
            let (lines, count, lost, reopen) = {
                let mut waiting = self.waiting.lock();
                self.changed.wait_while(&mut waiting, |waiting| {
                    waiting.lines.is_empty() && !waiting.reopen && !waiting.stop
                });
                if waiting.stop && waiting.lines.is_empty() {
                    waiting.has_ended = true;
                    self.changed.notify_all();
                    return;
                }
                let reopen = std::mem::take(&mut waiting.reopen);
                let lost = std::mem::take(&mut waiting.lost);
                (
                    std::mem::take(&mut waiting.lines),
                    std::mem::take(&mut waiting.count),
                    lost,
                    reopen,
                )
            };
            if (reopen || is_broken)
                && let Err(error) = sink.reopen()
            {
                tracing::warn!(%error, "cannot open the audit log");
            }
            let mut text = Vec::new();
            if is_broken {
                // Part of a line may stand there.
                text.push(b'\n');
            }
            if lost > 0 {
                text.extend(line::of_lost(clock.now_ms(), lost));
            }
            text.extend(lines);
            match sink.write_all(&text).and_then(|()| sink.flush()) {
                Ok(()) => is_broken = false,
                Err(error) => {
                    if !is_broken {
                        tracing::error!(
                            %error,
                            "cannot write the audit log; calls go on, and lines are counted as lost"
                        );
                    }
                    is_broken = true;
                    let mut waiting = self.waiting.lock();
                    waiting.lost += lost;
                    waiting.lose(count);
                }
            }
        }
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

impl Sink for StandardError {
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct LogFile {
    path: std::path::PathBuf,
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

impl Sink for LogFile {
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
    use std::sync::mpsc;

    /// A sink that waits to be let go on for each write, and fails when it is told to.
    struct Gate {
        go: mpsc::Receiver<bool>,
        written: Arc<Mutex<Vec<u8>>>,
        began: mpsc::SyncSender<()>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.began.send(());
            match self.go.recv() {
                Ok(true) => {
                    self.written.lock().extend_from_slice(bytes);
                    Ok(bytes.len())
                }
                _ => Err(io::ErrorKind::StorageFull.into()),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink for Gate {
        fn reopen(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct World {
        writer: AuditWriter,
        go: mpsc::SyncSender<bool>,
        began: mpsc::Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl World {
        fn new() -> Self {
            let ((go, let_go), (begin, began)) = (mpsc::sync_channel(100), mpsc::sync_channel(100));
            let written = Arc::<Mutex<Vec<u8>>>::default();
            let gate = Gate { go: let_go, written: written.clone(), began: begin };
            let clock = Arc::new(ManualClock::at_ms(1_700_000_000_123));
            let writer = AuditWriter::start(gate, clock).expect("a thread");
            Self { writer, go, began, written }
        }

        fn text(&self) -> String {
            String::from_utf8(self.written.lock().clone()).expect("text")
        }
    }

    #[test]
    fn a_destination_that_stalls_holds_nobody_up_and_costs_a_bounded_memory() {
        let world = World::new();
        let line = [b'x'; 1000];
        world.writer.write(b"first\n");
        world.began.recv().expect("it writes");
        // It stalls now. Nothing of this waits.
        for _ in 0..2000 {
            world.writer.write(&line);
        }
        let fits = (WAITING_BYTES_MAX / line.len()) as u64;
        assert_eq!(world.writer.lost_lines(), 2000 - fits);
        for _ in 0..2 {
            world.go.send(true).expect("it waits");
        }
        world.writer.end();
        let text = world.text();
        let lost =
            format!("{{\"lostLines\":{},\"time\":\"2023-11-14T22:13:20.123Z\"}}\n", 2000 - fits);
        assert!(text.starts_with(&format!("first\n{lost}x")), "{}", &text[..100]);
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted_and_told_of_later() {
        let world = World::new();
        world.go.send(false).expect("room");
        world.writer.write(b"one\n");
        world.began.recv().expect("it fails");
        world.go.send(true).expect("room");
        world.writer.write(b"two\n");
        world.began.recv().expect("it writes");
        world.writer.end();
        let lost = "\n{\"lostLines\":1,\"time\":\"2023-11-14T22:13:20.123Z\"}\ntwo\n";
        assert_eq!(world.text(), lost);
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
