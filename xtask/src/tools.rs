//! Where things are, how commands are run, and what is installed for the tests.
//!
//! Everything installed lands in `target/venv` and in `node_modules` of `tests/js` and `tests/kcl`.
//! A stamp file beside each holds the hash of what was asked for, so that an unchanged request
//! costs nothing. Only programs (Node.js, Java) come from the system's packages.

use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The directories of this checkout.
pub(crate) struct Project {
    /// The root of the workspace.
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds.
    pub(crate) target: PathBuf,
    /// `cargo metadata --no-deps` of the workspace.
    pub(crate) metadata: serde_json::Value,
}

impl Project {
    pub(crate) fn locate() -> Result<Self> {
        let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = manifest_dir.parent().context("xtask lies inside the workspace")?.to_path_buf();
        let output = cargo()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(&root)
            .output()
            .context("cannot run cargo metadata")?;
        if !output.status.success() {
            bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let target = metadata["target_directory"]
            .as_str()
            .context("cargo metadata names no target directory")?
            .into();
        Ok(Self { root, target, metadata })
    }

    /// The server under test: `ANABRANCH_BIN`, else the release build.
    pub(crate) fn server_binary(&self) -> PathBuf {
        match std::env::var_os("ANABRANCH_BIN") {
            Some(path) => path.into(),
            None => self.target.join("release").join("anabranch"),
        }
    }

    fn venv(&self) -> PathBuf {
        self.root.join("target").join("venv")
    }

    /// The venv's Python, with everything in `tests/python/requirements.txt` installed, and what stands in
    /// `requirements-alone.txt` without its dependencies.
    pub(crate) fn python(&self) -> Result<PathBuf> {
        let python = self.python_with("tests/python/requirements.txt", "requirements.stamp")?;
        let (alone, stamp) = ("tests/python/requirements-alone.txt", "requirements-alone.stamp");
        self.install_python(&python, alone, stamp, &["--no-deps"])?;
        Ok(python)
    }

    /// The same Python, with everything in a file of requirements; each file has a stamp of its own.
    pub(crate) fn python_with(&self, requirements: &str, stamp: &str) -> Result<PathBuf> {
        let venv = self.venv();
        let python = venv.join("bin").join("python");
        if !python.exists() {
            self.create_venv(&venv)?;
        }
        self.install_python(&python, requirements, stamp, &[])?;
        Ok(python)
    }

    /// The same Python, with the Java KCL, a Java to run it and a DynamoDB for its leases.
    pub(crate) fn python_with_kcl(&self) -> Result<PathBuf> {
        self.python()?;
        let python = self.python_with("tests/kcl/requirements.txt", "requirements-kcl.stamp")?;
        if !is_installed("java") {
            apt_install(&["openjdk-17-jre-headless"])?;
        }
        Ok(python)
    }

    /// The tests of a directory with that Python, of the server under test.
    pub(crate) fn pytest(&self, python: &Path, directory: &str) -> Command {
        let mut command = Command::new(python);
        command.args(["-m", "pytest"]).current_dir(self.root.join(directory));
        command.env("ANABRANCH_BIN", self.server_binary());
        command
    }

    fn install_python(
        &self,
        python: &Path,
        requirements: &str,
        stamp: &str,
        flags: &[&str],
    ) -> Result<()> {
        let requirements = self.root.join(requirements);
        let stamp = Stamp::of(self.venv().join(stamp), &[&requirements])?;
        if stamp.is_current() {
            return Ok(());
        }
        run(Command::new(python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(flags)
            .args(["--upgrade", "--requirement"])
            .arg(&requirements))?;
        stamp.write()
    }

    fn create_venv(&self, venv: &Path) -> Result<()> {
        if let Some(parent) = venv.parent() {
            fs::create_dir_all(parent)?;
        }
        let create = || run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(venv));
        if create().is_ok() {
            return Ok(());
        }
        // Debian ships Python without the part that fills a venv.
        apt_install(&["python3", "python3-venv"])?;
        create()
    }

    /// A directory of the project with a `package.json`, with its packages installed.
    pub(crate) fn javascript(&self, directory: &str) -> Result<PathBuf> {
        let directory = self.root.join(directory);
        let lock = directory.join("package-lock.json");
        let modules = directory.join("node_modules");
        let stamp = Stamp::of(modules.join(".stamp"), &[&lock, &directory.join("package.json")])?;
        if !stamp.is_current() {
            if !is_installed("node") || !is_installed("npm") {
                apt_install(&["nodejs", "npm"])?;
            }
            run(Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund", "--loglevel", "error"])
                .current_dir(&directory))?;
            stamp.write()?;
        }
        Ok(directory)
    }

    /// Files that are or could be committed, relative to the root.
    pub(crate) fn files(&self) -> Result<Vec<PathBuf>> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(&self.root)
            .output()
            .context("cannot run git ls-files")?;
        if !output.status.success() {
            bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        let names = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
        let mut files: Vec<PathBuf> = names.split_terminator('\0').map(PathBuf::from).collect();
        files.retain(|file| self.root.join(file).is_file());
        files.sort();
        files.dedup();
        Ok(files)
    }
}

/// The cargo that runs us, so that its toolchain is also the one we use.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What it says of our own package would make it build again what others have built: some build
    // scripts (ring's) ask to run again when these change.
    for (name, _) in std::env::vars_os() {
        let is_ours =
            |name: &str| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|p| name.starts_with(p));
        if name.to_str().is_some_and(is_ours) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end with our own input and output; any exit code but 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.status().with_context(|| format!("cannot run {shown}"))?;
    if !status.success() {
        bail!("{shown}: {status}");
    }
    Ok(())
}

/// Runs a command to its end and returns what it printed on stdout.
pub(crate) fn capture(command: &mut Command) -> Result<Vec<u8>> {
    let shown = shown(command);
    let output = command.output().with_context(|| format!("cannot run {shown}"))?;
    if !output.status.success() {
        bail!("{shown}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}

fn shown(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .collect();
    words.join(" ").chars().take(200).collect()
}

/// Whether a program can be started at all.
pub(crate) fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

pub(crate) fn apt_install(packages: &[&str]) -> Result<()> {
    let is_root = capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim_ascii() == b"0");
    if !is_root || !is_installed("apt-get") {
        bail!("please install these packages first: {}", packages.join(" "));
    }
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    run(Command::new("apt-get")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive"))
}

/// Remembers for which request an installation was made.
struct Stamp {
    path: PathBuf,
    wanted: String,
}

impl Stamp {
    fn of(path: PathBuf, inputs: &[&Path]) -> Result<Self> {
        let mut hasher = DefaultHasher::new();
        for input in inputs {
            let bytes =
                fs::read(input).with_context(|| format!("cannot read {}", input.display()))?;
            bytes.hash(&mut hasher);
        }
        Ok(Self { path, wanted: format!("{:016x}\n", hasher.finish()) })
    }

    fn is_current(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|found| found == self.wanted)
    }

    fn write(&self) -> Result<()> {
        fs::write(&self.path, &self.wanted)
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}
