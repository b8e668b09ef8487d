//! When requests start.
//!
//! Closed loop: a worker sends its next request when the last one is answered; this finds the
//! highest throughput, but while the server stalls nobody measures the stall. Open loop: requests
//! have intended times at a fixed rate, whether or not the server keeps up, and latency counts
//! from the intended time; a stall of a second is then seen by all the requests that it delayed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc};

/// The part of a run that counts: what starts, or is intended to start, in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    /// When the run began; stamps count from here.
    pub(crate) epoch: Instant,
    /// End of the warm-up.
    pub(crate) from: Instant,
    /// No request starts later.
    pub(crate) until: Instant,
}

impl Window {
    pub(crate) fn new(warmup: Duration, duration: Duration) -> Self {
        let epoch = Instant::now();
        let from = epoch + warmup;
        Window { epoch, from, until: from + duration }
    }

    pub(crate) fn counts(&self, start: Instant) -> bool {
        self.from <= start && start < self.until
    }
}

/// Hands out starting times to the workers of a run.
#[derive(Debug, Clone)]
pub(crate) enum Pace {
    Closed { until: Instant, budget: Arc<Budget> },
    Open(Arc<Mutex<mpsc::UnboundedReceiver<Instant>>>),
}

/// How many requests may still be sent.
#[derive(Debug)]
pub(crate) struct Budget(Option<AtomicU64>);

impl Budget {
    pub(crate) fn new(requests: Option<u64>) -> Self {
        Budget(requests.map(AtomicU64::new))
    }

    fn take(&self) -> bool {
        let Some(left) = &self.0 else { return true };
        // A plain subtraction would wrap; the order of takers does not matter.
        left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

impl Pace {
    pub(crate) fn closed(window: Window, requests_max: Option<u64>) -> Self {
        Pace::Closed { until: window.until, budget: Arc::new(Budget::new(requests_max)) }
    }

    /// Starts the clock of an open loop.
    ///
    /// It is a thread of its own because the runtime's timer has a resolution of a millisecond,
    /// which would be as long as what is measured; a sleeping thread is woken within some 60 µs.
    pub(crate) fn open(window: Window, rate: f64, requests_max: Option<u64>) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for number in 0..requests_max.unwrap_or(u64::MAX) {
                let intended = window.epoch + offset(number, rate);
                // Past the end it sleeps on, so that the window keeps its length.
                let wake = intended.min(window.until);
                let wait = wake.saturating_duration_since(Instant::now());
                if !wait.is_zero() {
                    std::thread::sleep(wait);
                }
                if intended >= window.until {
                    return;
                }
                if sender.send(intended).is_err() {
                    return;
                }
            }
        });
        Pace::Open(Arc::new(Mutex::new(receiver)))
    }

    /// The intended start of this worker's next request, `None` when it is done. In open loop the
    /// time may lie in the past, if all workers were busy. Cancel safe in closed loop only.
    pub(crate) async fn next(&self) -> Option<Instant> {
        match self {
            Pace::Closed { until, budget } => {
                let now = Instant::now();
                (now < *until && budget.take()).then_some(now)
            }
            Pace::Open(schedule) => schedule.lock().await.recv().await,
        }
    }

    /// Closes an open loop and counts the requests that were intended but never started.
    pub(crate) async fn unsent(&self) -> u64 {
        match self {
            Pace::Closed { .. } => 0,
            Pace::Open(schedule) => {
                let mut schedule = schedule.lock().await;
                schedule.close();
                let mut unsent = 0;
                while schedule.try_recv().is_ok() {
                    unsent += 1;
                }
                unsent
            }
        }
    }
}

/// When request `number` is due, counted from the epoch. Computed anew each time, so that errors
/// of rounding do not add up.
fn offset(number: u64, rate: f64) -> Duration {
    Duration::from_secs_f64(number as f64 / rate)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_evenly_spaced_and_do_not_drift() {
        assert_eq!(offset(0, 3.0), Duration::ZERO);
        assert_eq!(offset(3_000_000, 3.0), Duration::from_secs(1_000_000));
        assert_eq!(offset(1, 1_000.0), Duration::from_millis(1));
    }

    #[test]
    fn a_budget_is_spent_once() {
        let budget = Budget::new(Some(2));
        assert!(budget.take() && budget.take());
        assert!(!budget.take() && !budget.take());
        assert!(Budget::new(None).take());
    }

    #[test]
    fn what_starts_in_the_window_counts() {
        let window = Window::new(Duration::from_secs(1), Duration::from_secs(1));
        let at = |millis| window.epoch + Duration::from_millis(millis);
        assert!(!window.counts(at(999)));
        assert!(window.counts(at(1_000)) && window.counts(at(1_999)));
        assert!(!window.counts(at(2_000)));
    }
}
