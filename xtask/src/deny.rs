//! Licences, banned crates and sources of all dependencies, by `cargo-deny` and `deny.toml`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::tools::{Project, is_installed, run as run_command};

/// Takes the installed `cargo-deny`, else installs one beside the Python of the tests.
pub(crate) fn run(project: &Project) -> Result<()> {
    let program = if is_installed("cargo-deny") {
        PathBuf::from("cargo-deny")
    } else {
        let requirements = "xtask/requirements-deny.txt";
        project.python_with(requirements, "requirements-deny.stamp")?.with_file_name("cargo-deny")
    };
    let mut deny = Command::new(program);
    deny.args(["--locked", "check", "bans", "licenses", "sources"]);
    run_command(deny.current_dir(&project.root))
}
