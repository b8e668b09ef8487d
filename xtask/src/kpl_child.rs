//! The KPL's child as a program that needs no library of its machine, for two kinds of machines; the tests of the
//! child drive each. These builds take minutes, so that CI has none of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::tools::{Project, apt_install, capture, cargo, is_installed, run as run_command};

/// A kind of machine, and what builds and runs programs for it on a Debian of x86-64.
struct Target {
    triple: &'static str,
    /// The compiler of C.
    compiler: &'static str,
    /// `None`: the machine's own. musl-gcc itself would link the musl of the machine instead of the one that comes
    /// with Rust, and the program would crash at its start.
    linker: Option<&'static str>,
    /// What jemalloc takes as the size of a page, a power of two: where pages are larger it does not start.
    page_bits: &'static str,
    /// The Debian package of the compiler.
    package: &'static str,
    /// Runs its programs here, unless the machine does.
    emulator: Option<&'static str>,
}

const TARGETS: [Target; 2] = [
    Target {
        triple: "x86_64-unknown-linux-musl",
        compiler: "musl-gcc",
        linker: None,
        page_bits: "12",
        package: "musl-tools",
        emulator: None,
    },
    Target {
        triple: "aarch64-unknown-linux-musl",
        compiler: "aarch64-linux-gnu-gcc",
        linker: Some("rust-lld"),
        // Kernels for ARM have pages of 4, 16 or 64 KiB.
        page_bits: "16",
        package: "gcc-aarch64-linux-gnu",
        emulator: Some("qemu-aarch64-static"),
    },
];

/// Builds each, with these arguments of `cargo build` instead of `--release`, and runs the child's tests with it
/// against the server under test.
pub(crate) fn run(project: &Project, arguments: &[String]) -> Result<()> {
    let python = project.python()?;
    for target in &TARGETS {
        let child = target.build(project, arguments)?;
        println!("==> {} of {} bytes", child.display(), fs::metadata(&child)?.len());
        let emulator = target.emulator.map(|name| format!("{name} ")).unwrap_or_default();
        let command = format!("{emulator}{}", child.display());
        run_command(tests(project, &python).env("ANABRANCH_KPL_CHILD", command))?;
    }
    Ok(())
}

/// The child of the program under test takes a million records without pause; `arguments` go to pytest.
pub(crate) fn load(project: &Project, arguments: &[String]) -> Result<()> {
    let mut tests = tests(project, &project.python()?);
    tests.args(["-k", "without_pause"]).args(arguments);
    run_command(tests.env("ANABRANCH_KPL_RECORDS", "1000000"))
}

/// The tests of the child.
fn tests(project: &Project, python: &Path) -> Command {
    let mut tests = project.pytest(python, "tests/python");
    tests.arg("test_kpl_child.py");
    tests
}

impl Target {
    /// Builds the child, and gives its path, under the name of the original.
    fn build(&self, project: &Project, arguments: &[String]) -> Result<PathBuf> {
        self.install()?;
        let variable = self.triple.replace('-', "_");
        let mut build = cargo();
        build.args(["build", "--package", "anabranch", "--target", self.triple]);
        if arguments.is_empty() {
            build.arg("--release");
        }
        build.args(arguments).arg("--message-format=json-render-diagnostics");
        build.env(format!("CC_{variable}"), self.compiler);
        build.env("JEMALLOC_SYS_WITH_LG_PAGE", self.page_bits);
        if let Some(linker) = self.linker {
            build.env(format!("CARGO_TARGET_{}_LINKER", variable.to_uppercase()), linker);
        }
        build.current_dir(&project.root).stderr(Stdio::inherit());
        let built = executable(&capture(&mut build)?).context("cargo names no program")?;
        let directory = project.target.join("kpl-child").join(self.triple);
        fs::create_dir_all(&directory)?;
        let child = directory.join("kinesis_producer");
        fs::copy(&built, &child)?;
        if needs_libraries(&child)? {
            bail!("{} needs an interpreter of its machine: it is not static", child.display());
        }
        Ok(child)
    }

    fn install(&self) -> Result<()> {
        run_command(Command::new("rustup").args(["target", "add", self.triple]))?;
        if !is_installed(self.compiler) {
            apt_install(&[self.package])?;
        }
        match self.emulator {
            Some(emulator) if !is_installed(emulator) => apt_install(&["qemu-user-static"]),
            _ => Ok(()),
        }
    }
}

/// The program of which cargo's messages tell.
fn executable(messages: &[u8]) -> Option<PathBuf> {
    let messages = messages.split(|byte| *byte == b'\n');
    messages.rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_slice(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    })
}

/// Whether a program asks for an interpreter that loads libraries.
fn needs_libraries(program: &Path) -> Result<bool> {
    let headers =
        capture(Command::new("readelf").arg("--program-headers").arg("--wide").arg(program))?;
    Ok(String::from_utf8_lossy(&headers).contains("INTERP"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_itself_is_not_static() {
        let program = std::env::current_exe().expect("a program");
        assert!(needs_libraries(&program).expect("readelf"));
    }

    #[test]
    fn the_program_is_found_in_messages() {
        let messages = b"{\"executable\":null}\n{\"executable\":\"/a\"}\n{\"reason\":\"end\"}\n";
        assert_eq!(executable(messages), Some("/a".into()));
        assert_eq!(executable(b"{}\n"), None);
    }
}
