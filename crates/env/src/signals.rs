//! Signals: their numbers, and which a process was started to ignore.

/// Number of SIGHUP on Linux.
const HANG_UP: u32 = 1;

/// Number of SIGXFSZ. It comes when a file would grow beyond what a process may have, and ends one that
/// has nothing to do with it; the write then fails as well.
pub const FILE_TOO_LARGE: i32 = libc::SIGXFSZ;

/// Whether whoever started this process has it ignore hang-ups, as `nohup` does. To be asked before
/// anything of this process has to do with signals.
#[must_use]
pub fn ignores_hang_up() -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "not on a disk, and no harm if it cannot be read"
    )]
    let status = std::fs::read_to_string("/proc/self/status");
    status.is_ok_and(|status| ignores(&status, HANG_UP))
}

/// Whether a signal is in the mask of ignored ones: 64 bits in hexadecimal, the first signal lowest.
fn ignores(status: &str, signal: u32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_read() {
        let status = |mask: &str| format!("SigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
        assert!(ignores(&status("0000000000000001"), HANG_UP));
        assert!(ignores(&status("0000000000001001"), HANG_UP));
        assert!(!ignores(&status("0000000000001000"), HANG_UP));
        assert!(!ignores("", HANG_UP));
    }
}
