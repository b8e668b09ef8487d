//! Lines that a thread of their own writes, so that nobody waits for a disk or a pipe, and nothing that
//! cannot be written ends the process.
//!
//! Lines wait in a bounded number of bytes. What does not fit, or could not be written, is counted, and
//! a line says so as soon as one can be written again.

use parking_lot::{Condvar, Mutex};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of lines that may wait.
const WAITING_BYTES_MAX: usize = 1 << 20;
/// How long whoever ends waits for the last lines.
const END_PATIENCE: Duration = Duration::from_secs(2);

/// Where lines go. Its thread alone calls it.
pub trait LineSink: Write + Send + 'static {
    /// Begins anew: what is written to may have been renamed.
    ///
    /// # Errors
    /// When that cannot be. What was open stays in use then.
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The line that stands for so many that nobody will see.
    fn lost(&self, lines: u64) -> Vec<u8>;

    /// Is told why lines cannot be written, when they could be before, and why it cannot begin anew.
    fn failed(&mut self, _error: &io::Error) {}
}

/// A writer of lines. Clones write to the same sink.
#[derive(Clone, Debug, Default)]
pub struct LineWriter(Arc<Shared>);

#[derive(Debug, Default)]
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
    /// The thread has taken lines and is not done with them.
    is_writing: bool,
    reopen: bool,
    stop: bool,
}

/// What the thread does next.
struct Turn {
    lines: Vec<u8>,
    count: u64,
    lost: u64,
    reopen: bool,
}

impl Waiting {
    fn lose(&mut self, count: u64) {
        self.lost += count;
        self.lost_ever += count;
    }

    fn take(&mut self) -> Turn {
        self.is_writing = true;
        Turn {
            lines: std::mem::take(&mut self.lines),
            count: std::mem::take(&mut self.count),
            lost: std::mem::take(&mut self.lost),
            reopen: std::mem::take(&mut self.reopen),
        }
    }

    fn is_under_way(&self) -> bool {
        self.is_writing || !self.lines.is_empty()
    }
}

impl LineWriter {
    /// Starts the thread, which has this name.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn start(name: &str, sink: impl LineSink) -> io::Result<Self> {
        let writer = Self::default();
        let shared = writer.0.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "ends when it is told to, or with the process"
        )]
        std::thread::Builder::new().name(name.to_owned()).spawn(move || shared.write_on(sink))?;
        Ok(writer)
    }

    /// Has a line written, or counts it as lost. Never waits for the sink.
    pub fn write(&self, line: &[u8]) {
        let mut waiting = self.0.waiting.lock();
        if waiting.lines.len() + line.len() > WAITING_BYTES_MAX || waiting.stop {
            waiting.lose(1);
            return;
        }
        waiting.lines.extend_from_slice(line);
        waiting.count += 1;
        drop(waiting);
        self.0.changed.notify_all();
    }

    /// Has the sink begin anew before the next line.
    pub fn reopen(&self) {
        self.0.waiting.lock().reopen = true;
        self.0.changed.notify_all();
    }

    /// Lines since the start that nobody will see.
    #[must_use]
    pub fn lost_lines(&self) -> u64 {
        self.0.waiting.lock().lost_ever
    }

    /// Waits until what waits is written. A sink that stalls is not waited for. Blocks.
    pub fn flush(&self) {
        let mut waiting = self.0.waiting.lock();
        self.0.changed.wait_while_for(&mut waiting, |it| it.is_under_way(), END_PATIENCE);
    }

    /// Takes no more lines, and has the thread end when what waits is written.
    pub fn stop(&self) {
        self.0.waiting.lock().stop = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn write_on(&self, mut sink: impl LineSink) {
        let mut is_broken = false;
        while let Some(turn) = self.next() {
            let Turn { lines, count, lost, reopen } = turn;
            if (reopen || is_broken)
                && let Err(error) = sink.reopen()
            {
                sink.failed(&error);
            }
            let mut text = Vec::new();
            if is_broken {
                // Part of a line may stand there.
                text.push(b'\n');
            }
            if lost > 0 {
                text.extend(sink.lost(lost));
            }
            text.extend(lines);
            let written = sink.write_all(&text).and_then(|()| sink.flush());
            if let Err(error) = &written
                && !is_broken
            {
                sink.failed(error);
            }
            is_broken = written.is_err();
            let mut waiting = self.waiting.lock();
            waiting.is_writing = false;
            if is_broken {
                waiting.lost += lost;
                waiting.lose(count);
            }
            drop(waiting);
            self.changed.notify_all();
        }
    }

    /// Waits for something to do. `None`: there will be nothing more.
    fn next(&self) -> Option<Turn> {
        let mut waiting = self.waiting.lock();
        self.changed.wait_while(&mut waiting, |waiting| {
            waiting.lines.is_empty() && !waiting.reopen && !waiting.stop
        });
        let is_over = waiting.stop && waiting.lines.is_empty();
        (!is_over).then(|| waiting.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    /// A sink that tells of each write, and waits to be told whether it fails.
    struct Gate {
        begun: SyncSender<()>,
        fails: Receiver<bool>,
        written: SyncSender<Vec<u8>>,
    }

    impl Write for Gate {
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

    impl LineSink for Gate {
        fn lost(&self, lines: u64) -> Vec<u8> {
            format!("lost {lines}\n").into_bytes()
        }
    }

    /// The writer, and the other ends of its sink.
    fn gated() -> (LineWriter, Receiver<()>, SyncSender<bool>, Receiver<Vec<u8>>) {
        let (begun, begins) = sync_channel(100);
        let ((fail, fails), (written, texts)) = (sync_channel(100), sync_channel(100));
        let writer = LineWriter::start("lines", Gate { begun, fails, written }).expect("a thread");
        (writer, begins, fail, texts)
    }

    #[test]
    fn what_cannot_be_written_is_counted_and_told() {
        let (writer, _begins, fail, texts) = gated();
        for line in [b"one\n", b"two\n"] {
            writer.write(line);
            fail.send(true).expect("asked");
            writer.flush();
        }
        assert_eq!(writer.lost_lines(), 2);
        for (line, text) in [(b"three\n", &b"\nlost 2\nthree\n"[..]), (b"fourr\n", b"fourr\n")] {
            writer.write(line);
            fail.send(false).expect("asked");
            assert_eq!(texts.recv().expect("told"), text);
        }
    }

    #[test]
    fn a_sink_that_stalls_holds_nobody_up_and_takes_a_bounded_memory() {
        let (writer, begins, fail, texts) = gated();
        writer.write(b"first\n");
        begins.recv().expect("a write");
        // The sink stalls.
        let (text, fitting) = ([b'x'; 1 << 10], WAITING_BYTES_MAX >> 10);
        (0..fitting + 7).for_each(|_| writer.write(&text));
        assert_eq!(writer.lost_lines(), 7);
        // It goes on.
        let next = || {
            fail.send(false).expect("asked");
            texts.recv().expect("told")
        };
        assert_eq!(next(), b"first\n");
        let rest = next();
        assert!(rest.starts_with(b"lost 7\nx") && rest.len() == WAITING_BYTES_MAX + 7);
    }

    #[test]
    fn the_last_lines_are_written_and_later_ones_are_lost() {
        let (writer, begins, fail, texts) = gated();
        writer.write(b"last\n");
        begins.recv().expect("a write");
        writer.stop();
        writer.write(b"too late\n");
        fail.send(false).expect("asked");
        writer.flush();
        assert_eq!((texts.recv().expect("told"), writer.lost_lines()), (b"last\n".to_vec(), 1));
        assert!(texts.recv().is_err(), "the thread has ended");
    }
}
