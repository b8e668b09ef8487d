//! The machine: what it is, and how busy it is with other things. From /proc, so Linux only.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Serialize;

/// Jiffies per second in /proc, see `anabranch bench`.
const TICKS_PER_SECOND: f64 = 100.0;

/// What figures depend on.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
    pub(crate) file_system: String,
    pub(crate) load_average: String,
}

pub(crate) fn describe(data_dir: &Path) -> Machine {
    let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let processor = cpu_info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or_else(|| "unknown".to_owned(), |(_, name)| name.trim().to_owned());
    let kib = field_kib(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemTotal:");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let file_system = Command::new("findmnt")
        .args(["--noheadings", "--output", "FSTYPE,SOURCE,OPTIONS", "--target"])
        .arg(data_dir)
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        .unwrap_or_default();
    Machine {
        processor,
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        memory_mib: kib.unwrap_or_default() / 1024,
        kernel: kernel.trim().to_owned(),
        file_system: file_system.split_whitespace().collect::<Vec<_>>().join(" "),
        load_average: load_average(),
    }
}

/// The load of the last 1, 5 and 15 minutes.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Memory of a process, bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Memory {
    /// Resident, the program's own pages included.
    pub(crate) resident: u64,
    /// Resident and of no file: what it has allocated and touched.
    pub(crate) anonymous: u64,
}

pub(crate) fn memory(pid: u32) -> Option<Memory> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(Memory {
        resident: field_kib(&status, "VmRSS:")? * 1024,
        anonymous: field_kib(&status, "RssAnon:")? * 1024,
    })
}

fn field_kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Soft limit of open files of this process.
pub(crate) fn open_files_max() -> Option<usize> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Processor seconds so far: of the whole machine, and of one server and of us with our children.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuTimes {
    machine: f64,
    ours: f64,
}

impl CpuTimes {
    pub(crate) fn now(server_pid: u32) -> Option<Self> {
        let stat = |path: &str| fs::read_to_string(path).ok();
        let ours = process_seconds(&stat(&format!("/proc/{server_pid}/stat"))?)?;
        let own = process_seconds(&stat("/proc/self/stat")?)?;
        Some(Self { machine: busy_seconds(&stat("/proc/stat")?)?, ours: ours + own })
    }

    /// Seconds that everybody else has used since.
    pub(crate) fn others_until(&self, later: &Self) -> f64 {
        ((later.machine - self.machine) - (later.ours - self.ours)).max(0.0)
    }
}

/// User and system time, and that of children waited for: fields 14 to 17.
fn process_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields = after_name.split_ascii_whitespace().skip(11).take(4);
    let ticks: f64 = fields.filter_map(|field| field.parse::<f64>().ok()).sum();
    Some(ticks / TICKS_PER_SECOND)
}

/// Of the first line: user, nice, system, (idle, iowait,) irq, softirq, steal.
fn busy_seconds(stat: &str) -> Option<f64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<f64> =
        line.split_ascii_whitespace().filter_map(|field| field.parse().ok()).collect();
    let busy = [0, 1, 2, 5, 6, 7];
    Some(busy.iter().filter_map(|&at| fields.get(at)).sum::<f64>() / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_prints() {
        assert_eq!(field_kib("A: 1 kB\nVmRSS:\t  2048 kB\n", "VmRSS:"), Some(2048));
        assert_eq!(field_kib("A: 1 kB\n", "VmRSS:"), None);
        let stat = "42 (a) b) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 100 0 20 0 4 0 100 1 1";
        assert_eq!(process_seconds(stat), Some(4.0));
        assert_eq!(busy_seconds("cpu  100 0 50 900 7 0 25 25 0 0\ncpu0 1\n"), Some(2.0));
    }

    #[test]
    fn others_are_what_is_left() {
        let before = CpuTimes { machine: 10.0, ours: 4.0 };
        let after = CpuTimes { machine: 16.0, ours: 8.0 };
        assert_eq!(before.others_until(&after), 2.0);
    }
}
