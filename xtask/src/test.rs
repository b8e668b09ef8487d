//! One command that installs what the tests need and runs all of them, and one that runs what is
//! quick.
//!
//! Steps run in the order of [`Step`]; a failed step does not stop the others, except that the
//! steps that drive the server are not run when it could not be built. The summary at the end
//! names every step with its time; any failure makes the exit code non-zero.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};

use crate::tools::{Project, cargo, is_installed, run as run_command};
use crate::{deny, drift, long, strangers, tidy, torture};

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Run only these steps (may be repeated or separated by commas)
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Step>,
    /// Arguments passed on to pytest, such as `-- -k retention -x`
    #[arg(last = true)]
    pytest_arguments: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Step {
    /// cargo fmt --check
    Fmt,
    /// Edges, circles, sizes, words
    Tidy,
    /// Licences, banned crates and sources of dependencies
    Deny,
    /// cargo clippy with warnings denied
    Clippy,
    /// The release build of the server
    Build,
    /// Unit and integration tests in Rust
    Rust,
    /// Our operations against the newest botocore model
    Drift,
    /// boto3, AWS CLI, CBOR, raw sockets, flights
    Python,
    /// The JavaScript SDK over HTTP/2 and HTTP/1.1
    Js,
    /// The Java KCL with Python and Node.js record processors
    Kcl,
    /// All attacks of strangers at once, for some seconds
    Strangers,
    /// Records through the producer beside faults, kills and reshards, for some seconds
    Produce,
    /// The server killed again and again under load, for two minutes
    Torture,
    /// Of `rust` what needs no server
    #[value(skip)]
    Unit,
}

/// What to run after every change.
const QUICK: [Step; 4] = [Step::Fmt, Step::Tidy, Step::Clippy, Step::Unit];

impl Step {
    fn needs_server(self) -> bool {
        match self {
            Self::Fmt | Self::Tidy | Self::Deny | Self::Clippy | Self::Build | Self::Unit => false,
            Self::Rust | Self::Drift | Self::Python | Self::Js | Self::Kcl => true,
            Self::Strangers | Self::Produce | Self::Torture => true,
        }
    }

    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

enum Outcome {
    Passed,
    Failed(String),
    NotRun,
}

/// Runs the chosen steps and prints the summary.
pub(crate) fn run(project: &Project, options: &Options) -> Result<()> {
    let steps = chosen_steps(&options.only, std::env::var_os("ANABRANCH_BIN").is_some());
    run_steps(project, &steps, options)
}

/// Runs what is quick, and prints the summary.
pub(crate) fn quick(project: &Project) -> Result<()> {
    run_steps(project, &QUICK, &Options::default())
}

fn run_steps(project: &Project, steps: &[Step], options: &Options) -> Result<()> {
    let begun = Instant::now();
    let mut results = Vec::new();
    let mut built = true;
    for &step in steps {
        println!("==> {}", step.name());
        let started = Instant::now();
        let outcome = if step.needs_server() && !built {
            Outcome::NotRun
        } else {
            match perform(project, step, options) {
                Ok(()) => Outcome::Passed,
                Err(error) => Outcome::Failed(format!("{error:#}")),
            }
        };
        if step == Step::Build {
            built = matches!(outcome, Outcome::Passed);
        }
        let took = started.elapsed();
        println!("{}", line(step, &outcome, took));
        results.push((step, outcome, took));
    }
    summarize(&results, begun.elapsed())
}

/// The steps to run, in their order; those that drive the server bring its build with them unless
/// a finished binary was named.
fn chosen_steps(only: &[Step], has_binary: bool) -> Vec<Step> {
    let wants = |step: &Step| only.is_empty() || only.contains(step);
    let wants_server = !has_binary && only.iter().any(|step| step.needs_server());
    Step::value_variants()
        .iter()
        .copied()
        .filter(|step| wants(step) || (*step == Step::Build && wants_server))
        .collect()
}

fn perform(project: &Project, step: Step, options: &Options) -> Result<()> {
    let mut command = cargo();
    command.current_dir(&project.root).env("ANABRANCH_BIN", project.server_binary());
    match step {
        Step::Fmt => run_command(command.args(["fmt", "--all", "--check"])),
        Step::Tidy => tidy::run(project, &tidy::Options::default()),
        Step::Deny => deny::run(project),
        Step::Clippy => run_command(command.args([
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ])),
        Step::Build => run_command(
            command
                .args(["build", "--release", "--package", "anabranch"])
                .env_remove("ANABRANCH_BIN"),
        ),
        Step::Rust => run_command(rust_tests(&mut command)),
        Step::Unit => run_command(rust_tests(&mut command).args(["--lib", "--bins"])),
        Step::Drift => drift::run(project),
        Step::Python => {
            let python = project.python()?;
            run_command(&mut measured_pytest(project, &python, "tests/python", options))
        }
        Step::Js => {
            let directory = project.javascript("tests/js")?;
            run_command(
                Command::new("node")
                    .arg("--test")
                    .current_dir(directory)
                    .env("ANABRANCH_BIN", project.server_binary()),
            )
        }
        Step::Kcl => {
            let python = project.python_with_kcl()?;
            project.javascript("tests/kcl")?;
            run_command(&mut measured_pytest(project, &python, "tests/kcl", options))
        }
        Step::Strangers => strangers::attack_shortly(project),
        Step::Produce => long::prove_shortly(project),
        Step::Torture => torture::torture(project, &["--minutes".to_owned(), "2".to_owned()]),
    }
}

fn rust_tests(command: &mut Command) -> &mut Command {
    if is_installed("cargo-nextest") {
        command.args(["nextest", "run"]);
    } else {
        command.arg("test");
    }
    command.args(["--workspace", "--no-fail-fast"])
}

fn measured_pytest(
    project: &Project,
    python: &Path,
    directory: &str,
    options: &Options,
) -> Command {
    let mut command = project.pytest(python, directory);
    command.arg("--durations=10").args(&options.pytest_arguments);
    command
}

fn line(step: Step, outcome: &Outcome, took: Duration) -> String {
    let name = step.name();
    let seconds = took.as_secs_f64();
    match outcome {
        Outcome::Passed => format!("ok      {name:<9} {seconds:8.1} s"),
        Outcome::Failed(error) => format!("FAILED  {name:<9} {seconds:8.1} s  {error}"),
        Outcome::NotRun => format!("not run {name:<9}             the server was not built"),
    }
}

fn summarize(results: &[(Step, Outcome, Duration)], total: Duration) -> Result<()> {
    println!("\n==> summary");
    for (step, outcome, took) in results {
        println!("{}", line(*step, outcome, *took));
    }
    let passed =
        results.iter().filter(|(_, outcome, _)| matches!(outcome, Outcome::Passed)).count();
    let failed = results.len() - passed;
    println!("{:.1} s in all; steps: {passed} passed, {failed} failed", total.as_secs_f64());
    if failed > 0 {
        bail!("{failed} of {} steps failed", results.len());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_steps_run_unless_some_are_named() {
        assert_eq!(chosen_steps(&[], false), Step::value_variants());
        assert_eq!(chosen_steps(&[Step::Tidy, Step::Fmt], false), [Step::Fmt, Step::Tidy]);
    }

    #[test]
    fn a_step_that_drives_the_server_builds_it_first() {
        assert_eq!(chosen_steps(&[Step::Python], false), [Step::Build, Step::Python]);
        assert_eq!(chosen_steps(&[Step::Python], true), [Step::Python]);
    }

    #[test]
    fn one_failed_step_fails_the_run() {
        let passed = (Step::Fmt, Outcome::Passed, Duration::ZERO);
        let failed = (Step::Rust, Outcome::Failed("x".to_owned()), Duration::ZERO);
        let not_run = (Step::Js, Outcome::NotRun, Duration::ZERO);
        assert!(summarize(&[(Step::Fmt, Outcome::Passed, Duration::ZERO)], Duration::ZERO).is_ok());
        assert!(summarize(&[passed, failed], Duration::ZERO).is_err());
        assert!(summarize(&[not_run], Duration::ZERO).is_err());
    }
}
