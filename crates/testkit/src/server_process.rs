//! A server's process, for those who decide themselves about its life.

use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::process::{self, Memory};

/// How long a server may take until it listens, or to stop when told to.
const TRANSITION_MAX: Duration = Duration::from_secs(60);

/// A process. It is killed when this is dropped.
#[derive(Debug)]
pub struct ServerProcess {
    process: Child,
    // Kept open: a server whose output nobody can take would fail on its next line.
    stdout: BufReader<ChildStdout>,
    begun: Instant,
}

impl ServerProcess {
    /// Starts `anabranch serve`. The command's input and output are not its caller's to choose.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let begun = Instant::now();
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {:?}", command.as_std().get_program()))?;
        let stdout = process.stdout.take().context("the server's output is not piped")?;
        Ok(Self { process, stdout: BufReader::new(stdout), begun })
    }

    /// Waits until it listens; tells at which URL, and how long that took since its start.
    pub async fn listening(&mut self) -> Result<(String, Duration)> {
        let mut line = String::new();
        let reading = self.stdout.read_line(&mut line);
        let read = tokio::time::timeout(TRANSITION_MAX, reading).await;
        read.context("the server does not say that it listens")??;
        let endpoint = line.trim_end().strip_prefix("listening on ");
        let endpoint = endpoint.with_context(|| format!("the server's first line is {line:?}"))?;
        Ok((endpoint.to_owned(), self.begun.elapsed()))
    }

    /// Waits for its end, which nobody has asked for.
    pub async fn ended(&mut self) -> anyhow::Error {
        match self.process.wait().await {
            Ok(status) => anyhow::anyhow!("the server ended by itself: {status}"),
            Err(error) => error.into(),
        }
    }

    /// As `kill -9`.
    pub async fn kill(&mut self) -> Result<()> {
        if let Some(status) = self.process.try_wait()? {
            bail!("the server had ended by itself: {status}");
        }
        Ok(self.process.kill().await?)
    }

    /// As `kill -TERM`: it must end well.
    pub async fn terminate(&mut self) -> Result<()> {
        let pid = self.process.id().context("the server had ended by itself")?;
        let pid = rustix::process::Pid::from_raw(pid.cast_signed()).context("no process id")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        let status = tokio::time::timeout(TRANSITION_MAX, self.process.wait()).await;
        let status: ExitStatus = status.context("the server does not stop")??;
        ensure!(status.success(), "the server stopped with {status}");
        Ok(())
    }

    /// Its id, unless it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Its memory, unless it has ended.
    pub fn memory(&self) -> Option<Memory> {
        process::memory(self.process.id()?)
    }
}
