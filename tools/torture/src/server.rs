//! The server under torture: a real process on a directory that outlives it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anabranch_testkit::ServerProcess;
use anyhow::{Context, Result, ensure};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::config::{
    BehaviorVersion, Config, Credentials, Region, StalledStreamProtectionConfig,
};
use tokio::process::Command;

pub(crate) const ACCESS_KEY: &str = "AKIATORTUREONLY00000";
pub(crate) const SECRET_KEY: &str = "a-secret-that-only-this-harness-knows-00";
pub(crate) const REGION: &str = "eu-central-1";
/// How long a request may take while the server runs.
const REQUEST_MAX: Duration = Duration::from_secs(60);

/// How servers are started.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) binary: PathBuf,
    /// Holds `data`, the server's directory, its log and its credentials.
    pub(crate) directory: PathBuf,
    pub(crate) journal_file_bytes: String,
    pub(crate) tail_cache_bytes: String,
    pub(crate) shard_write_bytes: String,
}

impl Setup {
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    fn credentials(&self) -> PathBuf {
        self.directory.join("credentials.toml")
    }

    /// Makes the file of the only key.
    pub(crate) async fn add_credentials(&self) -> Result<()> {
        let mut command = Command::new(&self.binary);
        command.args(["credentials", "add", "--user", "torture", "--file"]);
        command.arg(self.credentials());
        command.args(["--access-key-id", ACCESS_KEY, "--secret-access-key", SECRET_KEY]);
        run(&mut command).await
    }

    /// Reads and verifies the directory of a server that has stopped.
    pub(crate) async fn inspect(&self) -> Result<()> {
        run(Command::new(&self.binary).arg("inspect").arg(self.data())).await
    }

    pub(crate) fn spawn(&self) -> Result<ServerProcess> {
        let log = append_to(&self.log())?;
        let mut command = Command::new(&self.binary);
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(self.data())
            .arg("--credentials")
            .arg(self.credentials())
            .args(["--journal-file-bytes", &self.journal_file_bytes])
            .args(["--tail-cache-bytes", &self.tail_cache_bytes])
            // Reads are as fast as they can be, writes meet their limit now and then.
            .args(["--limits", "off", "--limit-shard-write-bytes", &self.shard_write_bytes])
            .stderr(log);
        ServerProcess::spawn(&mut command)
    }
}

async fn run(command: &mut Command) -> Result<()> {
    let output = command.output().await.with_context(|| format!("cannot run {command:?}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}: {complaint}", output.status);
    Ok(())
}

fn append_to(path: &Path) -> Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.with_context(|| format!("cannot open {}", path.display()))
}

/// A client that signs and does not retry: what was sent how often is the producers' business.
pub(crate) fn client(endpoint: &str) -> Client {
    let timeouts = TimeoutConfig::builder().operation_timeout(REQUEST_MAX).build();
    Client::from_conf(
        Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "torture"))
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build(),
    )
}

/// The same client for a server that has moved.
pub(crate) fn moved(client: &Client, endpoint: &str) -> Client {
    Client::from_conf(client.config().to_builder().endpoint_url(endpoint).build())
}
