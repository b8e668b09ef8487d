//! The rules that no compiler and no lint checks: edges between crates, circles inside them, sizes
//! of files, `unwrap` outside tests, names in the documents, words that belong to somebody's machine.

mod circles;
mod code_spans;
mod documents;
mod edges;
mod source;
#[cfg(test)]
mod tests;

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::tools::Project;

#[derive(Args, Default)]
pub(crate) struct Options {
    /// Look only for import circles, in these crates [default: all]
    #[arg(long, value_name = "CRATE", num_args = 0..)]
    circles: Option<Vec<String>>,
}

/// Prints every finding; any finding is an error.
pub(crate) fn run(project: &Project, options: &Options) -> Result<()> {
    let findings = match &options.circles {
        Some(crates) => circles::check(&project.metadata, crates)?,
        None => all_findings(project)?,
    };
    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} findings", findings.len());
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    Ok(())
}

fn all_findings(project: &Project) -> Result<Vec<String>> {
    let mut findings = edges::check(&project.metadata)?;
    findings.extend(circles::check(&project.metadata, &[])?);
    let files = project.files()?;
    for file in &files {
        let Ok(text) = fs::read_to_string(project.root.join(file)) else { continue };
        let name = file.to_string_lossy();
        findings.extend(source::check(&name, &text));
    }
    findings.extend(documents::check(project)?);
    findings.extend(code_spans::check(project, &files));
    findings.extend(check_plot(project)?);
    Ok(findings)
}

/// Whether the plot of the benchmarks is that of the page.
fn check_plot(project: &Project) -> Result<Option<String>> {
    let mut plot = Command::new("python3");
    plot.arg(project.root.join("docs/plot_benchmarks.py")).arg("--check");
    let checked = plot.output().context("cannot run python3")?;
    let said = String::from_utf8_lossy(&checked.stderr).trim().to_owned();
    Ok((!checked.status.success()).then_some(said))
}
