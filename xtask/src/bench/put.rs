//! Writing: who takes how many records, and at what cost.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::bench::contest::{Comparison, Entry, Load, Ratio, compare, observed, take_turns};
use crate::bench::contest::{Contender, RECORDS, load_command};
use crate::bench::kind::Kind;
use crate::bench::median::median;
use crate::bench::programs::{Programs, command_line};
use crate::bench::report::{Goal, Outcome, Table};
use crate::bench::server::{ScratchDirectory, Server};
use crate::bench::setting::Bench;
use crate::tools::capture;

/// Who writes 500 records in a request: ours, and what bounds it.
const CEILINGS: &[Kind] = &[
    Kind::Anabranch,
    Kind::AnabranchSigned,
    Kind::ReadAndSync,
    Kind::ReadAndKeep,
    Kind::ReadBody,
    Kind::Ferrokinesis,
];
/// Who writes 100: ours, and the peers that speak Kinesis.
const PEERS: &[Kind] = &[
    Kind::Anabranch,
    Kind::Ferrokinesis,
    Kind::FerrokinesisDurable,
    Kind::KinesisLocal,
    Kind::Kinesalite,
    Kind::Fakecloud,
];
/// Who writes one: ours, synced peers of other protocols, ceilings, and the fastest of the others.
const SINGLES: &[Kind] = &[
    Kind::Anabranch,
    Kind::Redis,
    Kind::JetStream,
    Kind::ReadAndSync,
    Kind::ReadBody,
    Kind::Ferrokinesis,
    Kind::FerrokinesisDurable,
];
/// Who answers a single client.
const LONERS: &[Kind] =
    &[Kind::Anabranch, Kind::Redis, Kind::JetStream, Kind::ReadAndSync, Kind::ReadBody];

/// What a record of 1 KiB takes in the journal, about: header, key and data.
pub(crate) const FRAME_BYTES: u64 = 1120;

const RATE: &str = "/records_per_s";
const CPU: &str = "/server/cpu_seconds_per_million_records";
const P50: &str = "/latency_ms/p50";

/// Everybody who may be needed.
pub(crate) fn kinds() -> Vec<Kind> {
    [CEILINGS, PEERS].concat()
}

pub(crate) fn single_kinds() -> Vec<Kind> {
    [SINGLES, LONERS].concat()
}

fn entries(bench: &Bench<'_>, kinds: &[Kind], load: Load) -> Vec<Entry> {
    let present = kinds.iter().filter(|kind| bench.takes_part(**kind));
    present.map(|kind| Entry::of(*kind, load)).collect()
}

/// PutRecords.
pub(crate) fn put_records(bench: &Bench<'_>) -> Result<Outcome> {
    let run = |name: &str, kinds: &[Kind], batch: u16| {
        let load = Load { batch: Some(batch), shards: 4, connections: 16 };
        bench.compare(name, &entries(bench, kinds, load))
    };
    let large = run("PutRecords 500 × 1 KiB, 4 shards, 16 connections", CEILINGS, 500)?;
    let small = run("PutRecords 100 × 1 KiB, 4 shards, 16 connections", PEERS, 100)?;

    let (ours, signed) = (Kind::Anabranch.name(), Kind::AnabranchSigned.name());
    let (ceiling, peer) = (Kind::ReadAndSync.name(), Kind::Ferrokinesis.name());
    let goals = [
        Goal::at_least(
            "PutRecords 500 × 1 KiB ÷ reading and syncing the same bodies",
            0.6,
            large.ratio(ours, ceiling, RATE),
        ),
        Goal::at_least(
            "PutRecords 500 × 1 KiB ÷ reading, syncing and keeping the same bodies",
            0.6,
            large.ratio(ours, Kind::ReadAndKeep.name(), RATE),
        ),
        Goal::at_least(
            "PutRecords 500 × 1 KiB, signed, ÷ reading and syncing the same bodies",
            0.45,
            large.ratio(signed, ceiling, RATE),
        ),
        Goal::at_least(
            "PutRecords 100 × 1 KiB, synced, ÷ ferrokinesis in memory",
            4.0,
            small.ratio(ours, peer, RATE),
        ),
        Goal::at_most("its CPU per record ÷ ferrokinesis'", 0.25, small.ratio(ours, peer, CPU)),
    ];
    Ok(Outcome::of_comparisons("put-records", vec![large, small], goals.into_iter().collect()))
}

/// PutRecord: with many callers, and with one.
pub(crate) fn put_record(bench: &Bench<'_>) -> Result<Outcome> {
    let load = Load { batch: None, shards: 4, connections: 64 };
    let many = bench
        .compare("PutRecord 1 KiB, 4 shards, 64 connections", &entries(bench, SINGLES, load))?;
    let ours = Kind::Anabranch.name();
    let mut goals = Vec::new();
    for kind in [Kind::Redis, Kind::JetStream] {
        let what = format!("PutRecord ÷ one synced record of {}, 64 connections", kind.name());
        goals.push(Goal::at_least(&what, 5.0, many.ratio(ours, kind.name(), RATE)));
    }
    let (alone, syncs, to_sync) = alone(bench)?;
    goals.push(Goal::at_most(
        "PutRecord's median latency, 1 connection, ÷ median write and fdatasync of as many bytes",
        1.3,
        to_sync,
    ));
    let raw = json!({ "syncs": syncs });
    let mut outcome = Outcome::of_comparisons("put-record", vec![many, alone], goals);
    outcome.tables.push(sync_table(&syncs));
    outcome.raw["probe"] = raw;
    Ok(outcome)
}

/// One connection, with the disk alone as one of the contest.
fn alone(bench: &Bench<'_>) -> Result<(Comparison, Vec<Value>, Option<Ratio>)> {
    let case = "PutRecord 1 KiB, 1 connection";
    let load = Load { batch: None, shards: 1, connections: 1 };
    let entries = entries(bench, LONERS, load);
    let mut names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    names.push("fdatasync alone".to_owned());
    let (rounds, span) = (bench.scale.rounds, bench.scale.span);
    let mut syncs = Vec::new();
    let outcomes = take_turns(case, &names, rounds, |at| {
        let Some(entry) = entries.get(at) else {
            syncs.push(sync_probe(bench.programs, bench.data_dir, span, FRAME_BYTES)?);
            return Ok(None);
        };
        let directory = ScratchDirectory::new(bench.data_dir)?;
        let mut server = Server::start(entry.kind, bench.programs, directory.path(), &[])?;
        server.wait_until_ready()?;
        let command = load_command(entry, bench.programs, server.port, span);
        observed(command, server.pid(), span).map(Some)
    })?;
    let contenders: Vec<Contender> = entries
        .iter()
        .zip(outcomes)
        .map(|(entry, rounds)| {
            let server = entry.kind.command(bench.programs, Path::new("DIR"), 4567, &[]);
            let load = load_command(entry, bench.programs, 4567, span);
            let commands = (command_line(&server), command_line(&load));
            Contender::of(entry.name.clone(), commands, rounds.into_iter().flatten().collect())
        })
        .collect();
    let comparison = Comparison { case: case.to_owned(), unit: RECORDS, contenders };
    let ours = comparison.contender(Kind::Anabranch.name()).context("ours takes part")?;
    let to_sync = Ratio::of(ours.rounds.iter().zip(&syncs).filter_map(|(round, sync)| {
        Some(round.report.pointer(P50)?.as_f64()? / sync["p50_ms"].as_f64()?)
    }));
    Ok((comparison, syncs, to_sync))
}

/// Writes of one size, each synced, into a file that has been written before.
pub(crate) fn sync_probe(
    programs: &Programs,
    data_dir: &Path,
    span: Duration,
    bytes: u64,
) -> Result<Value> {
    let directory = ScratchDirectory::new(data_dir)?;
    let mut command = Command::new(programs.tool("sync_bandwidth"));
    command.arg(directory.path()).arg(span.as_secs_f64().to_string()).arg(bytes.to_string());
    Ok(serde_json::from_slice(&capture(&mut command)?)?)
}

/// What the probes found, as a table.
pub(crate) fn sync_table(syncs: &[Value]) -> Table {
    let middle = |key: &str| median(syncs.iter().filter_map(|sync| sync[key].as_f64()));
    let mut table = Table::new("", &["write + fdatasync alone", "p50", "p99", "a second"]);
    table.row([
        format!("{} bytes, median of {} runs", syncs[0]["block_bytes"], syncs.len()),
        format!("{:.3} ms", middle("p50_ms")),
        format!("{:.3} ms", middle("p99_ms")),
        format!("{:.0}", middle("syncs_per_s")),
    ]);
    table
}

/// The store and the engine without HTTP.
pub(crate) fn engine_alone(bench: &Bench<'_>) -> Result<Outcome> {
    const CALLERS: &str = "512";
    let names = ["the store", "the engine"].map(str::to_owned);
    let layers = ["append_rate", "put_rate"];
    let case = "512 callers, 1 KB records, synced";
    let outcomes = take_turns(case, &names, bench.scale.rounds, |at| {
        let directory = ScratchDirectory::new(bench.data_dir)?;
        let mut command = Command::new(bench.programs.tool(layers[at]));
        command.arg(directory.path()).arg(bench.scale.span.as_secs_f64().to_string());
        command.args([CALLERS, "1000"]);
        Ok(serde_json::from_slice::<Value>(&capture(&mut command)?)?)
    })?;
    let columns = ["512 callers, 1,000-byte records, synced", "records/s", "CPU µs a record"];
    let mut table = Table::new("", &columns);
    let mut goals = Vec::new();
    for (name, rounds) in names.iter().zip(&outcomes) {
        let values = |key: &str| -> Vec<f64> {
            rounds.iter().filter_map(|round| round[key].as_f64()).collect()
        };
        let rate = Ratio::of(values("records_per_s").into_iter()).context("no rounds")?;
        table.row([
            name.clone(),
            format!("{:.0} ({:.0} to {:.0})", rate.median, rate.lowest, rate.highest),
            format!("{:.2}", median(values("cpu_us_per_record"))),
        ]);
        let what = format!("synced records/s of {name} alone ÷ 340,000");
        let share = Ratio::of(values("records_per_s").into_iter().map(|rate| rate / 340e3));
        goals.push(Goal::at_least(&what, 1.0, share));
    }
    Ok(Outcome::new("engine", vec![table], goals, json!(outcomes)))
}

/// What the disk can do with the calls of our journal.
pub(crate) fn disk(bench: &Bench<'_>) -> Result<Outcome> {
    eprintln!("sequential writes with fdatasync");
    let directory = ScratchDirectory::new(bench.data_dir)?;
    let mut command = Command::new(bench.programs.tool("sync_bandwidth"));
    // Enough to know the disk.
    let seconds = bench.scale.span.as_secs_f64().min(3.0);
    command.arg(directory.path()).arg(seconds.to_string());
    let lines = String::from_utf8(capture(&mut command)?)?;
    let rows = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let columns =
        ["sequential write + fdatasync", "file", "MiB/s", "syncs/s", "p50", "p99", "slowest"];
    let mut table = Table::new("", &columns);
    for row in &rows {
        let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
        table.row([
            format!("{:.0} KiB", number("block_bytes") / 1024.0),
            row["file"].as_str().unwrap_or_default().to_owned(),
            format!("{:.0}", number("mib_per_s")),
            format!("{:.0}", number("syncs_per_s")),
            format!("{:.2} ms", number("p50_ms")),
            format!("{:.2} ms", number("p99_ms")),
            format!("{:.1} ms", number("slowest_ms")),
        ]);
    }
    Ok(Outcome::new("disk", vec![table], Vec::new(), json!(rows)))
}

impl Bench<'_> {
    pub(crate) fn compare(&self, case: &str, entries: &[Entry]) -> Result<Comparison> {
        compare(case, entries, self.programs, self.data_dir, (self.scale.rounds, self.scale.span))
    }
}
