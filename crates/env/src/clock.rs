//! Wall time and monotonic time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A source of time. One that believes its wall clock has to say no more than that and how time
/// passes; [`crate::AgreedClock`] does not.
pub trait Clock: std::fmt::Debug + Send + Sync + 'static {
    /// When it is, as far as can be believed, in milliseconds since 1970. May step backwards.
    fn now_ms(&self) -> u64;

    /// Microseconds since some fixed moment, also while the machine sleeps. Never steps backwards.
    fn monotonic_us(&self) -> u64;

    /// What the wall clock says, in milliseconds since 1970: for what others see of their own, such
    /// as signatures. May step in both directions.
    fn wall_ms(&self) -> u64 {
        self.now_ms()
    }

    /// What had expired by this time (milliseconds since 1970) may be deleted.
    fn deletion_ms(&self) -> u64 {
        self.now_ms()
    }

    /// The time that both clocks agree on, milliseconds since 1970, also while the wall clock is
    /// behind it: what the next process begins with.
    fn agreed_ms(&self) -> u64 {
        self.deletion_ms()
    }

    /// Says what is known at the start: what may be deleted, and when the newest record arrived.
    fn begin(&self, deletion_ms: u64, newest_ms: u64) {
        let _ = (deletion_ms, newest_ms);
    }

    /// Compares its clocks. To be called every few seconds, by one thread.
    fn observe(&self) {}

    /// The operator says that the wall clock is right.
    fn believe_wall(&self) {}
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start_us: u64,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start_us: boot_us() }
    }
}

/// Microseconds since some moment before this process, sleep included: a laptop that wakes must not
/// look as if somebody had set its clock.
#[cfg(target_os = "linux")]
fn boot_us() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    (time.tv_sec * 1_000_000 + time.tv_nsec / 1000).cast_unsigned()
}

/// As for Linux. macOS counts sleep by itself.
#[cfg(not(target_os = "linux"))]
fn boot_us() -> u64 {
    static START: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    u64::try_from(START.elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn monotonic_us(&self) -> u64 {
        boot_us().saturating_sub(self.start_us)
    }
}

/// A clock that a test moves.
#[derive(Debug)]
pub struct ManualClock {
    wall_ms: AtomicU64,
    monotonic_us: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `now_ms` until it is moved.
    #[must_use]
    pub fn at_ms(now_ms: u64) -> Self {
        Self { wall_ms: AtomicU64::new(now_ms), monotonic_us: AtomicU64::new(0) }
    }

    /// Lets `ms` milliseconds pass.
    pub fn advance_ms(&self, ms: u64) {
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
        self.monotonic_us.fetch_add(ms * 1000, Ordering::SeqCst);
    }

    /// Sets the wall clock, also backwards. Monotonic time stands still.
    pub fn set_ms(&self, now_ms: u64) {
        self.wall_ms.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> u64 {
        self.wall_ms.load(Ordering::SeqCst)
    }

    fn monotonic_us(&self) -> u64 {
        self.monotonic_us.load(Ordering::SeqCst)
    }
}
