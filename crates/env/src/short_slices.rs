//! Threads that others wait for, on processors that others keep busy.

/// What a thread asks for at a time, in nanoseconds; the kernel takes nothing shorter.
#[cfg(all(target_os = "linux", not(miri)))]
const SLICE_NS: u64 = 100_000;

/// Lets this thread run soon after it wakes, for ever and for its share of the processors.
///
/// A thread that mostly waits for the disk has to wait for a processor afterwards, by default for
/// up to the 3 ms that another one may keep it. Linux 6.12 and later prefer a thread that asks for
/// less at a time; that needs no privilege and takes nothing from the others' shares.
///
/// # Errors
/// Where there is no such thing to ask for. The thread then goes on as before.
#[cfg(all(target_os = "linux", not(miri)))]
pub fn ask_for_short_slices() -> std::io::Result<()> {
    let attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: libc::SCHED_OTHER as u32,
        sched_flags: libc::SCHED_FLAG_KEEP_POLICY as u64,
        // Set with the slice, so as it is.
        sched_nice: rustix::process::getpriority_process(None)?,
        sched_priority: 0,
        sched_runtime: SLICE_NS,
        sched_deadline: 0,
        sched_period: 0,
    };
    let (this_thread, flags) = (0, 0);
    // SAFETY: the kernel reads `size` bytes of `attributes`, which is as long and lives longer than
    // the call; it writes no memory of ours.
    #[expect(unsafe_code, reason = "no library wraps this call; 1.1 times the synced records/s")]
    let result = unsafe {
        libc::syscall(libc::SYS_sched_setattr, this_thread, std::ptr::from_ref(&attributes), flags)
    };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

/// Nothing, on this system.
///
/// # Errors
/// Always.
#[cfg(not(all(target_os = "linux", not(miri))))]
pub fn ask_for_short_slices() -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux", not(miri)))]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_thread_as_nice_as_it_was() {
        let niceness = || rustix::process::getpriority_process(None).expect("known");
        std::thread::spawn(move || {
            rustix::process::setpriority_process(None, 3).expect("nicer is always allowed");
            ask_for_short_slices().expect("allowed to anyone");
            assert_eq!(niceness(), 3);
        })
        .join()
        .expect("as before");
    }

    /// What the kernel tells of this thread, if it is one that tells it and grants short slices.
    fn granted_ns() -> Option<u64> {
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
        let mut numbers = release.split('.').map(str::parse::<u32>);
        let version = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        let told = std::fs::read_to_string("/proc/thread-self/sched").ok()?;
        let slice = told.lines().find(|line| line.starts_with("se.slice"))?;
        let granted = slice.rsplit(' ').next()?.parse().ok()?;
        (version >= (6, 12)).then_some(granted)
    }

    #[test]
    fn the_kernel_grants_what_was_asked_for() {
        std::thread::spawn(|| {
            let before = granted_ns();
            assert_ne!(before, Some(SLICE_NS), "nothing was asked for yet");
            ask_for_short_slices().expect("allowed to anyone");
            assert!(before.is_none() || granted_ns() == Some(SLICE_NS), "{:?}", granted_ns());
        })
        .join()
        .expect("as granted");
    }
}
