//! `anabranch serve`: run a server until it is told to stop.

use std::path::PathBuf;

use std::io::IsTerminal;
use std::sync::Arc;

use anabranch_engine::StoreHealth;
use anabranch_env::{RealDisk, SystemClock};
use anabranch_server::RunningServer;
use anyhow::Context;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::log_writer::LogWriter;
use crate::output;
use crate::settings::{LogFormat, ServeLayer, ServeSettings};
use crate::systemd::{Notice, ServiceManager};

/// Run a server until SIGINT or SIGTERM.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch serve
  anabranch serve --durability memory --limits off          a fast mock, nothing on disk
  anabranch serve --listen 0.0.0.0:443 --credentials keys.toml \\
      --tls-cert cert.pem --tls-key key.pem --data-dir /var/lib/anabranch
  anabranch serve --config /etc/anabranch.toml --check-config

Every flag is also an environment variable (ANABRANCH_DATA_DIR) and a key of the config file
(data-dir = \"/var/lib/anabranch\"). Flags beat the environment, which beats the file.")]
pub(crate) struct ServeArgs {
    /// TOML file of settings; its keys are the names of the flags
    #[arg(long, env = "ANABRANCH_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the merged settings as TOML and exit without serving
    #[arg(long)]
    check_config: bool,
    #[command(flatten)]
    layer: ServeLayer,
}

impl ServeArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let check_only = self.check_config;
        let settings = self.into_settings()?;
        if check_only {
            return output::write_stdout(settings.to_toml().as_bytes());
        }
        serve(settings)
    }

    /// Merges file, environment and flags.
    fn into_settings(self) -> anyhow::Result<ServeSettings> {
        let file = match &self.config {
            Some(path) => ServeLayer::from_file(path)?,
            None => ServeLayer::default(),
        };
        self.layer.over(file).into_settings()
    }
}

fn serve(settings: ServeSettings) -> anyhow::Result<()> {
    // Connections have threads of their own.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    // Before the log: its first line may be the one that is too much.
    let outlived = runtime.block_on(async { outlive_large_files() });
    outlived.context("cannot watch for SIGXFSZ")?;
    let log = start_log(&settings)?;
    check_file_sizes(settings.memory.journal_file_bytes, anabranch_env::file_size_limit())?;
    let mut settings = settings;
    if settings.memory.exceeds(anabranch_env::available_memory()) {
        let limit = settings.memory.limit;
        tracing::warn!(
            limit,
            "there is less memory than --memory-limit: the system may end the server when it is used"
        );
    }
    if let Some(files) = anabranch_env::raise_open_files_limit() {
        let allowed = connections_of(files);
        if allowed < settings.memory.max_connections {
            let wanted = settings.memory.max_connections;
            tracing::warn!(
                files,
                wanted,
                allowed,
                "fewer connections than --max-connections: raise the limit of open files"
            );
            settings.memory.max_connections = allowed;
        }
    }
    let outcome = runtime.block_on(serve_until_told(settings));
    log.flush();
    outcome
}

/// From now on a file that would become larger than `ulimit -f` is a write that fails, and does not end
/// the process.
fn outlive_large_files() -> std::io::Result<()> {
    // What tells of the signal is not wanted; that somebody was told stays so when it is gone.
    signal(SignalKind::from_raw(anabranch_env::FILE_TOO_LARGE)).map(drop)
}

/// A segment has what a journal file has, and a little more.
fn check_file_sizes(journal_file_bytes: u64, limit: Option<u64>) -> anyhow::Result<()> {
    let wanted = journal_file_bytes + journal_file_bytes / 4;
    if let Some(limit) = limit.filter(|limit| *limit < wanted) {
        anyhow::bail!(
            "files may have {limit} bytes at most (`ulimit -f`), and a file of --journal-file-bytes \
             needs {wanted}: raise the limit"
        );
    }
    Ok(())
}

/// Journal, segments and what the runtime needs.
const FILES_BESIDE_CONNECTIONS: u64 = 512;

/// Connections that leave enough of so many files for the data; of few files, half.
fn connections_of(files: u64) -> u32 {
    let beside = FILES_BESIDE_CONNECTIONS.min(files.div_ceil(2));
    u32::try_from(files.saturating_sub(beside)).unwrap_or(u32::MAX).max(1)
}

fn start_log(settings: &ServeSettings) -> anyhow::Result<LogWriter> {
    let filter = EnvFilter::try_new(&settings.log_level)
        .with_context(|| format!("not a log filter log_level={:?}", settings.log_level))?;
    let writer = LogWriter::start().context("cannot start the log's thread")?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer.clone());
    match settings.log_format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
    }
    Ok(writer)
}

async fn serve_until_told(settings: ServeSettings) -> anyhow::Result<()> {
    // Before anything is announced: whoever waits for the announcement may stop us at once.
    let mut terminate = signal(SignalKind::terminate()).context("cannot watch for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot watch for SIGINT")?;
    let mut hang_up = match anabranch_env::ignores_hang_up() {
        // As `nohup` wants it: whoever started it is not to reach it by a hang-up.
        true => None,
        false => Some(signal(SignalKind::hangup()).context("cannot watch for SIGHUP")?),
    };
    let clock = Arc::new(SystemClock::default());
    let starting = anabranch_server::bind(settings.to_server(), clock)?;
    let admin = starting.admin_address.map(|address| format!("http://{address}"));
    tracing::info!(
        address = %starting.address,
        admin = admin.as_deref().unwrap_or("off"),
        "starting: the journal is read"
    );
    let server = starting.open(Arc::new(RealDisk)).await?;
    announce(&settings, &server);
    let manager = service_manager();
    tell(manager.as_ref(), Notice::Ready);
    tokio::select! {
        () = keep_alive(manager.as_ref(), &server) => {}
        () = reload_at_each(hang_up.as_mut(), &server) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tell(manager.as_ref(), Notice::Stopping);
    server.drain();
    if !settings.lame_duck.is_zero() {
        tracing::info!("draining: probes are told, requests are answered");
        tokio::select! {
            () = tokio::time::sleep(settings.lame_duck) => {}
            // Told twice: at once.
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
    tracing::info!("stopping: no new connections, requests under way finish");
    server.stop().await;
    tracing::info!("stopped");
    Ok(())
}

/// Looks at files again when it is told to. Never ends.
async fn reload_at_each(hang_up: Option<&mut Signal>, server: &RunningServer) {
    if let Some(hang_up) = hang_up {
        while hang_up.recv().await.is_some() {
            tokio::task::block_in_place(|| server.reload());
            tracing::info!(
                "told to look again: credentials, keyring, TLS files, audit log; settings stay"
            );
        }
    }
    std::future::pending().await
}

/// Who has started us and wants to be told.
fn service_manager() -> Option<ServiceManager> {
    ServiceManager::from_environment().unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot tell the service manager of NOTIFY_SOCKET anything");
        None
    })
}

fn tell(manager: Option<&ServiceManager>, notice: Notice) {
    if let Some(manager) = manager {
        manager.tell(notice);
    }
}

/// Gives signs of life while the server can be used without a restart. Never ends.
async fn keep_alive(manager: Option<&ServiceManager>, server: &RunningServer) {
    if let Some(manager) = manager {
        manager.keep_alive(|| server.cells.health() != StoreHealth::Failed).await;
    }
    std::future::pending().await
}

/// The line that tells how it runs, and the one that scripts read.
fn announce(settings: &ServeSettings, server: &RunningServer) {
    let auth = match &settings.credentials {
        Some(path) => format!("sigv4, keys of {}", path.display()),
        None => "open, any credentials are accepted".to_owned(),
    };
    let recovery = server.cells.recovery();
    if recovery.torn_bytes > 0 {
        tracing::warn!(
            bytes = recovery.torn_bytes,
            "cut a torn tail: writes that were never acknowledged"
        );
    }
    let durability = server.cells.durability();
    if durability != anabranch_engine::Durability::Sync {
        tracing::warn!(%durability, "acknowledged records can be lost: durability is not sync");
    }
    tracing::info!(
        address = %server.url(),
        data_dir = %settings.data_dir.display(),
        auth,
        %durability,
        streams = recovery.streams,
        recovered_records = recovery.records,
        "ready"
    );
    // Nobody may be there to read it; clients may come all the same.
    if let Err(error) = output::write_stdout(format!("listening on {}\n", server.url()).as_bytes())
    {
        tracing::warn!(%error, "cannot write to standard output");
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Wrapper {
        #[command(flatten)]
        args: ServeArgs,
    }

    #[test]
    fn a_limit_of_file_sizes_is_named_at_the_start() {
        let problem = |limit| check_file_sizes(64 << 20, limit).err().map(|e| e.to_string());
        assert_eq!(problem(None), None);
        assert_eq!(problem(Some(80 << 20)), None);
        assert!(problem(Some((80 << 20) - 1)).is_some_and(|text| text.contains("ulimit -f")));
    }

    #[test]
    fn connections_leave_files_for_the_data() {
        for (files, connections) in
            [(0, 1), (1, 1), (100, 50), (1024, 512), (4096, 3584), (u64::MAX, u32::MAX)]
        {
            assert_eq!(connections_of(files), connections, "{files}");
        }
    }

    #[test]
    fn flags_beat_the_file() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"region = 'eu-west-1'\nlimits = 'off'\ntls-self-signed = true").unwrap();
        let path = file.path().to_str().unwrap();
        let parsed = Wrapper::try_parse_from([
            "serve",
            "--config",
            path,
            "--region",
            "eu-north-1",
            "--tls-self-signed=false",
            "--insecure-anonymous",
        ]);
        let settings = parsed.unwrap().args.into_settings().unwrap();
        assert_eq!(settings.region, "eu-north-1");
        assert_eq!(settings.shard_limits.read_calls_per_s, 0);
        assert_eq!(settings.tls, crate::settings::Tls::Off);
        assert!(settings.insecure_anonymous);
    }

    #[test]
    fn the_clock_is_trusted_when_the_flag_says_so() {
        for (flags, expected) in
            [(&[][..], false), (&["--trust-clock"], true), (&["--trust-clock=false"], false)]
        {
            let parsed = Wrapper::try_parse_from(std::iter::once(&"serve").chain(flags));
            let settings = parsed.unwrap().args.into_settings().unwrap();
            assert_eq!(settings.to_server().trust_clock, expected, "{flags:?}");
        }
    }

    #[test]
    fn a_missing_config_file_is_named() {
        let parsed = Wrapper::try_parse_from(["serve", "--config", "/nonexistent/a.toml"]).unwrap();
        let text = format!("{:#}", parsed.args.into_settings().unwrap_err());
        assert!(text.contains("/nonexistent/a.toml"), "{text}");
    }
}
