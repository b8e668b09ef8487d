//! Prints where records are.

use crate::commands::put::outcome::Place;
use crate::commands::put::progress::Screen;

/// Prints where records are, as long as somebody reads it.
#[derive(Debug)]
pub(super) struct Printer {
    is_on: bool,
    json: bool,
    buffer: Vec<u8>,
}

impl Printer {
    const FLUSH_BYTES: usize = 64 << 10;

    pub(super) fn new(is_on: bool, json: bool) -> Self {
        Self { is_on, json, buffer: Vec::new() }
    }

    pub(super) fn print(&mut self, place: &Place, screen: &Screen) -> anyhow::Result<()> {
        if self.is_on {
            place.print(&mut self.buffer, self.json)?;
        }
        if self.buffer.len() >= Self::FLUSH_BYTES { self.flush(screen) } else { Ok(()) }
    }

    /// Records are still sent when nobody reads where they are.
    pub(super) fn flush(&mut self, screen: &Screen) -> anyhow::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        screen.erase();
        let written = crate::output::write_stdout(&self.buffer);
        self.buffer.clear();
        match written {
            Err(error) if crate::output::is_broken_pipe(&error) => self.is_on = false,
            other => other?,
        }
        Ok(())
    }
}
