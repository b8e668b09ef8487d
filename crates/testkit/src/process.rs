//! What a process has used, from /proc: so Linux only. A process is an id, or `self`.

use std::fmt::Display;
use std::fs;

/// Jiffies per second in /proc.
const TICKS_PER_SECOND: f64 = 100.0;

/// Resident memory, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Now.
    pub resident: u64,
    /// At its highest.
    pub peak: u64,
}

/// User and system time so far, seconds.
pub fn cpu_seconds(process: impl Display) -> Option<f64> {
    of_stat(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// The memory of a process that has not ended.
pub fn memory(process: impl Display) -> Option<Memory> {
    of_status(&fs::read_to_string(format!("/proc/{process}/status")).ok()?)
}

/// Fields 14 and 15; the name before them may have spaces and brackets in it.
fn of_stat(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields = after_name.split_ascii_whitespace().skip(11).take(2);
    Some(fields.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND)
}

fn of_status(status: &str) -> Option<Memory> {
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
    };
    Some(Memory { resident: bytes("VmRSS:")?, peak: bytes("VmHWM:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_prints() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 100 0 20 0 4 0 100 1 1";
        assert_eq!(of_stat(stat), Some(3.0));
        let status = "A: 1 kB\nVmHWM:\t  2048 kB\nVmRSS:\t  1024 kB\n";
        assert_eq!(of_status(status), Some(Memory { resident: 1 << 20, peak: 2 << 20 }));
        assert_eq!(of_status("A: 1 kB\n"), None);
    }
}
