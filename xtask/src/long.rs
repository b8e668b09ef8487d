//! The longer proofs: those of the producer by `tools/produce_proof`, and those of the KPL's child.

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::kpl_child;
use crate::tools::{Project, run as run_command};
use crate::torture::{build_server, harness, harness_released};

#[derive(Args)]
pub(crate) struct Options {
    /// Which
    #[arg(value_enum)]
    name: Proof,
    /// Arguments passed on to its program, such as `-- --records 1000000 --seed 7`
    #[arg(last = true)]
    arguments: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Proof {
    /// 10 million records through the producer, beside faults, kills and reshards: each of them is checked
    Produce,
    /// Nothing listens for an hour while records are put: memory stays flat, and nothing is lost
    Outage,
    /// The KPL's child without libraries of its machine, for x86-64 and ARM: its tests drive each. What follows
    /// -- goes to cargo instead of --release
    KplChild,
    /// A million records without pause through the KPL's child
    KplLoad,
}

/// What every run of the tests has: small aggregates, so that there are many, and everything more often.
const SHORT: [&str; 16] = [
    "--records",
    "30000",
    "--rate",
    "5000",
    "--keys",
    "400",
    "--aggregation-max-size",
    "2000",
    "--life-seconds",
    "2",
    "--reshard-seconds",
    "0.7",
    "--request-timeout-ms",
    "700",
    "--fault-percent",
    "25",
];

/// What stands before what a caller says.
const OUTAGE: [&str; 4] = ["--outage", "3600", "--rate", "20000"];

/// Builds the server, unless a finished one was named, and runs a proof.
pub(crate) fn run(project: &Project, options: &Options) -> Result<()> {
    build_server(project)?;
    let arguments = &options.arguments;
    match options.name {
        Proof::Produce => prove(project, &[], arguments),
        Proof::Outage => prove(project, &OUTAGE, arguments),
        Proof::KplChild => kpl_child::run(project, arguments),
        Proof::KplLoad => kpl_child::load(project, arguments),
    }
}

fn prove(project: &Project, usual: &[&str], arguments: &[String]) -> Result<()> {
    let usual = usual.iter().map(|one| (*one).to_owned());
    let arguments: Vec<String> = usual.chain(arguments.iter().cloned()).collect();
    let mut proof = harness_released(project, "produce_proof", &arguments)?;
    run_command(proof.env("ANABRANCH_BIN", project.server_binary()))
}

/// Proves it of a server that was built before, for some seconds.
pub(crate) fn prove_shortly(project: &Project) -> Result<()> {
    let mut proof = harness(project, "produce_proof", &SHORT.map(str::to_owned))?;
    run_command(proof.env("ANABRANCH_BIN", project.server_binary()))
}
