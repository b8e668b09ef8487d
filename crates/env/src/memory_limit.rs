//! How much memory there is for this process.

use std::path::{Path, PathBuf};

/// What `/proc` and `/sys` say of the memory that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvailableMemory {
    /// Bytes of the machine. `None`: it does not say.
    pub machine: Option<u64>,
    /// Bytes that the control group of the process may have. `None`: it has no limit.
    pub group: Option<u64>,
}

/// How much memory there is.
#[must_use]
pub fn available_memory() -> AvailableMemory {
    let machine = read("/proc/meminfo").and_then(|text| machine_bytes(&text));
    let group = read("/proc/self/cgroup").and_then(|text| {
        let limits = limit_files(&text).into_iter().filter_map(read);
        limits.filter_map(|text| limit_bytes(&text)).min()
    });
    AvailableMemory { machine, group }
}

/// What cannot be read says nothing.
fn read(path: impl AsRef<Path>) -> Option<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "not on a disk, and no harm if it cannot be read"
    )]
    std::fs::read_to_string(path).ok()
}

fn machine_bytes(meminfo: &str) -> Option<u64> {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    total.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The files with the limits of a group and of those that it is in, of both versions of control groups.
/// In a container they stand at the root, whatever the path.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let (root, name) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            one if one.split(',').any(|one| one == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let group = Path::new(path.trim_start_matches('/'));
        files.extend(group.ancestors().map(|group| Path::new(root).join(group).join(name)));
    }
    files
}

/// A group without a limit says `max`, or a number that no machine has.
fn limit_bytes(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|bytes| *bytes < 1 << 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_says_what_it_has() {
        let meminfo = "MemTotal:       24684412 kB\nMemFree:        18275836 kB\n";
        assert_eq!(machine_bytes(meminfo), Some(24_684_412 << 10));
        assert_eq!(machine_bytes("MemFree: 1 kB"), None);
        assert!(available_memory().machine.is_some_and(|bytes| bytes > 64 << 20));
    }

    #[test]
    fn limits_are_those_of_a_group_and_all_around_it() {
        let files = |groups| {
            let files = limit_files(groups);
            files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            files("0::/a/b\n"),
            [
                "/sys/fs/cgroup/a/b/memory.max",
                "/sys/fs/cgroup/a/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
        assert_eq!(
            files("5:cpuset:/\n4:cpu,memory:/x\nnonsense"),
            [
                "/sys/fs/cgroup/memory/x/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            ]
        );
        assert_eq!(limit_bytes("max\n"), None);
        assert_eq!(limit_bytes("9223372036854771712\n"), None);
        assert_eq!(limit_bytes("536870912\n"), Some(512 << 20));
    }
}
