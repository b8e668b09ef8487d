//! What must not depend on how much there is: shards, idle shards, data, time.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::bench::contest::{Comparison, Entry, Load, Ratio};
use crate::bench::kind::Kind;
use crate::bench::machine::Memory;
use crate::bench::median::median;
use crate::bench::programs::Programs;
use crate::bench::report::{Goal, Outcome, Table, mib};
use crate::bench::server::{ScratchDirectory, Server, create_stream};
use crate::bench::setting::Bench;
use crate::tools::capture;

/// Restarts whose median counts.
const RESTARTS: usize = 5;
/// How long memory may settle before it is read.
const SETTLE: Duration = Duration::from_secs(2);
/// Shards of one stream.
const SHARDS_PER_STREAM: u32 = 1_000;
/// Bytes of frames that a PutRecords of 500 × 1 KiB puts into the journal, a little less.
pub(crate) const REQUEST_BYTES: u64 = 500 * 1024;
/// How long a stream of the long run lives: what it wrote goes with it, so that the disk does not
/// fill.
const SLICE: Duration = Duration::from_secs(30);
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// Throughput by shards, idle shards, recovery by data.
pub(crate) fn measure(bench: &Bench<'_>) -> Result<Outcome> {
    let shards = by_shards(bench)?;
    let mut goals = Vec::new();
    for more in ["100 shards", "10,000 shards"] {
        let ratio = shards.ratio(more, "1 shard", "/records_per_s");
        goals.push(Goal::at_least(&format!("records/s with {more} ÷ with 1"), 0.8, ratio));
    }
    let (idle_table, idle, idle_goals) = idle_shards(bench)?;
    let (recovery_table, recovery, recovery_goal) = recovery_by_data(bench)?;
    goals.extend(idle_goals);
    goals.push(recovery_goal);
    let mut outcome = Outcome::of_comparisons("flat", vec![shards], goals);
    outcome.tables.extend([idle_table, recovery_table]);
    outcome.raw["idle_shards"] = idle;
    outcome.raw["recovery"] = recovery;
    Ok(outcome)
}

fn by_shards(bench: &Bench<'_>) -> Result<Comparison> {
    let entry = |name: &str, shards| {
        let load = Load { batch: Some(500), shards, connections: 16 };
        Entry { name: name.to_owned(), kind: Kind::Anabranch, load }
    };
    let entries = [entry("1 shard", 1), entry("100 shards", 100), entry("10,000 shards", 10_000)];
    bench.compare("PutRecords 500 × 1 KiB, 16 connections", &entries)
}

/// Memory and start-up time with many shards that do nothing.
fn idle_shards(bench: &Bench<'_>) -> Result<(Table, Value, Vec<Goal>)> {
    let count = bench.scale.idle_shards;
    eprintln!("{count} idle shards");
    let directory = ScratchDirectory::new(bench.data_dir)?;
    let start = || Server::start(Kind::Anabranch, bench.programs, directory.path(), &[]);
    let mut server = start()?;
    server.wait_until_ready()?;
    let mut connection = server.connect()?;
    let each = SHARDS_PER_STREAM.min(count);
    for number in 0..count / each {
        create_stream(&mut connection, &format!("idle-{number}"), each)?;
    }
    drop(connection);
    std::thread::sleep(SETTLE);
    let created = server.memory()?;
    server.kill();
    let (mut starts_ms, mut restarted) = (Vec::new(), Vec::new());
    for _ in 0..RESTARTS {
        let mut server = start()?;
        starts_ms.push(server.wait_until_ready()?.as_secs_f64() * 1e3);
        std::thread::sleep(SETTLE);
        restarted.push(server.memory()?);
    }
    let resident = |memory: &Memory| mib(memory.resident);
    let start = Ratio::of(starts_ms.iter().copied());
    let most = restarted.iter().chain([&created]).map(resident).fold(0.0, f64::max);
    let mut table = Table::new("", &["idle shards", "resident", "after a restart", "start-up"]);
    table.row([
        count.to_string(),
        format!("{:.0} MiB", resident(&created)),
        format!("{:.0} MiB", median(restarted.iter().map(resident))),
        start.map_or_else(String::new, |start| format!("{start} ms")),
    ]);
    let goals = vec![
        Goal::at_most(&format!("MiB resident with {count} idle shards"), 200.0, single(most)),
        Goal::at_most(&format!("ms until it answers, {count} idle shards"), 2000.0, start),
    ];
    let raw = json!({
        "shards": count, "created": created, "restarted": restarted, "starts_ms": starts_ms,
    });
    Ok((table, raw, goals))
}

fn single(value: f64) -> Option<Ratio> {
    Ratio::of(std::iter::once(value))
}

/// Restarts after `kill -9` with little data on the disk and with much.
fn recovery_by_data(bench: &Bench<'_>) -> Result<(Table, Value, Goal)> {
    let sizes = [bench.scale.recovery_bytes / 8, bench.scale.recovery_bytes * 4];
    let columns = ["data in all", "journal to read", "start-up after kill -9", "lowest to highest"];
    let mut table = Table::new("", &columns);
    let mut directories = Vec::new();
    for bytes in sizes {
        eprintln!("recovery: {} MiB of data", bytes >> 20);
        let directory = ScratchDirectory::new(bench.data_dir)?;
        let mut server = Server::start(Kind::Anabranch, bench.programs, directory.path(), &[])?;
        server.wait_until_ready()?;
        fill(bench.programs, server.port, bytes.div_ceil(REQUEST_BYTES))?;
        server.kill();
        directories.push(directory);
    }
    let mut starts_ms = [Vec::new(), Vec::new()];
    for _ in 0..RESTARTS {
        for (directory, starts_ms) in directories.iter().zip(&mut starts_ms) {
            let path = directory.path();
            let mut server = Server::start(Kind::Anabranch, bench.programs, path, &[])?;
            starts_ms.push(server.wait_until_ready()?.as_secs_f64() * 1e3);
        }
    }
    let mut journals = Vec::new();
    for ((bytes, directory), starts_ms) in sizes.iter().zip(&directories).zip(&starts_ms) {
        let (journal_bytes, _) = inspect(bench.programs, directory.path())?;
        journals.push(journal_bytes);
        let start = Ratio::of(starts_ms.iter().copied()).context("there were restarts")?;
        table.row([
            format!("{} MiB", bytes >> 20),
            format!("{:.0} MiB", mib(journal_bytes)),
            format!("{:.0} ms", start.median),
            format!("{:.0} to {:.0} ms", start.lowest, start.highest),
        ]);
    }
    let pairs = starts_ms[1].iter().zip(&starts_ms[0]).map(|(much, little)| much / little);
    let what = format!(
        "start-up after kill -9 with {} MiB of data ÷ with {} MiB",
        sizes[1] >> 20,
        sizes[0] >> 20
    );
    let raw = json!({ "bytes": sizes, "journal_bytes": journals, "starts_ms": starts_ms });
    Ok((table, raw, Goal::noted(&what, Ratio::of(pairs))))
}

/// Puts so many requests of 500 × 1 KiB.
pub(crate) fn fill(programs: &Programs, port: u16, requests: u64) -> Result<()> {
    let mut fill = Command::new(&programs.anabranch);
    fill.args(["bench", "--endpoint", &format!("http://127.0.0.1:{port}")]);
    fill.args(["--stream", "bench", "--shards", "4", "--warmup", "0s", "--duration", "600s"]);
    fill.args(["--max-requests", &requests.to_string(), "--json"]);
    capture(&mut fill).map(drop)
}

/// Bytes and records in the journal, as `anabranch inspect` counts them.
pub(crate) fn inspect(programs: &Programs, directory: &Path) -> Result<(u64, u64)> {
    let mut command = Command::new(&programs.anabranch);
    let report = capture(command.args(["inspect", "--json"]).arg(directory))?;
    let report: Value = serde_json::from_slice(&report)?;
    let journals = report["journal"].as_array().context("inspect names no journal")?;
    let sum = |field: &str| journals.iter().filter_map(|journal| journal[field].as_u64()).sum();
    Ok((sum("valid_bytes"), sum("records")))
}

/// Memory while a server writes at full speed for a long time.
pub(crate) fn long_run(bench: &Bench<'_>) -> Result<Outcome> {
    let span = bench.scale.long_run;
    eprintln!("{} s at full speed", span.as_secs());
    let directory = ScratchDirectory::new(bench.data_dir)?;
    let mut server = Server::start(Kind::Anabranch, bench.programs, directory.path(), &[])?;
    server.wait_until_ready()?;
    let (port, anabranch) = (server.port, bench.programs.anabranch.clone());
    let slice = SLICE.min(span / 2);
    let load = std::thread::spawn(move || -> Result<Vec<Value>> {
        let begun = Instant::now();
        let mut reports = Vec::new();
        while begun.elapsed() < span {
            let mut command = Command::new(&anabranch);
            command.args(["bench", "--endpoint", &format!("http://127.0.0.1:{port}")]);
            command.args(["--stream", &format!("long-{}", reports.len()), "--shards", "4"]);
            command.args(["--connections", "16", "--warmup", "0s", "--delete-after", "--json"]);
            command.args(["--duration", &format!("{}s", slice.as_secs())]);
            reports.push(serde_json::from_slice(&capture(&mut command)?)?);
        }
        Ok(reports)
    });
    let mut samples = Vec::new();
    while !load.is_finished() {
        samples.push(server.memory()?.resident);
        std::thread::sleep(SAMPLE_EVERY);
    }
    let reports = load.join().map_err(|_| anyhow::anyhow!("the load panicked"))??;
    let records: u64 = reports.iter().filter_map(|report| report["records"].as_u64()).sum();
    let mut table = Table::new(
        &format!(
            "{} s of PutRecords 500 × 1 KiB, 16 connections, {records} records, a new stream every \
             {} s:",
            span.as_secs(),
            slice.as_secs()
        ),
        &["tenth of the run", "resident, median", "most"],
    );
    let tenth = samples.len().div_ceil(10).max(1);
    let tenths: Vec<(f64, f64)> = samples
        .chunks(tenth)
        .map(|part| {
            let values = || part.iter().map(|bytes| mib(*bytes));
            (median(values()), values().fold(0.0, f64::max))
        })
        .collect();
    for (number, (middle, most)) in tenths.iter().enumerate() {
        table.row([(number + 1).to_string(), format!("{middle:.0} MiB"), format!("{most:.0} MiB")]);
    }
    // The first tenth fills the caches.
    let growth = tenths.last().zip(tenths.get(1)).and_then(|(last, second)| {
        let ratio = last.0 / second.0;
        single(ratio)
    });
    let what = "resident in the last tenth of a long run ÷ in the second";
    let goals = vec![Goal::at_most(what, 1.1, growth)];
    let raw = json!({ "resident_bytes": samples, "reports": reports });
    Ok(Outcome::new("memory", vec![table], goals, raw))
}
