//! Contests: several take turns under one load, and medians over the rounds are compared.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

use crate::bench::kind::Kind;
use crate::bench::machine::CpuTimes;
use crate::bench::median::median;
use crate::bench::programs::{Programs, command_line};
use crate::bench::server::{ACCESS_KEY, SECRET_KEY, ScratchDirectory, Server};
use crate::tools::{capture, is_installed};

/// The unit of most comparisons.
pub(crate) const RECORDS: &str = "records";
/// When counting of syncs begins: warm-up is over then.
const COUNT_FROM: Duration = Duration::from_millis(1300);

/// What a generator puts on a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Records of a request; none is PutRecord, or whatever writes a single record elsewhere.
    pub(crate) batch: Option<u16>,
    pub(crate) shards: u16,
    pub(crate) connections: u16,
}

/// One of a contest.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Who, in the tables; a case with different loads names them as well.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) load: Load,
}

impl Entry {
    pub(crate) fn of(kind: Kind, load: Load) -> Self {
        Self { name: kind.name().to_owned(), kind, load }
    }
}

/// A case and what everybody made of it.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) case: String,
    /// What is counted as records: records, mostly.
    pub(crate) unit: &'static str,
    pub(crate) contenders: Vec<Contender>,
}

/// One of a case: medians over the rounds.
#[derive(Debug, Serialize)]
pub(crate) struct Contender {
    pub(crate) name: String,
    pub(crate) server_command: String,
    pub(crate) load_command: String,
    pub(crate) records_per_s: f64,
    /// Of the rounds.
    pub(crate) records_per_s_lowest: f64,
    pub(crate) records_per_s_highest: f64,
    pub(crate) mib_per_s: f64,
    pub(crate) cpu_s_per_million: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) peak_mib: f64,
    /// `fdatasync` and `fsync` calls of the server's process, if they could be counted.
    pub(crate) syncs_per_s: f64,
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
    pub(crate) syncs_per_s: Option<f64>,
    /// As the generator reported it.
    pub(crate) report: Value,
}

impl Comparison {
    /// Median over the rounds of what `one` had for each of what `other` had in the same round;
    /// with the lowest and the highest. `None` if one of them did not take part.
    pub(crate) fn ratio(&self, one: &str, other: &str, pointer: &str) -> Option<Ratio> {
        let rounds = |name: &str| {
            let found = self.contenders.iter().find(|contender| contender.name == name)?;
            let value = |round: &Round| round.report.pointer(pointer).and_then(Value::as_f64);
            Some(found.rounds.iter().map(value).collect::<Vec<_>>())
        };
        let (ones, others) = (rounds(one)?, rounds(other)?);
        Ratio::of(ones.iter().zip(&others).filter_map(|(one, other)| Some((*one)? / (*other)?)))
    }

    pub(crate) fn contender(&self, name: &str) -> Option<&Contender> {
        self.contenders.iter().find(|contender| contender.name == name)
    }
}

/// A ratio by rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

impl Ratio {
    pub(crate) fn of(by_round: impl Iterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = by_round.collect();
        let first = *values.first()?;
        Some(Self {
            median: median(values.iter().copied()),
            lowest: values.iter().copied().fold(first, f64::min),
            highest: values.iter().copied().fold(first, f64::max),
        })
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A figure that matters keeps two digits, however small it is.
        let digits = if self.median < 0.1 { 3 } else { 2 };
        write!(
            f,
            "{:.digits$} ({:.digits$} to {:.digits$})",
            self.median, self.lowest, self.highest
        )
    }
}

/// Rounds of a contest, each entry once in every round.
pub(crate) fn take_turns<T>(
    case: &str,
    names: &[String],
    rounds: u16,
    mut run: impl FnMut(usize) -> Result<T>,
) -> Result<Vec<Vec<T>>> {
    let mut outcomes: Vec<Vec<T>> = names.iter().map(|_| Vec::new()).collect();
    for number in 1..=rounds {
        for (at, (name, outcomes)) in names.iter().zip(&mut outcomes).enumerate() {
            eprintln!("{case}: {name}, round {number} of {rounds}");
            outcomes.push(run(at).with_context(|| format!("{case}: {name}"))?);
        }
    }
    Ok(outcomes)
}

/// Puts the load of every entry on its server, taking turns; each run has a new process and a new
/// directory.
pub(crate) fn compare(
    case: &str,
    entries: &[Entry],
    programs: &Programs,
    data_dir: &Path,
    (rounds, span): (u16, Duration),
) -> Result<Comparison> {
    let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    let run = |at: usize| run_once(&entries[at], programs, data_dir, span);
    let outcomes = take_turns(case, &names, rounds, run)?;
    let contenders = entries.iter().zip(outcomes).map(|(entry, rounds)| {
        let server = entry.kind.command(programs, Path::new("DIR"), 4567, &[]);
        let load = load_command(entry, programs, 4567, span);
        let commands = (command_line(&server), command_line(&load));
        Contender::of(entry.name.clone(), commands, rounds)
    });
    Ok(Comparison { case: case.to_owned(), unit: RECORDS, contenders: contenders.collect() })
}

fn run_once(entry: &Entry, programs: &Programs, data_dir: &Path, span: Duration) -> Result<Round> {
    let directory = ScratchDirectory::new(data_dir)?;
    let mut server = Server::start(entry.kind, programs, directory.path(), &[])?;
    server.wait_until_ready()?;
    let command = load_command(entry, programs, server.port, span);
    observed(command, server.pid(), span)
}

/// Runs a generator while it watches what server and machine do.
pub(crate) fn observed(mut load: Command, server_pid: u32, span: Duration) -> Result<Round> {
    load.args(["--server-pid", &server_pid.to_string()]);
    let before = CpuTimes::now(server_pid);
    let begun = Instant::now();
    let counter = std::thread::spawn(move || {
        std::thread::sleep(COUNT_FROM);
        count_syncs(server_pid, span.saturating_sub(Duration::from_millis(600)))
    });
    let output = capture(&mut load);
    let syncs_per_s = counter.join().ok().flatten();
    let output = output?;
    let text = String::from_utf8_lossy(&output);
    let report = text.lines().last().context("the generator says nothing")?;
    let report: Value = serde_json::from_str(report)?;
    let seconds = begun.elapsed().as_secs_f64();
    let after = CpuTimes::now(server_pid);
    let others = before.zip(after).map(|(before, after)| before.others_until(&after));
    Ok(Round { other_cpus: others.unwrap_or(f64::NAN) / seconds, syncs_per_s, report })
}

/// Syncs a second of a process. `None` without `perf`, or if it may not count.
fn count_syncs(pid: u32, span: Duration) -> Option<f64> {
    if !is_installed("perf") || span.is_zero() {
        return None;
    }
    let mut command = Command::new("perf");
    command.args(["stat", "-x", ",", "-p", &pid.to_string()]);
    command.args(["-e", "syscalls:sys_enter_fdatasync,syscalls:sys_enter_fsync"]);
    command.args(["--", "sleep", &span.as_secs_f64().to_string()]);
    let output = command.output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let counts = text.lines().filter_map(|line| line.split(',').next()?.parse::<f64>().ok());
    let counts: Vec<f64> = counts.collect();
    (counts.len() == 2).then(|| counts.iter().sum::<f64>() / span.as_secs_f64())
}

/// A generator in the background. It ends, hard, when this is dropped.
pub(crate) struct Background(Child);

impl Background {
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Self(command.spawn().context("cannot start a generator")?))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn load_command(
    entry: &Entry,
    programs: &Programs,
    port: u16,
    span: Duration,
) -> Command {
    let Load { batch, shards, connections } = entry.load;
    let connections = connections.to_string();
    let shards = shards.to_string();
    let seconds = span.as_secs_f64();
    if matches!(entry.kind, Kind::Redis | Kind::JetStream) {
        let mut command = Command::new(programs.tool("raw_load"));
        command.arg(if entry.kind == Kind::Redis { "redis" } else { "nats" });
        command.args(["--address", &format!("127.0.0.1:{port}"), "--streams", &shards]);
        command.args(["--record-bytes", "1024", "--connections", &connections]);
        command.args(["--seconds", &seconds.to_string()]);
        return command;
    }
    let mut command = Command::new(&programs.anabranch);
    command.args(["bench", "--endpoint", &format!("http://127.0.0.1:{port}")]);
    command.args(["--stream", "bench", "--shards", &shards]);
    match batch {
        Some(batch) => command.args(["--workload", "put-records", "--batch", &batch.to_string()]),
        None => command.args(["--workload", "put-record"]),
    };
    command.args(["--record-size", "1KiB", "--connections", &connections]);
    command.args(["--duration", &format!("{}ms", span.as_millis()), "--json"]);
    if entry.kind == Kind::AnabranchSigned {
        command.args(["--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY]);
    }
    command
}

impl Contender {
    pub(crate) fn of(name: String, commands: (String, String), rounds: Vec<Round>) -> Self {
        let values = |value: &dyn Fn(&Value) -> Option<f64>| -> Vec<f64> {
            let by_round = rounds.iter().map(|round| value(&round.report).unwrap_or(f64::NAN));
            by_round.collect()
        };
        let number = |pointer: &'static str| {
            median(values(&|report: &Value| report.pointer(pointer).and_then(Value::as_f64)))
        };
        let busy = |pointer: &'static str| {
            median(values(&|report: &Value| {
                Some(report.pointer(pointer)?.as_f64()? / report["seconds"].as_f64()?)
            }))
        };
        let rates = values(&|report: &Value| report["records_per_s"].as_f64());
        let errors = rounds.iter().map(|round| errors_of(&round.report)).sum();
        Self {
            name,
            server_command: commands.0,
            load_command: commands.1,
            records_per_s: number("/records_per_s"),
            records_per_s_lowest: rates.iter().copied().fold(f64::INFINITY, f64::min),
            records_per_s_highest: rates.iter().copied().fold(0.0, f64::max),
            mib_per_s: number("/mib_per_s"),
            cpu_s_per_million: number("/server/cpu_seconds_per_million_records"),
            p50_ms: number("/latency_ms/p50"),
            p99_ms: number("/latency_ms/p99"),
            peak_mib: number("/server/peak_rss_bytes") / f64::from(1 << 20),
            syncs_per_s: median(rounds.iter().filter_map(|round| round.syncs_per_s)),
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

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    pub(crate) fn round(records_per_s: f64, errors: u64) -> Round {
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
        Round { other_cpus: 0.1, syncs_per_s: Some(records_per_s / 10.0), report }
    }

    pub(crate) fn contender(name: &str, rates: &[f64], errors: u64) -> Contender {
        let rounds = rates.iter().map(|rate| round(*rate, errors)).collect();
        Contender::of(name.to_owned(), ("serve".to_owned(), "load".to_owned()), rounds)
    }

    #[test]
    fn a_contender_is_the_median_of_its_rounds() {
        let rounds = vec![round(100.0, 0), round(300.0, 1), round(200.0, 2)];
        let contender = Contender::of("x".to_owned(), Default::default(), rounds);
        assert_eq!(contender.records_per_s, 200.0);
        assert_eq!(
            (contender.records_per_s_lowest, contender.records_per_s_highest),
            (100.0, 300.0)
        );
        assert_eq!((contender.server_cpus, contender.client_cpus), (0.5, 0.8));
        assert_eq!((contender.errors, contender.peak_mib, contender.syncs_per_s), (3, 1.0, 20.0));
    }

    #[test]
    fn a_ratio_compares_what_was_measured_in_the_same_round() {
        let contenders =
            vec![contender("a", &[20.0, 20.0, 90.0], 0), contender("b", &[5.0, 10.0, 30.0], 0)];
        let comparison = Comparison { case: "C".to_owned(), unit: RECORDS, contenders };
        let ratio = comparison.ratio("a", "b", "/records_per_s").expect("both took part");
        assert_eq!(ratio, Ratio { median: 3.0, lowest: 2.0, highest: 4.0 });
        assert_eq!(ratio.to_string(), "3.00 (2.00 to 4.00)");
        assert!(comparison.ratio("a", "c", "/records_per_s").is_none());
    }

    #[test]
    fn everyone_has_a_turn_in_every_round() {
        let names = ["a".to_owned(), "b".to_owned()];
        let mut order = Vec::new();
        let outcomes = take_turns("case", &names, 2, |at| {
            order.push(at);
            Ok(order.len())
        });
        assert_eq!(outcomes.expect("nothing fails"), [[1, 3], [2, 4]]);
        assert_eq!(order, [0, 1, 0, 1]);
    }
}
