//! Writing results: tables, JSON, and what a closed pipe means.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use serde::Serialize;

/// Writes bytes to standard output and flushes them.
pub(crate) fn write_stdout(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()?;
    Ok(())
}

/// Writes a value as one JSON document on one line.
pub(crate) fn write_json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    write_stdout(&line)
}

/// Whether the cause is a reader that went away (`anabranch tail s | head`).
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|io_error| io_error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// Waits until nobody can read our standard output any more: the other end of a pipe is closed.
/// A command that waits for something else would notice only when it next writes. Never returns
/// where that cannot be known: for files, and on other systems than Unix. Cancel safe.
pub(crate) async fn stdout_closed() {
    #[cfg(unix)]
    if let Some(()) = pipe_closed().await {
        return;
    }
    std::future::pending().await
}

#[cfg(unix)]
async fn pipe_closed() -> Option<()> {
    use std::os::fd::AsFd;
    use tokio::io::Interest;
    use tokio::net::unix::pipe::Sender;

    let stdout = io::stdout().as_fd().try_clone_to_owned().ok()?;
    // The checked constructor would make the pipe non-blocking, for whoever else writes to it
    // too. It is only watched here. A file cannot be, and is refused.
    let watched = Sender::from_owned_fd_unchecked(stdout).ok()?;
    while !watched.ready(Interest::ERROR).await.ok()?.is_error() {}
    Some(())
}

/// Says on standard error how far long work has come: on a terminal once a second, else once in ten.
#[derive(Debug)]
pub(crate) struct Progress {
    period: Duration,
    next: Instant,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let period = Duration::from_secs(if io::stderr().is_terminal() { 1 } else { 10 });
        Progress { period, next: Instant::now() + period }
    }

    /// Says it, if it is time to.
    pub(crate) fn tell(&mut self, what: impl FnOnce() -> String) {
        if Instant::now() >= self.next {
            eprintln!("anabranch: {}", what());
            self.next = Instant::now() + self.period;
        }
    }
}

/// Which side of a column its cells are flushed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table of text cells with a header line.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[(&'static str, Align)]) -> Self {
        Table { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row. Panics if its length is not that of the header.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.columns.len(), "a row has one cell per column");
        self.rows.push(cells);
    }

    /// The table as text. No line ends in blanks, so that output can be diffed and copied.
    pub(crate) fn render(&self) -> String {
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, (name, _))| {
                let cells = self.rows.iter().map(|row| row[at].chars().count());
                cells.max().unwrap_or(0).max(name.len())
            })
            .collect();
        let header: Vec<String> = self.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let mut text = String::new();
        for cells in std::iter::once(&header).chain(&self.rows) {
            let mut line = String::new();
            for ((cell, width), (_, align)) in cells.iter().zip(&widths).zip(&self.columns) {
                if !line.is_empty() {
                    line.push_str("  ");
                }
                match align {
                    Align::Left => line.push_str(&format!("{cell:<width$}")),
                    Align::Right => line.push_str(&format!("{cell:>width$}")),
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Text that is safe to show on a terminal: control characters other than tab are escaped, so
/// that a record cannot move the cursor or change the title.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\t' {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn aligns_columns_and_leaves_no_trailing_blanks() {
        let mut table =
            Table::new(&[("NAME", Align::Left), ("N", Align::Right), ("X", Align::Left)]);
        table.row(vec!["orders".into(), "7".into(), String::new()]);
        table.row(vec!["é".into(), "1234".into(), "yes".into()]);
        assert_eq!(table.render(), "NAME       N  X\norders     7\né       1234  yes\n");
    }

    #[test]
    fn escapes_terminal_control_sequences() {
        assert_eq!(printable(b"a\tb\x1b[2J\n"), "a\tb\\u{1b}[2J\\n");
        assert_eq!(printable("größe".as_bytes()), "größe");
        assert_eq!(printable(&[0xff, b'x']), "\u{fffd}x");
    }

    #[test]
    fn finds_a_broken_pipe_below_other_causes() {
        let pipe = io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_broken_pipe(&anyhow::Error::from(pipe).context("printing")));
        let other = io::Error::from(io::ErrorKind::NotFound);
        assert!(!is_broken_pipe(&anyhow::Error::from(other)));
    }
}
