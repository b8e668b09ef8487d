//! What strangers take from known callers: builds `tools/strangers` and runs it, as [`crate::torture`] does with
//! its own.

use anyhow::Result;

use crate::tools::{Project, run as run_command};
use crate::torture::{HarnessOptions, build_server, harness};

/// What every run of the tests asserts: no errors, good health, and the sum of memory, while all attacks go
/// on at once. Rates are for a machine that does nothing else. In memory, so that a disk that stalls for
/// seconds is not taken for what strangers did.
const SHORT: [&str; 6] = [
    "--rounds",
    "0",
    "--all-seconds",
    "6",
    "--server-flags",
    "--durability memory --memory-full drop-oldest",
];

/// Builds the server, unless a finished one was named, and attacks it.
pub(crate) fn run(project: &Project, options: &HarnessOptions) -> Result<()> {
    build_server(project)?;
    attack(project, &options.arguments)
}

/// Attacks a server that was built before, for some seconds.
pub(crate) fn attack_shortly(project: &Project) -> Result<()> {
    attack(project, &SHORT.map(str::to_owned))
}

fn attack(project: &Project, arguments: &[String]) -> Result<()> {
    let mut harness = harness(project, "strangers", arguments)?;
    run_command(harness.env("ANABRANCH_BIN", project.server_binary()))
}
