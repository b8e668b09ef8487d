//! The world outside: clocks, randomness and the disk, real and fake.
//!
//! Everything else gets its time from a [`Clock`] and its storage from a [`Disk`], so that a test
//! can stop time, tear a write or fill a volume. This is the only crate that touches the real
//! ones.

mod clock;
mod disk;
mod fake_disk;
mod real_disk;

pub use clock::{Clock, ManualClock, SystemClock};
pub use disk::{Disk, DiskFile};
pub use fake_disk::{FakeDisk, Fault};
pub use real_disk::RealDisk;

/// Fills `bytes` from the operating system's random generator.
pub fn fill_random(bytes: &mut [u8]) {
    rand::fill(bytes);
}
