//! The world outside: clocks, randomness and the disk, real and fake, and a count of memory.
//!
//! Everything else gets its time from a [`Clock`] and its storage from a [`Disk`], so that a test
//! can stop time, tear a write or fill a volume. This is the only crate that touches the real
//! ones. Memory that grows with what others do comes from a [`ByteBudget`].

#![warn(missing_docs)]
#![expect(clippy::disallowed_methods, reason = "what others must not touch is touched here")]

mod agreed_clock;
mod allocate;
mod byte_budget;
mod clock;
mod descriptors;
mod direct_file;
mod disk;
mod disk_file;
mod fake_disk;
pub mod files;
mod line_writer;
mod memory_limit;
mod real_disk;
mod sequential;
mod short_slices;
mod signals;

pub use agreed_clock::{AHEAD_MS, AgreedClock, DATED_AFTER_MS, DELETED_AFTER_MS};
pub use byte_budget::{ByteBudget, ByteShare};
pub use clock::{Clock, ManualClock, SystemClock};
pub use descriptors::{is_out_of_descriptors, raise_open_files_limit};
pub use disk::{Disk, DiskDirectory, DiskLock};
pub use disk_file::{DiskFile, WriteError, is_out_of_space};
pub use fake_disk::{FakeDisk, Fault, PowerCut};
pub use line_writer::{LineSink, LineWriter};
pub use memory_limit::{AvailableMemory, available_memory};
pub use real_disk::RealDisk;
pub use sequential::SequentialFile;
pub use short_slices::ask_for_short_slices;
pub use signals::{FILE_TOO_LARGE, ignores_hang_up};

/// The size in bytes that a file of this process may have. `None`: there is no limit. What would make a
/// file larger fails, and ends the process unless it has to do with [`FILE_TOO_LARGE`].
#[must_use]
pub fn file_size_limit() -> Option<u64> {
    use rustix::process::{Resource, getrlimit};
    getrlimit(Resource::Fsize).current
}

/// Fills `bytes` from the operating system's random generator.
pub fn fill_random(bytes: &mut [u8]) {
    rand::fill(bytes);
}
