//! Real kills: builds `tools/torture` and runs it.
//!
//! It is a package of its own, so that the tasks here stay quick to build, and is built with the whole
//! workspace, so that it shares what the tests need anyway.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::tools::{Project, cargo, run as run_command};

#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct HarnessOptions {
    /// What the harness is told, such as `--minutes 30`; `--help` names everything
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<String>,
}

/// Builds the server, unless a finished one was named, and tortures it.
pub(crate) fn run(project: &Project, options: &HarnessOptions) -> Result<()> {
    build_server(project)?;
    torture(project, &options.arguments)
}

/// Tortures a server that was built before.
pub(crate) fn torture(project: &Project, arguments: &[String]) -> Result<()> {
    let mut harness = harness(project, "torture", arguments)?;
    run_command(harness.env("ANABRANCH_BIN", project.server_binary()))
}

/// The release build of the server, unless a finished one was named.
pub(crate) fn build_server(project: &Project) -> Result<()> {
    if std::env::var_os("ANABRANCH_BIN").is_some() {
        return Ok(());
    }
    let mut build = cargo();
    build.args(["build", "--quiet", "--release", "--package", "anabranch"]);
    run_command(build.current_dir(&project.root))
}

/// A test that is quick to build. What is built beside a test has the features that its dependencies have in
/// tests, and so is not built anew for them.
const BESIDE: &str = "sdk";

/// A program of `tools/`, built, with its data below the target directory unless it is told
/// otherwise.
pub(crate) fn harness(project: &Project, name: &str, arguments: &[String]) -> Result<Command> {
    let mut build = cargo();
    build.args(["build", "--quiet", "--workspace", "--test", BESIDE, "--bin", name]);
    run_command(build.current_dir(&project.root))?;
    Ok(program(project, "debug", name, arguments))
}

/// The same, of the release build: for what measures, or takes long.
pub(crate) fn harness_released(
    project: &Project,
    name: &str,
    arguments: &[String],
) -> Result<Command> {
    let mut build = cargo();
    build.args(["build", "--quiet", "--release", "--package", name]);
    run_command(build.current_dir(&project.root))?;
    Ok(program(project, "release", name, arguments))
}

fn program(project: &Project, profile: &str, name: &str, arguments: &[String]) -> Command {
    let mut harness = Command::new(project.target.join(profile).join(name));
    if !arguments.iter().any(|argument| argument.starts_with("--data-dir")) {
        harness.arg("--data-dir").arg(project.target.join(name));
    }
    harness.args(arguments);
    harness
}
