//! The threads of a cell.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread that callers wait for.
#[expect(clippy::disallowed_methods, reason = "here is where threads begin")]
pub(crate) fn spawn(
    name: &'static str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(move || {
        if let Err(error) = anabranch_env::ask_for_short_slices() {
            tracing::debug!(%error, name, "a thread may wait longer for a processor");
        }
        abort_on_panic(work);
    })
}

/// A broken invariant in storage must not leave callers waiting, or worse, go on: the process
/// ends, and recovery starts from what is on the disk. The panic itself was reported before.
fn abort_on_panic(work: impl FnOnce()) {
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err() {
        std::process::abort();
    }
}
