//! What strangers take from known callers: builds `tools/strangers` and runs it, as [`crate::torture`] does with
//! its own.

use anyhow::Result;

use crate::tools::{Project, run as run_command};
use crate::torture::{HarnessOptions, build_server, harness};

pub(crate) fn run(project: &Project, options: &HarnessOptions) -> Result<()> {
    build_server(project)?;
    let mut harness = harness(project, "strangers", &options.arguments)?;
    run_command(harness.env("ANABRANCH_BIN", project.server_binary()))
}
