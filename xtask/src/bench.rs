//! How fast the server is and what it needs, beside peers and beside what machine and disk can do.
//!
//! Every comparison is *paired*: the contenders take turns within each round, so that whatever else
//! the machine is doing hits all of them, and ratios are of what was measured in the same round.
//! Each measurement has a new process on a new directory. The load comes from `anabranch bench`, or
//! from an equal generator where the protocol is another. A busy machine and a generator at its
//! limit are found and said, not hidden.

mod contest;
mod fanout;
mod flat;
mod footprint;
mod kind;
mod machine;
mod median;
mod programs;
mod put;
mod read;
mod report;
mod server;
mod setting;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::bench::kind::Kind;
use crate::bench::programs::Programs;
use crate::bench::report::{Outcome, Report};
use crate::bench::setting::{Bench, Scale};
use crate::tools::Project;

#[derive(Args)]
pub(crate) struct Options {
    /// One short round and small numbers, to see that it works; the figures mean little
    #[arg(long)]
    quick: bool,
    /// Also write the Markdown tables here, and the raw figures beside it as .json
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Measure only these sections (may be repeated or separated by commas)
    #[arg(long, value_enum, value_delimiter = ',', value_name = "SECTION")]
    only: Vec<Section>,
    /// Where the servers keep their data: it decides which disk is measured [default: the target
    /// directory]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Take the release build that is there, server and tools
    #[arg(long)]
    no_build: bool,
    /// Rounds of each comparison [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Measured seconds of each run [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    seconds: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Sequential writes with fdatasync
    Disk,
    /// PutRecords: ours, Kinesis peers, and a server that only reads bodies and syncs them
    PutRecords,
    /// PutRecord with many callers and with one: ours, Redis Streams, JetStream, the disk
    PutRecord,
    /// The store and the engine without HTTP
    Engine,
    /// GetRecords from memory and from segments, beside nginx
    Read,
    /// Bytes pushed to 20 consumers, and how soon
    FanOut,
    /// Throughput by shards, idle shards, recovery by data
    Flat,
    /// Memory over ten minutes at full speed
    Memory,
    /// Memory, start-up time and recovery beside a peer
    Footprint,
}

impl Section {
    fn kinds(self) -> Vec<Kind> {
        match self {
            Self::PutRecords => put::kinds(),
            Self::PutRecord => put::single_kinds(),
            Self::Read => vec![Kind::Nginx],
            Self::Footprint => footprint::SERVERS.to_vec(),
            Self::Disk | Self::Engine | Self::FanOut | Self::Flat | Self::Memory => Vec::new(),
        }
    }

    fn measure(self, bench: &Bench<'_>) -> Result<Outcome> {
        match self {
            Self::Disk => put::disk(bench),
            Self::PutRecords => put::put_records(bench),
            Self::PutRecord => put::put_record(bench),
            Self::Engine => put::engine_alone(bench),
            Self::Read => read::measure(bench),
            Self::FanOut => fanout::measure(bench),
            Self::Flat => flat::measure(bench),
            Self::Memory => flat::long_run(bench),
            Self::Footprint => footprint::measure(bench),
        }
    }
}

/// Measures, prints, and writes the files that were asked for.
pub(crate) fn run(project: &Project, options: &Options) -> Result<()> {
    let sections = match options.only.as_slice() {
        [] => Section::value_variants(),
        only => only,
    };
    if !options.no_build {
        Programs::build(project)?;
    }
    let programs = Programs::locate(project);
    let data_dir = options.data_dir.clone().unwrap_or_else(|| project.target.join("bench"));
    fs::create_dir_all(&data_dir)
        .with_context(|| format!("cannot create {}", data_dir.display()))?;
    let data_dir = data_dir.canonicalize()?;

    let mut kinds: Vec<Kind> = sections.iter().flat_map(|section| section.kinds()).collect();
    kinds.dedup();
    let mut left_out = Vec::new();
    let mut missing = Vec::new();
    for kind in kinds.iter().copied() {
        if !missing.contains(&kind)
            && let Err(error) = programs.install(kind)
        {
            left_out.push(format!("{}: {error:#}", kind.name()));
            missing.push(kind);
        }
    }
    kinds.retain(|kind| !missing.contains(kind));
    let mut report =
        Report::begin(machine::describe(&data_dir), programs.versions(&kinds)?, options.quick);
    report.left_out = left_out;
    let scale = Scale::of(options.quick, options.rounds, options.seconds);
    let bench = Bench { programs: &programs, data_dir: &data_dir, scale, missing };
    // What was measured before something failed took long and is not thrown away.
    let mut failed = Vec::new();
    for section in sections {
        match section.measure(&bench) {
            Ok(outcome) => report.sections.push(outcome),
            Err(error) => {
                eprintln!("{section:?}: {error:#}");
                failed.push(format!("{section:?}: {error:#}"));
            }
        }
    }
    report.load_average_after = machine::load_average();
    write(&report, options)?;
    anyhow::ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(())
}

fn write(report: &Report, options: &Options) -> Result<()> {
    let markdown = report.to_markdown();
    println!("{markdown}");
    let Some(path) = &options.output else {
        println!("{}", serde_json::to_string(report)?);
        return Ok(());
    };
    fs::write(path, &markdown).with_context(|| format!("cannot write {}", path.display()))?;
    let raw = path.with_extension("json");
    fs::write(&raw, serde_json::to_vec_pretty(report)?)
        .with_context(|| format!("cannot write {}", raw.display()))
}
