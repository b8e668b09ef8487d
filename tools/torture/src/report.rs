//! What people see: progress, the figures at the end, and what went wrong.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anabranch_testkit::process;
use anyhow::Result;
use tokio::sync::watch;

use crate::harness::{Harness, Phase};
use crate::server::Setup;
use crate::supervisor::Lives;
use crate::truth::Figures;

const PERIOD: Duration = Duration::from_secs(10);
/// Last lines of the server's log that a failure shows.
const LOG_LINES: usize = 12;

/// Prints a line now and then until the phase is over.
pub(crate) async fn progress(harness: Arc<Harness>, lives: watch::Receiver<Lives>) -> Result<()> {
    let begun = Instant::now();
    while harness.phase() < Phase::Over {
        harness.pause(PERIOD, Phase::Over).await;
        let figures = total(&harness);
        let unsettled: usize = harness.streams.iter().map(|one| one.truth().unsettled()).sum();
        let lives = lives.borrow().clone();
        println!(
            "{:>5.0} s: {} kills, {} stops; {} acknowledged, {} verified, {unsettled} unsettled; \
             {} reshards, {} retention changes",
            begun.elapsed().as_secs_f64(),
            lives.kills,
            lives.stops,
            figures.acknowledged,
            figures.verified,
            reshards(&harness),
            harness.counters.retention_changes.load(Ordering::Relaxed),
        );
    }
    Ok(())
}

fn total(harness: &Harness) -> Figures {
    harness.streams.iter().map(|stream| stream.truth().figures()).fold(
        Figures::default(),
        |total, one| Figures {
            acknowledged: total.acknowledged + one.acknowledged,
            verified: total.verified + one.verified,
            unacknowledged_present: total.unacknowledged_present + one.unacknowledged_present,
            unacknowledged_absent: total.unacknowledged_absent + one.unacknowledged_absent,
            refused: total.refused + one.refused,
            read: total.read + one.read,
            read_again: total.read_again + one.read_again,
            bytes: total.bytes + one.bytes,
            possible_duplicates: total.possible_duplicates + one.possible_duplicates,
            twice: total.twice + one.twice,
        },
    )
}

fn reshards(harness: &Harness) -> u64 {
    let counters = &harness.counters;
    let kinds = [&counters.splits, &counters.merges, &counters.rescalings];
    kinds.iter().map(|kind| kind.load(Ordering::Relaxed)).sum()
}

/// The figures of a run in which all was well.
pub(crate) fn summary(
    harness: &Harness,
    lives: &Lives,
    tortured: Duration,
    audited: Duration,
    setup: &Setup,
) {
    let figures = total(harness);
    let counters = &harness.counters;
    let number = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let mut restarts = lives.restarts.clone();
    restarts.sort_unstable();
    let milliseconds = |span: Option<&Duration>| span.map_or(0.0, |span| span.as_secs_f64() * 1e3);
    let mib = |bytes: u64| bytes >> 20;
    let own_memory = process::memory("self").map_or(0, |memory| memory.peak);
    let shards: usize = harness.streams.iter().map(|stream| stream.truth().shards().len()).sum();
    println!("\ntorture: nothing is wrong");
    println!("  tortured                         {:.0} s", tortured.as_secs_f64());
    println!("  read everything again in         {:.0} s", audited.as_secs_f64());
    println!("  kill -9                          {}", lives.kills);
    println!("    right after a reshard began    {}", lives.in_reshard);
    println!("    while it started               {}", lives.in_start);
    println!("  kill -TERM                       {}", lives.stops);
    println!("  restarts                         {}", restarts.len());
    println!(
        "    until it listens               median {:.0} ms, slowest {:.0} ms",
        milliseconds(restarts.get(restarts.len() / 2)),
        milliseconds(restarts.last())
    );
    println!("  records acknowledged             {}", figures.acknowledged);
    println!("    verified                       {}", figures.verified);
    println!("    asked for by number            {}", number(&counters.probes));
    println!("  records unacknowledged, present  {}", figures.unacknowledged_present);
    println!("    absent                         {}", figures.unacknowledged_absent);
    println!("    refused (throttled)            {}", figures.refused);
    println!("  the library: may be twice        {}", figures.possible_duplicates);
    println!("    copies beside the first        {}", figures.twice);
    println!("  records read                     {}", figures.read);
    println!("    again                          {}", figures.read_again);
    println!("    pushed                         {}", number(&counters.pushed));
    println!("  data                             {} MiB", mib(figures.bytes));
    println!("  reshards                         {}", reshards(harness));
    println!(
        "    splits, merges, rescalings     {}, {}, {}",
        number(&counters.splits),
        number(&counters.merges),
        number(&counters.rescalings)
    );
    println!("  shards read                      {shards}");
    println!("  retention changes                {}", number(&counters.retention_changes));
    println!("  changes without an answer        {}", number(&counters.changes_unanswered));
    println!("  lists of shards checked          {}", number(&counters.lists));
    println!("  looks at the past                {}", number(&counters.audits));
    println!("  subscriptions                    {}", number(&counters.subscriptions));
    println!("  iterators used after a restart   {}", number(&counters.kept_iterators));
    println!("  server's memory, highest         {} MiB", mib(lives.memory_max));
    println!("  harness's memory, highest        {} MiB", mib(own_memory));
    println!("  seed                             {}", harness.seed);
    println!("  directory                        {}", setup.directory.display());
}

/// What went wrong, and where to look.
pub(crate) fn failure(error: &anyhow::Error, seed: u64, setup: &Setup) {
    println!("\ntorture: FAILED: {error:#}");
    println!("  seed                   {seed}");
    println!("  the server's data      {}", setup.data().display());
    println!("  the server's log       {}, which ends with", setup.log().display());
    let log = std::fs::read_to_string(setup.log()).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    for line in &lines[lines.len().saturating_sub(LOG_LINES)..] {
        println!("    {line}");
    }
}
