//! A real server for tests and tools: the executable itself, on a port of its own choosing, over a
//! directory of its own, ended with the value that stands for it.

#![expect(clippy::disallowed_methods, reason = "a server is driven from outside")]

pub mod log_lines;
pub mod pattern;
mod port;
pub mod process;
mod server_process;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::process::Command;

pub use port::Port;
pub use server_process::ServerProcess;

/// A running server. It is killed when this is dropped, and its data goes with it.
pub struct TestServer {
    running: Running,
    flags: Vec<OsString>,
    data: TempDir,
}

struct Running {
    endpoint: String,
    process: ServerProcess,
}

impl TestServer {
    /// An open server without rate limits or visible transitions.
    pub async fn start() -> Result<Self> {
        Self::start_with(["--limits", "off", "--transition-ms", "0"]).await
    }

    /// A server with these flags of `anabranch serve` besides the address and the directory.
    pub async fn start_with<S: AsRef<OsStr>>(flags: impl IntoIterator<Item = S>) -> Result<Self> {
        Self::start_below(&std::env::temp_dir(), flags).await
    }

    /// The same, with its data in a new directory below this one.
    pub async fn start_below<S: AsRef<OsStr>>(
        directory: &Path,
        flags: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        let data = tempfile::tempdir_in(directory);
        let data = data.context("cannot make a directory for the server")?;
        let flags: Vec<_> = flags.into_iter().map(|flag| flag.as_ref().to_owned()).collect();
        let running = Running::start(data.path(), &flags).await?;
        Ok(Self { running, flags, data })
    }

    /// Kills the server, and starts it again over its data, with another address.
    pub async fn restart(&mut self) -> Result<()> {
        self.running.process.kill().await.context("the server cannot be ended")?;
        self.running = Running::start(self.data.path(), &self.flags).await?;
        Ok(())
    }

    /// The URL that clients are given.
    pub fn endpoint(&self) -> &str {
        &self.running.endpoint
    }

    /// The process, if it has not ended.
    pub fn pid(&self) -> Option<u32> {
        self.running.process.pid()
    }
}

impl Running {
    async fn start(directory: &Path, flags: &[OsString]) -> Result<Self> {
        let binary = binary()?;
        let mut command = Command::new(&binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
        command.arg(directory.join("data")).args(flags);
        let mut process = ServerProcess::spawn(&mut command)?;
        let (endpoint, _) = process.listening().await?;
        Ok(Self { endpoint, process })
    }
}

/// `ANABRANCH_BIN`, else what cargo has built beside the running tool, or above the running test.
fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("ANABRANCH_BIN") {
        return Ok(path.into());
    }
    let running = std::env::current_exe().context("cannot tell what is running")?;
    let mut places = running.ancestors().skip(1).take(2).map(|place| place.join("anabranch"));
    places.find(|place| place.is_file()).with_context(|| {
        format!("no server executable; set ANABRANCH_BIN or build one, path={}", running.display())
    })
}
