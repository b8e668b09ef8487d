//! A thread beside the load that asks for the server's health and looks at its memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anabranch_testkit::process;
use anyhow::{Result, anyhow};

use crate::client::ask_health;

const PERIOD: Duration = Duration::from_millis(200);

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Watched {
    /// Microseconds until health was answered, connecting included.
    pub(crate) health_us: Vec<u32>,
    pub(crate) health_failed: u64,
    /// Resident bytes, every [`PERIOD`].
    pub(crate) memory: Vec<u64>,
}

pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Watched>,
}

impl Watch {
    pub(crate) fn start(address: String, pid: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopping = stop.clone();
        let thread = std::thread::spawn(move || {
            let mut watched = Watched::default();
            while !stopping.load(Ordering::Relaxed) {
                std::thread::sleep(PERIOD);
                watched.memory.extend(process::memory(pid).map(|memory| memory.resident));
                let asked = Instant::now();
                match ask_health(&address) {
                    Ok(()) => watched
                        .health_us
                        .push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX)),
                    Err(_) => watched.health_failed += 1,
                }
            }
            watched
        });
        Self { stop, thread }
    }

    pub(crate) fn stop(self) -> Result<Watched> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the watching thread panicked"))
    }
}
