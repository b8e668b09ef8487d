//! How fast the server is and what it needs, beside a peer and beside what machine and disk can do.
//!
//! Every comparison is *paired*: the servers take turns within each round, so that whatever else
//! the machine is doing hits all of them, and medians over the rounds are what is compared. Each
//! measurement has a new process on a new directory. The load comes from `anabranch bench`, the
//! same for all. A busy machine and a generator at its limit are found and said, not hidden.

mod footprint;
mod load;
mod machine;
mod programs;
mod report;
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::bench::programs::Programs;
use crate::bench::report::Report;
use crate::tools::Project;

/// Enough to know the disk.
const DISK_SPAN_MAX: Duration = Duration::from_secs(3);

#[derive(Args)]
pub(crate) struct Options {
    /// One short round and small numbers, to see that it works; the figures mean little
    #[arg(long)]
    quick: bool,
    /// Also write the Markdown tables here, and the raw figures beside it as .json
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Measure only these parts (may be repeated or separated by commas)
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Where the servers keep their data: it decides which disk is measured [default: the target
    /// directory]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Rounds of each comparison [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Measured seconds of each run [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    seconds: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Writing, ours and the peer's, beside a server that only reads the body
    Throughput,
    /// Sequential writes with fdatasync
    Disk,
    /// Memory, start-up time, recovery
    Footprint,
}

/// How much of everything.
#[derive(Clone, Debug)]
struct Scale {
    rounds: u16,
    span: Duration,
    starts: usize,
    recovery_bytes: u64,
    idle_shards: u32,
    idle_connections: usize,
}

impl Scale {
    fn of(options: &Options) -> Self {
        let quick = options.quick;
        Self {
            rounds: options.rounds.unwrap_or(if quick { 1 } else { 3 }),
            span: Duration::from_secs(options.seconds.unwrap_or(if quick { 1 } else { 5 }).into()),
            starts: if quick { 3 } else { 20 },
            recovery_bytes: if quick { 64 << 20 } else { 1 << 30 },
            idle_shards: if quick { 1_000 } else { 10_000 },
            idle_connections: if quick { 500 } else { 10_000 },
        }
    }
}

/// Measures, prints, and writes the files that were asked for.
pub(crate) fn run(project: &Project, options: &Options) -> Result<()> {
    let programs = Programs::prepare(project)?;
    let data_dir = options.data_dir.clone().unwrap_or_else(|| project.target.join("bench"));
    fs::create_dir_all(&data_dir)
        .with_context(|| format!("cannot create {}", data_dir.display()))?;
    let data_dir = data_dir.canonicalize()?;

    let mut report =
        Report::begin(machine::describe(&data_dir), programs.versions()?, options.quick);
    // What was measured before something failed took long and is not thrown away.
    let outcome = measure(&mut report, &programs, &data_dir, options);
    report.load_average_after = machine::load_average();

    let markdown = report.to_markdown();
    println!("{markdown}");
    if let Some(path) = &options.output {
        fs::write(path, &markdown).with_context(|| format!("cannot write {}", path.display()))?;
        let raw = path.with_extension("json");
        fs::write(&raw, serde_json::to_vec_pretty(&report)?)
            .with_context(|| format!("cannot write {}", raw.display()))?;
    } else {
        println!("{}", serde_json::to_string(&report)?);
    }
    outcome
}

fn measure(
    report: &mut Report,
    programs: &Programs,
    data_dir: &Path,
    options: &Options,
) -> Result<()> {
    let wants = |part| options.only.is_empty() || options.only.contains(&part);
    let scale = Scale::of(options);
    if wants(Part::Disk) {
        report.disk = load::sync_bandwidth(programs, data_dir, scale.span.min(DISK_SPAN_MAX))?;
    }
    if wants(Part::Throughput) {
        report.throughput = load::compare_all(programs, data_dir, &scale)?;
    }
    if wants(Part::Footprint) {
        report.footprint = footprint::measure_all(programs, data_dir, &scale)?;
    }
    Ok(())
}

/// The middle one; the mean of the two middle ones of an even number.
fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => f64::midpoint(values[count / 2 - 1], values[count / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median([]).is_nan());
    }
}
