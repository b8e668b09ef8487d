//! The rules that no compiler and no lint checks: edges between crates, sizes of files, `unwrap`
//! outside tests, words that belong to somebody's machine.

mod edges;
mod source;
#[cfg(test)]
mod tests;

use std::fs;

use anyhow::{Result, bail};

use crate::tools::Project;

/// Prints every finding; any finding is an error.
pub(crate) fn run(project: &Project) -> Result<()> {
    let mut findings = edges::check(&project.metadata)?;
    let files = project.files()?;
    for file in &files {
        let Ok(text) = fs::read_to_string(project.root.join(file)) else { continue };
        let name = file.to_string_lossy();
        findings.extend(source::check(&name, &text));
    }
    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} files, {} findings", files.len(), findings.len());
    if !findings.is_empty() {
        bail!("{} findings", findings.len());
    }
    Ok(())
}
