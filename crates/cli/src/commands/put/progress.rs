//! How far it has come, for a person at a terminal: a line that is drawn over and over.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// Rates are of about the last so many seconds.
const RATE_SECONDS: f64 = 3.0;

/// How far it has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) records: u64,
    pub(super) bytes: u64,
    /// Of the input, as it is compressed.
    pub(super) position: u64,
}

/// How fast it goes. Pure: time is told.
#[derive(Debug, Default)]
pub(super) struct Meter {
    at: Duration,
    last: Point,
    /// Records, bytes and bytes of the input in a second.
    rates: Option<[f64; 3]>,
}

impl Meter {
    /// The line at this time, of an input of so many bytes.
    pub(super) fn line(&mut self, at: Duration, now: Point, size: Option<u64>) -> String {
        let seconds = at.saturating_sub(self.at).as_secs_f64();
        if seconds > 0.0 {
            let rate = |now: u64, last: u64| now.saturating_sub(last) as f64 / seconds;
            let last = self.last;
            let fresh = [
                rate(now.records, last.records),
                rate(now.bytes, last.bytes),
                rate(now.position, last.position),
            ];
            let weight = 1.0 - (-seconds / RATE_SECONDS).exp();
            let old = self.rates.unwrap_or(fresh);
            let mix = |at: usize| old[at] + (fresh[at] - old[at]) * weight;
            self.rates = Some([mix(0), mix(1), mix(2)]);
            (self.at, self.last) = (at, now);
        }
        let [records, bytes, input] = self.rates.unwrap_or_default();
        let mut line = format!(
            "{} records, {}, {records:.0} records/s, {}/s",
            now.records,
            mebibytes(now.bytes as f64),
            mebibytes(bytes)
        );
        if let Some(size) = size.filter(|size| *size > 0) {
            let percent = now.position.min(size) as f64 * 100.0 / size as f64;
            line.push_str(&format!(", {percent:.0}%"));
            let left = size.saturating_sub(now.position) as f64 / input;
            if left.is_finite() {
                line.push_str(&format!(", {} left", clock(left)));
            }
        }
        line
    }
}

fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / f64::from(1 << 20))
}

/// Hours, minutes and seconds, rounded up.
fn clock(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// Standard error, and whether a line is drawn on it that is to be erased.
#[derive(Debug)]
pub(super) struct Screen {
    is_live: bool,
    is_drawn: RefCell<bool>,
}

impl Screen {
    /// Draws lines if standard error is a terminal, unless it is to be quiet.
    pub(super) fn new(quiet: bool) -> Self {
        Self { is_live: !quiet && io::stderr().is_terminal(), is_drawn: RefCell::new(false) }
    }

    /// Whether drawing shows anything.
    pub(super) fn is_live(&self) -> bool {
        self.is_live
    }

    pub(super) fn draw(&self, line: &str) {
        if self.is_live {
            // Nobody can be told that the terminal is gone.
            let _ = write!(io::stderr(), "\r\x1b[2K{line}");
            self.is_drawn.replace(true);
        }
    }

    /// Before something else is written to the terminal.
    pub(super) fn erase(&self) {
        if self.is_drawn.replace(false) {
            let _ = write!(io::stderr(), "\r\x1b[2K");
        }
    }

    /// Says something that stays.
    pub(super) fn say(&self, text: &str) {
        self.erase();
        eprintln!("{text}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn point(records: u64, mebibytes: u64) -> Point {
        Point { records, bytes: mebibytes * MIB, position: mebibytes * MIB }
    }

    #[test]
    fn tells_rates_and_what_is_left() {
        let mut meter = Meter::default();
        let second = Duration::from_secs;
        assert_eq!(
            meter.line(second(2), point(2_000, 4), Some(40 * MIB)),
            "2000 records, 4.0 MiB, 1000 records/s, 2.0 MiB/s, 10%, 0:18 left"
        );
        // Half as fast for a long time.
        let line = meter.line(second(102), point(52_000, 104), None);
        assert_eq!(line, "52000 records, 104.0 MiB, 500 records/s, 1.0 MiB/s");
        let line = meter.line(second(102), point(52_000, 104), Some(8_104 * MIB));
        assert!(line.ends_with(", 1%, 2:13:20 left"), "{line}");
    }

    #[test]
    fn the_rate_follows_slowly() {
        let mut meter = Meter::default();
        meter.line(Duration::from_secs(1), point(1_000, 0), None);
        let line = meter.line(Duration::from_secs(2), point(1_000, 0), None);
        assert!(line.contains(", 717 records/s,"), "{line}");
    }

    #[test]
    fn says_nothing_that_it_does_not_know() {
        let mut meter = Meter::default();
        let none = "0 records, 0.0 MiB, 0 records/s, 0.0 MiB/s";
        assert_eq!(meter.line(Duration::ZERO, Point::default(), None), none);
        let stalled = meter.line(Duration::from_secs(1), Point::default(), Some(MIB));
        assert_eq!(stalled, format!("{none}, 0%"));
    }
}
