//! An outage: nothing listens while records are put, and memory must stay flat.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anabranch_producer::Settings;
use anyhow::{Result, ensure};

use crate::arguments::Arguments;
use crate::load::Progress;
use crate::report::{self, Run, resident};
use crate::scene::{self, Scene};

/// How long records are put before the outage, and after it.
const WARM_UP: Duration = Duration::from_secs(5);
const AFTER: Duration = Duration::from_secs(3);
const SAMPLE: Duration = Duration::from_millis(500);
const PERIOD: Duration = Duration::from_secs(5);
/// What memory may grow by, in buffers.
const GROWTH_MAX: f64 = 3.0;
/// What it may grow by when the buffer is full.
const LATER_GROWTH_MAX: f64 = 1.05;

/// Resident memory during an outage, bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Watched {
    before: u64,
    /// Highest while the buffer filled, and after that.
    first: u64,
    later: u64,
    /// Records without an outcome at the end.
    pending: u64,
}

/// Refuses everything for so long, then checks memory and every record.
pub(crate) async fn endure(
    arguments: &Arguments,
    seed: u64,
    directory: &Path,
    seconds: u64,
) -> Result<()> {
    let scene = Scene::set(arguments, seed, directory, 0.0).await?;
    scene.prepare().await;
    let begun = Instant::now();
    let load = scene.load(arguments);
    tokio::time::sleep(WARM_UP).await;
    scene.proxy.refuse(true);
    let watched = watch(&scene.progress, Duration::from_secs(seconds)).await;
    scene.proxy.refuse(false);
    tokio::time::sleep(AFTER).await;
    scene.stop.send_replace(true);
    let told = scene::all(load).await?;
    let (took, proxy) = (begun.elapsed(), scene.proxy.clone());
    let begun = Instant::now();
    let (figures, problems, kills) = scene.judge(told).await?;
    let run = Run { seed, took, checked: begun.elapsed(), kills, reshards: 0 };
    report::verdict(&run, &figures, &problems, &proxy.happened);
    ensure!(problems.is_empty(), "{} differences", figures.problems);
    ensure!(
        figures.failed == 0,
        "{} records failed that were to be tried for ever",
        figures.failed
    );
    watched.judge(arguments, seconds)
}

async fn watch(progress: &Progress, span: Duration) -> Watched {
    let begun = Instant::now();
    let mut watched = Watched { before: resident(), ..Watched::default() };
    let mut told = Instant::now();
    while begun.elapsed() < span {
        tokio::time::sleep(SAMPLE).await;
        let now = resident();
        let pending = progress.put.load(Ordering::Relaxed).saturating_sub(progress.settled());
        let highest = match pending > watched.pending {
            true => &mut watched.first,
            false => &mut watched.later,
        };
        *highest = now.max(*highest);
        watched.pending = pending;
        if told.elapsed() >= PERIOD {
            told = Instant::now();
            println!(
                "{:>5.0} s: {} records wait, {} MiB resident",
                begun.elapsed().as_secs_f64(),
                watched.pending,
                now >> 20
            );
        }
    }
    watched
}

impl Watched {
    fn judge(self, arguments: &Arguments, seconds: u64) -> Result<()> {
        let Self { before, first, later, pending } = self;
        let highest = first.max(later);
        let growth = highest.saturating_sub(before);
        let in_buffers = growth as f64 / arguments.buffer_bytes as f64;
        let later_growth = later as f64 / first.max(1) as f64;
        println!(
            "outage seconds={seconds} resident_before_mib={} highest_mib={} buffer_mib={} records_waiting={pending} \
             growth_in_buffers={in_buffers:.2} later_growth={later_growth:.3} bytes_a_record={:.0} \
             overhead_charged={}",
            before >> 20,
            highest >> 20,
            arguments.buffer_bytes >> 20,
            growth as f64 / pending.max(1) as f64,
            Settings::RECORD_OVERHEAD_BYTES,
        );
        ensure!(pending > 0, "nothing waits: the outage was none");
        ensure!(in_buffers <= GROWTH_MAX, "memory grew by more than {GROWTH_MAX} buffers");
        ensure!(later_growth <= LATER_GROWTH_MAX, "memory goes on growing");
        Ok(())
    }
}
