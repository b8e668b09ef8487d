//! The server's log: written on a thread of its own, so that nobody waits for a disk or a pipe, and
//! nothing that cannot be written ends the process.
//!
//! Lines wait in a bounded number of bytes. What does not fit, or cannot be written, is counted, and a
//! line says so as soon as one can be written again.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Bytes of lines that may wait.
const WAITING_BYTES_MAX: usize = 1 << 20;
/// How long the end of the process waits for the last lines.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// Where lines wait. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogWriter(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    count: u64,
    /// Lines that nobody will see, and that no line has told of yet.
    lost: u64,
    /// The thread is at a write, or has lines that it took.
    is_writing: bool,
}

impl LogWriter {
    /// Starts the thread that writes to `sink`.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(crate) fn start(sink: impl Write + Send + 'static) -> io::Result<Self> {
        let writer = Self::default();
        let shared = writer.0.clone();
        #[expect(clippy::disallowed_methods, reason = "it ends with the process, as its lines do")]
        std::thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_on(sink))?;
        Ok(writer)
    }

    /// Waits until what waits is written. A sink that stalls is not waited for.
    pub(crate) fn flush(&self) {
        let waits = |waiting: &mut Waiting| waiting.is_writing || !waiting.lines.is_empty();
        let waiting = self.0.waiting();
        drop(self.0.changed.wait_timeout_while(waiting, END_PATIENCE, waits));
    }
}

impl Shared {
    /// A panic while it was locked can have broken nothing.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_on(&self, mut sink: impl Write) {
        loop {
            let (lines, count, lost) = {
                let is_empty = |waiting: &mut Waiting| waiting.lines.is_empty();
                let waiting = self.changed.wait_while(self.waiting(), is_empty);
                let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
                waiting.is_writing = true;
                let Waiting { lines, count, lost, .. } = &mut *waiting;
                (std::mem::take(lines), std::mem::take(count), std::mem::take(lost))
            };
            let written = write(&mut sink, &lines, lost);
            let mut waiting = self.waiting();
            waiting.is_writing = false;
            if written.is_err() {
                waiting.lost += lost + count;
            }
            drop(waiting);
            self.changed.notify_all();
        }
    }
}

fn write(sink: &mut impl Write, lines: &[u8], lost: u64) -> io::Result<()> {
    if lost > 0 {
        // Part of a line may stand there.
        sink.write_all(format!("\n{lost} lines of the log could not be written\n").as_bytes())?;
    }
    sink.write_all(lines)?;
    sink.flush()
}

/// One line. It is handed over when it is whole.
pub(crate) struct Line {
    shared: Arc<Shared>,
    bytes: Vec<u8>,
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line { shared: self.0.clone(), bytes: Vec::new() }
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut waiting = self.shared.waiting();
        if waiting.lines.len() + self.bytes.len() > WAITING_BYTES_MAX {
            waiting.lost += 1;
            return;
        }
        waiting.lines.append(&mut self.bytes);
        waiting.count += 1;
        drop(waiting);
        self.shared.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A sink that tells of each write, asks whether it fails, and tells what was written.
    struct Told {
        begun: Sender<()>,
        fails: Receiver<bool>,
        written: Sender<Vec<u8>>,
    }

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.begun.send(());
            match self.fails.recv() {
                Ok(false) => {
                    let _ = self.written.send(bytes.to_vec());
                    Ok(bytes.len())
                }
                _ => Err(io::ErrorKind::StorageFull.into()),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The writer, and the other ends of its sink.
    fn told() -> (LogWriter, Receiver<()>, Sender<bool>, Receiver<Vec<u8>>) {
        let ((begun, begins), (fail, fails), (written, lines)) = (channel(), channel(), channel());
        let writer = LogWriter::start(Told { begun, fails, written }).expect("a thread");
        (writer, begins, fail, lines)
    }

    fn line(writer: &LogWriter, text: &[u8]) {
        writer.make_writer().write_all(text).expect("it never fails");
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_told() {
        let (writer, _begins, fail, lines) = told();
        line(&writer, b"one\n");
        fail.send(true).expect("asked");
        writer.flush();
        line(&writer, b"two\n");
        fail.send(true).expect("asked");
        writer.flush();
        line(&writer, b"three\n");
        fail.send(false).expect("asked");
        assert_eq!(lines.recv().expect("told"), b"\n2 lines of the log could not be written\n");
        fail.send(false).expect("asked");
        assert_eq!(lines.recv().expect("told"), b"three\n");
    }

    #[test]
    fn a_sink_that_stalls_holds_nobody_up_and_takes_no_memory() {
        let (writer, begins, fail, lines) = told();
        line(&writer, b"first\n");
        begins.recv().expect("a write");
        // The sink stalls.
        let (text, fitting) = ([b'x'; 1 << 10], WAITING_BYTES_MAX >> 10);
        (0..fitting + 7).for_each(|_| line(&writer, &text));
        assert_eq!(writer.0.waiting().lines.len(), WAITING_BYTES_MAX);
        // It goes on.
        let next = || {
            fail.send(false).expect("asked");
            lines.recv().expect("told")
        };
        assert_eq!(next(), b"first\n");
        assert_eq!(next(), b"\n7 lines of the log could not be written\n");
        assert_eq!(next().len(), WAITING_BYTES_MAX);
    }
}
