//! What a test's own process logs, by whichever thread, to be looked at.

use std::io::{self, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Sink;

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that are logged from a moment on. Tests that share a process share the log, so that
/// each looks for what nobody but it logs.
#[derive(Debug)]
pub struct LogLines {
    from: usize,
}

impl LogLines {
    /// From now on.
    ///
    /// # Panics
    /// When somebody else takes the process's log.
    #[must_use]
    pub fn begin() -> Self {
        static INSTALLED: OnceLock<()> = OnceLock::new();
        INSTALLED.get_or_init(|| {
            let log = tracing_subscriber::fmt().with_ansi(false).without_time();
            let log = log.with_writer(|| Sink).finish();
            tracing::subscriber::set_global_default(log).expect("nobody else takes the log");
        });
        Self { from: LINES.lock().unwrap_or_else(PoisonError::into_inner).len() }
    }

    /// Those so far that have all of these parts.
    #[must_use]
    pub fn with(&self, parts: &[&str]) -> Vec<String> {
        let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = String::from_utf8_lossy(&lines[self.from..]);
        let has_all = |line: &&str| parts.iter().all(|part| line.contains(part));
        lines.lines().filter(has_all).map(str::to_owned).collect()
    }
}
