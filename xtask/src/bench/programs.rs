//! The programs that take part: built, found, or installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::tools::{Project, capture, cargo, run};

/// The peer's version: figures are comparable only between runs against the same one.
const FERROKINESIS_VERSION: &str = "0.7.0";

/// Where the programs are.
pub(crate) struct Programs {
    pub(crate) anabranch: PathBuf,
    pub(crate) ferrokinesis: PathBuf,
    pub(crate) read_body: PathBuf,
    pub(crate) sync_bandwidth: PathBuf,
}

impl Programs {
    pub(crate) fn prepare(project: &Project) -> Result<Self> {
        if std::env::var_os("ANABRANCH_BIN").is_none() {
            build(project, &["--package", "anabranch"])?;
        }
        build(project, &["--package", "anabranch-server", "--example", "read_body"])?;
        build(project, &["--package", "anabranch-storage", "--example", "sync_bandwidth"])?;
        let examples = project.target.join("release").join("examples");
        Ok(Self {
            anabranch: project.server_binary(),
            ferrokinesis: ferrokinesis(&project.root.join("target").join("peers"))?,
            read_body: examples.join("read_body"),
            sync_bandwidth: examples.join("sync_bandwidth"),
        })
    }

    /// Names and versions of the two servers.
    pub(crate) fn versions(&self) -> Result<Vec<String>> {
        let ours = capture(Command::new(&self.anabranch).arg("--version"))?;
        let theirs = installed_version(&self.ferrokinesis);
        Ok(vec![
            String::from_utf8_lossy(&ours).trim().to_owned(),
            format!("ferrokinesis {}", theirs.as_deref().unwrap_or("of unknown version")),
        ])
    }
}

fn build(project: &Project, what: &[&str]) -> Result<()> {
    let mut command = Command::new(cargo());
    run(command.args(["build", "--quiet", "--release"]).args(what).current_dir(&project.root))
}

/// The peer: on `PATH`, else installed below `root`.
fn ferrokinesis(root: &Path) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|place| place.join("ferrokinesis"));
    if let Some(program) = places.find(|program| program.is_file()) {
        return Ok(program);
    }
    let program = root.join("bin").join("ferrokinesis");
    if !program.exists() {
        run(Command::new(cargo())
            .args(["install", "ferrokinesis", "--quiet", "--locked"])
            .args(["--version", FERROKINESIS_VERSION, "--root"])
            .arg(root))?;
    }
    Ok(program)
}

/// The peer does not tell its version, but cargo notes what it installs.
fn installed_version(program: &Path) -> Option<String> {
    let notes = std::fs::read_to_string(program.parent()?.parent()?.join(".crates.toml")).ok()?;
    let (_, after) = notes.split_once("\"ferrokinesis ")?;
    after.split(' ').next().map(str::to_owned)
}

/// A command as one would type it, without the directory of the program.
pub(crate) fn command_line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let words: Vec<_> = std::iter::once(name)
        .chain(command.get_args())
        .map(std::ffi::OsStr::to_string_lossy)
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_name_programs_without_their_place() {
        let mut command = Command::new("/a/b/anabranch");
        assert_eq!(command_line(&command), "anabranch");
        assert_eq!(command_line(command.args(["serve", "/y"])), "anabranch serve /y");
    }
}
