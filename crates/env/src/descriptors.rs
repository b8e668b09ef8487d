//! File descriptors, of which a process and a machine have only so many.

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io;

/// What says that there are none left for this process, and for all of the machine.
const NONE_LEFT: [Errno; 2] = [Errno::MFILE, Errno::NFILE];

/// Raises the number of files and sockets this process may have open to what it is allowed at
/// most, and returns it. `None`: there is no limit.
#[must_use]
pub fn raise_open_files_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

/// Whether something was not opened for want of a file descriptor. Nothing was done then, and it can
/// be tried again when others have closed theirs.
#[must_use]
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    NONE_LEFT.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// As the operating system says it.
pub(crate) fn out_of_descriptors() -> io::Error {
    NONE_LEFT[0].into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    #[test]
    fn only_a_want_of_descriptors_is_one() {
        assert!(is_out_of_descriptors(&out_of_descriptors()));
        assert!(is_out_of_descriptors(&Errno::NFILE.into()));
        for other in [Errno::NOSPC.into(), Errno::IO.into(), ErrorKind::Other.into()] {
            assert!(!is_out_of_descriptors(&other), "{other}");
        }
    }
}
