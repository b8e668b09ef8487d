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

use anyhow::{Result, bail};
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
    Ok(findings)
}
