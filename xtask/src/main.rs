//! Project tasks, run as `cargo xtask <task>`.
//!
//! `test` is the whole check of the project on a fresh machine, and what CI runs; `quick` is the part
//! of it that needs no server. `drift` compares
//! the operations that the server implements with the vendor's published service model. `sbom` writes
//! what a release consists of. `tidy`
//! holds the rules that no compiler and no lint checks.

mod bench;
mod deny;
mod drift;
mod kpl_child;
mod long;
mod overload;
mod sbom;
mod strangers;
mod test;
mod tidy;
mod tools;
mod torture;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::tools::Project;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Project tasks")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Installs what the tests need, then runs all of them
    Test(test::Options),
    /// Checks format, rules and warnings, and runs the unit tests: after every change
    Quick,
    /// Compares our operations with the newest botocore model
    Drift,
    /// Measures the server beside peers and beside the limits of machine and disk
    Bench(bench::Options),
    /// Offers the server several times what it can take, and tells what it does
    Overload(torture::HarnessOptions),
    /// Attacks the server as strangers would, and fails if a known caller keeps less than 0.9 of its rate
    Strangers(torture::HarnessOptions),
    /// Runs one of the longer proofs
    Long(long::Options),
    /// Kills the server under load again and again, and checks what it has acknowledged
    Torture(torture::HarnessOptions),
    /// Writes a bill of materials of the program, in CycloneDX's JSON
    Sbom,
    /// Checks crate edges, import circles, file sizes and words that must not be committed
    Tidy(tidy::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = Project::locate().and_then(|project| match arguments.task {
        Task::Test(options) => test::run(&project, &options),
        Task::Quick => test::quick(&project),
        Task::Drift => drift::run(&project),
        Task::Bench(options) => bench::run(&project, &options),
        Task::Overload(options) => overload::run(&project, &options),
        Task::Strangers(options) => strangers::run(&project, &options),
        Task::Long(options) => long::run(&project, &options),
        Task::Torture(options) => torture::run(&project, &options),
        Task::Sbom => sbom::run(&project),
        Task::Tidy(options) => tidy::run(&project, &options),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
