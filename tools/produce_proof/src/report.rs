//! What people see: progress, the figures at the end, and what is wrong.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anabranch_testkit::process;
use anyhow::{Result, ensure};

use crate::load::Progress;
use crate::proxy::{Happened, Proxy};
use crate::truth::{Figures, Problem};

const PERIOD: Duration = Duration::from_secs(5);
/// Without an outcome for so long, something is stuck.
const STUCK: Duration = Duration::from_secs(120);

/// A run, apart from its records.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) took: Duration,
    pub(crate) checked: Duration,
    pub(crate) kills: u64,
    pub(crate) reshards: u64,
}

/// Prints a line now and then; an error when nothing goes on.
pub(crate) async fn progress(
    progress: Arc<Progress>,
    proxy: Arc<Proxy>,
    records: u64,
) -> Result<()> {
    let begun = Instant::now();
    let (mut last, mut since) = (0, Instant::now());
    loop {
        tokio::time::sleep(PERIOD).await;
        let settled = progress.settled();
        let elapsed = begun.elapsed().as_secs_f64();
        println!(
            "{elapsed:>5.0} s: {settled} of {records} have an outcome, {} put, {} may be twice; {} requests, \
             {} MiB resident",
            progress.put.load(Ordering::Relaxed),
            progress.possible_duplicates.load(Ordering::Relaxed),
            proxy.happened.requests(),
            resident() >> 20,
        );
        if settled > last {
            (last, since) = (settled, Instant::now());
        }
        ensure!(since.elapsed() < STUCK, "no record has had an outcome for {STUCK:?}");
    }
}

/// Of this process, bytes.
pub(crate) fn resident() -> u64 {
    process::memory("self").map_or(0, |memory| memory.resident)
}

/// The figures, and the first of what is wrong.
pub(crate) fn verdict(run: &Run, figures: &Figures, problems: &[Problem], happened: &Happened) {
    let peak = process::memory("self").map_or(0, |memory| memory.peak);
    let faults: Vec<String> =
        happened.faults().iter().map(|(name, count)| format!("{name}={count}")).collect();
    for problem in problems {
        println!("WRONG: {problem}");
    }
    println!(
        "verdict={} seed={} records={} acknowledged={} failed={} possible_duplicates={} stored_twice={} \
         stored_records={} aggregates={} dropped_aggregates={} kills={} reshards={} requests={} {} \
         records_per_second={:.0} seconds={:.1} check_seconds={:.1} peak_mib={}",
        if problems.is_empty() { "good" } else { "WRONG" },
        run.seed,
        figures.acknowledged + figures.failed,
        figures.acknowledged,
        figures.failed,
        figures.possible_duplicates,
        figures.stored_twice,
        figures.stored_records,
        figures.aggregates,
        figures.dropped,
        run.kills,
        run.reshards,
        happened.requests(),
        faults.join(" "),
        (figures.acknowledged + figures.failed) as f64 / run.took.as_secs_f64(),
        run.took.as_secs_f64(),
        run.checked.as_secs_f64(),
        peak >> 20,
    );
}
