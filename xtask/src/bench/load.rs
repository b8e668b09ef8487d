//! Throughput: who takes how many records, and at what cost.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

use crate::bench::machine::CpuTimes;
use crate::bench::programs::{Programs, command_line};
use crate::bench::server::{ACCESS_KEY, Kind, SECRET_KEY, ScratchDirectory, Server};
use crate::bench::{Scale, median};
use crate::tools::capture;

/// Connections of every run.
pub(crate) const CONNECTIONS: u16 = 16;

/// One load, put on several servers in turn.
#[derive(Clone, Copy, Debug)]
struct Case {
    /// Records of a request; none is PutRecord.
    batch: Option<u16>,
    shards: u16,
    kinds: &'static [Kind],
}

const WITH_CEILING: &[Kind] = &[Kind::Anabranch, Kind::Ferrokinesis, Kind::ReadBody];
const PAIR: &[Kind] = &[Kind::Anabranch, Kind::Ferrokinesis];
const SIGNED: &[Kind] = &[Kind::Anabranch, Kind::AnabranchSigned];

const CASES: &[Case] = &[
    Case { batch: Some(500), shards: 4, kinds: WITH_CEILING },
    Case { batch: Some(500), shards: 64, kinds: PAIR },
    Case { batch: Some(100), shards: 4, kinds: WITH_CEILING },
    Case { batch: Some(100), shards: 64, kinds: PAIR },
    Case { batch: None, shards: 4, kinds: WITH_CEILING },
    Case { batch: None, shards: 64, kinds: PAIR },
    Case { batch: Some(500), shards: 4, kinds: SIGNED },
];

impl Case {
    fn name(&self) -> String {
        match self.batch {
            Some(batch) => format!("PutRecords {batch} × 1 KiB, {} shards", self.shards),
            None => format!("PutRecord 1 KiB, {} shards", self.shards),
        }
    }
}

/// A case and what every server made of it.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) case: String,
    pub(crate) contenders: Vec<Contender>,
}

/// One server in a case: medians over the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) server_command: String,
    pub(crate) load_command: String,
    pub(crate) records_per_s: f64,
    pub(crate) mib_per_s: f64,
    pub(crate) records_per_cpu_s: f64,
    pub(crate) cpu_s_per_million: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) peak_mib: f64,
    /// Processors that the server kept busy.
    pub(crate) server_cpus: f64,
    /// Processors that the generator kept busy.
    pub(crate) client_cpus: f64,
    /// Processors that everything else kept busy, in the worst round.
    pub(crate) other_cpus_worst: f64,
    pub(crate) errors: u64,
    pub(crate) rounds: Vec<Round>,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Round {
    pub(crate) other_cpus: f64,
    /// As the generator reported it.
    pub(crate) report: Value,
}

/// Puts every case on all its servers, taking turns.
pub(crate) fn compare_all(
    programs: &Programs,
    data_dir: &Path,
    scale: &Scale,
) -> Result<Vec<Comparison>> {
    let compare_one = |case: &Case| compare(case, programs, data_dir, scale);
    CASES.iter().map(compare_one).collect()
}

fn compare(case: &Case, programs: &Programs, data_dir: &Path, scale: &Scale) -> Result<Comparison> {
    let mut rounds = vec![Vec::new(); case.kinds.len()];
    for number in 1..=scale.rounds {
        for (kind, rounds_of_kind) in case.kinds.iter().zip(&mut rounds) {
            eprintln!("{}: {}, round {number} of {}", case.name(), kind.name(), scale.rounds);
            let round = run_once(case, *kind, programs, data_dir, scale.span)
                .with_context(|| format!("{} on {}", case.name(), kind.name()))?;
            rounds_of_kind.push(round);
        }
    }
    let contenders = case.kinds.iter().zip(rounds).map(|(kind, rounds)| {
        let server = command_line(&kind.command(programs, Path::new("DIR"), 4567, &[]));
        let load = command_line(&load_command(case, *kind, programs, 4567, scale.span));
        Contender::of(kind.name(), (server, load), rounds)
    });
    Ok(Comparison { case: case.name(), contenders: contenders.collect() })
}

fn run_once(
    case: &Case,
    kind: Kind,
    programs: &Programs,
    data_dir: &Path,
    span: Duration,
) -> Result<Round> {
    let directory = ScratchDirectory::new(data_dir)?;
    let mut server = Server::start(kind, programs, directory.path(), &[])?;
    server.wait_until_ready()?;
    let mut command = load_command(case, kind, programs, server.port, span);
    command.args(["--server-pid", &server.pid().to_string()]);
    let before = CpuTimes::now(server.pid());
    let begun = std::time::Instant::now();
    let report: Value = serde_json::from_slice(&capture(&mut command)?)?;
    let seconds = begun.elapsed().as_secs_f64();
    let after = CpuTimes::now(server.pid());
    let others = before.zip(after).map(|(before, after)| before.others_until(&after));
    Ok(Round { other_cpus: others.unwrap_or(f64::NAN) / seconds, report })
}

fn load_command(
    case: &Case,
    kind: Kind,
    programs: &Programs,
    port: u16,
    span: Duration,
) -> Command {
    let mut command = Command::new(&programs.anabranch);
    command.args(["bench", "--endpoint", &format!("http://127.0.0.1:{port}")]);
    command.args(["--stream", "bench", "--shards", &case.shards.to_string()]);
    match case.batch {
        Some(batch) => command.args(["--workload", "put-records", "--batch", &batch.to_string()]),
        None => command.args(["--workload", "put-record"]),
    };
    command.args(["--record-size", "1KiB", "--connections", &CONNECTIONS.to_string()]);
    command.args(["--duration", &format!("{}s", span.as_secs()), "--json"]);
    if kind == Kind::AnabranchSigned {
        command.args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY]);
    }
    command
}

impl Contender {
    fn of(name: &'static str, commands: (String, String), rounds: Vec<Round>) -> Self {
        let middle = |value: &dyn Fn(&Value) -> Option<f64>| {
            median(rounds.iter().map(|round| value(&round.report).unwrap_or(f64::NAN)))
        };
        let number = |pointer: &'static str| {
            middle(&|report: &Value| report.pointer(pointer).and_then(Value::as_f64))
        };
        let per_million = number("/server/cpu_seconds_per_million_records");
        let busy = |pointer: &'static str| {
            middle(&|report: &Value| {
                Some(report.pointer(pointer)?.as_f64()? / report["seconds"].as_f64()?)
            })
        };
        let errors = rounds.iter().map(|round| errors_of(&round.report)).sum();
        Self {
            name,
            server_command: commands.0,
            load_command: commands.1,
            records_per_s: number("/records_per_s"),
            mib_per_s: number("/mib_per_s"),
            records_per_cpu_s: 1e6 / per_million,
            cpu_s_per_million: per_million,
            p50_ms: number("/latency_ms/p50"),
            p99_ms: number("/latency_ms/p99"),
            peak_mib: number("/server/peak_rss_bytes") / f64::from(1 << 20),
            server_cpus: busy("/server/cpu_seconds"),
            client_cpus: busy("/client_cpu_seconds"),
            other_cpus_worst: rounds.iter().map(|round| round.other_cpus).fold(0.0, f64::max),
            errors,
            rounds,
        }
    }
}

fn errors_of(report: &Value) -> u64 {
    let errors = report["errors"].as_object().into_iter().flatten();
    errors.filter_map(|(_, count)| count.as_u64()).sum()
}

/// Sequential writes of one block size, each synced.
#[derive(Debug, Serialize, serde::Deserialize)]
pub(crate) struct SyncBandwidth {
    pub(crate) block_bytes: u64,
    /// `fresh`: preallocated, never written. `rewritten`: as a recycled journal file.
    pub(crate) file: String,
    pub(crate) seconds: f64,
    pub(crate) syncs: u64,
    pub(crate) syncs_per_s: f64,
    pub(crate) mib_per_s: f64,
    pub(crate) slowest_ms: f64,
}

/// What the disk can do with the calls of our journal.
pub(crate) fn sync_bandwidth(
    programs: &Programs,
    data_dir: &Path,
    span: Duration,
) -> Result<Vec<SyncBandwidth>> {
    eprintln!("sequential writes with fdatasync");
    let directory = ScratchDirectory::new(data_dir)?;
    let mut command = Command::new(&programs.sync_bandwidth);
    command.arg(directory.path()).arg(span.as_secs_f64().to_string());
    let lines = String::from_utf8(capture(&mut command)?)?;
    lines.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn round(records_per_s: f64, errors: u64) -> Round {
        let report = json!({
            "seconds": 5.0,
            "records_per_s": records_per_s,
            "mib_per_s": records_per_s / 1024.0,
            "errors": { "record: X": errors },
            "latency_ms": { "p50": 1.0, "p99": 2.0 },
            "client_cpu_seconds": 4.0,
            "server": {
                "cpu_seconds": 2.5,
                "cpu_seconds_per_million_records": 2.0,
                "peak_rss_bytes": 1 << 20,
            },
        });
        Round { other_cpus: 0.1, report }
    }

    #[test]
    fn a_contender_is_the_median_of_its_rounds() {
        let rounds = vec![round(100.0, 0), round(300.0, 1), round(200.0, 2)];
        let contender = Contender::of("x", (String::new(), String::new()), rounds);
        assert_eq!(contender.records_per_s, 200.0);
        assert_eq!(contender.records_per_cpu_s, 500_000.0);
        assert_eq!((contender.server_cpus, contender.client_cpus), (0.5, 0.8));
        assert_eq!((contender.errors, contender.peak_mib), (3, 1.0));
    }
}
