//! More load than a server can take: builds the harness in `crates/testkit/examples/overload` and
//! runs it, as [`crate::torture`] does with its own.

use anyhow::Result;
use clap::Args;

use crate::tools::{Project, run as run_command};
use crate::torture::{build_server, harness};

#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Options {
    /// What the harness is told, such as `--minutes 5 --factor 4`; `--help` names everything
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

pub(crate) fn run(project: &Project, options: &Options) -> Result<()> {
    build_server(project)?;
    let mut harness = harness(project, "overload", &options.arguments)?;
    run_command(harness.env("ANABRANCH_BIN", project.server_binary()))
}
