//! `anabranch backup`: a copy of a data directory, also of a running server's.

use std::path::PathBuf;

use anabranch_engine::Catalog;
use anabranch_engine::backup::{self, BackupReport};
use anabranch_engine::inspect;
use anabranch_env::RealDisk;
use anyhow::ensure;
use clap::Args;
use serde_json::json;

use crate::output;

/// Copy a data directory while its server runs, or after.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch backup /var/lib/anabranch --to /backup/2026-11-25
  anabranch backup /var/lib/anabranch --to /backup/today --without-keyring
  anabranch serve --data-dir /backup/today            the copy is a data directory: serve it

What was acknowledged before the command began is in the copy. The server is not asked and not
held up; run the command as the user that the server runs as. At the end the copy is read back
and every checksum verified. The keyring is copied if it is in the data directory; whoever has
both can read encrypted records. Credentials and a keyring elsewhere are not copied.")]
pub(crate) struct BackupArgs {
    /// The data directory; its server may be running.
    #[arg(value_name = "DATA_DIR")]
    data_dir: PathBuf,
    /// The directory to make; it must not exist, or be empty.
    #[arg(long, value_name = "NEW_DIR")]
    to: PathBuf,
    /// Leave the keyring out: without it, encrypted records cannot be read.
    #[arg(long)]
    without_keyring: bool,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

/// The files beside journal, segments and catalog that belong to a data directory.
pub(crate) const KEYRING: &str = "keyring.toml";
pub(crate) const CERTIFICATE: [&str; 2] = ["tls-cert.pem", "tls-key.pem"];

impl BackupArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let mut beside = CERTIFICATE.to_vec();
        if !self.without_keyring {
            beside.push(KEYRING);
        }
        let mut progress = output::Progress::new();
        let mut told = |bytes| progress.tell(|| format!("copied {} MiB", bytes >> 20));
        let copied = backup::backup(&RealDisk, &self.data_dir, &self.to, &beside, &mut told)?;
        progress.tell(|| "verifying the copy".to_owned());
        let damage = self.verify()?;
        match self.json {
            true => output::write_json(&self.to_json(copied, &damage))?,
            false => output::write_stdout(self.to_text(copied, &damage).as_bytes())?,
        }
        ensure!(damage.is_empty(), "the copy has the source's damage findings={}", damage.len());
        Ok(())
    }

    /// What does not hold in the copy.
    fn verify(&self) -> anyhow::Result<Vec<String>> {
        let report = inspect::inspect(&RealDisk, &self.to)?;
        let mut damage: Vec<String> = report.damage.iter().map(|d| d.what.clone()).collect();
        if let Err(error) = Catalog::rebuild(report.snapshot.as_deref(), &report.commands) {
            damage.push(error.to_string());
        }
        Ok(damage)
    }

    fn to_json(&self, copied: BackupReport, damage: &[String]) -> serde_json::Value {
        let BackupReport { journals, segments, others, bytes } = copied;
        json!({
            "ok": damage.is_empty(),
            "directory": self.to,
            "journal_files": journals,
            "segments": segments,
            "other_files": others,
            "bytes": bytes,
            "damage": damage,
        })
    }

    fn to_text(&self, copied: BackupReport, damage: &[String]) -> String {
        let BackupReport { journals, segments, others, bytes } = copied;
        let verdict: String = match damage {
            [] => "intact: every checksum holds\n".to_owned(),
            findings => findings.iter().map(|finding| format!("DAMAGE {finding}\n")).collect(),
        };
        format!(
            "copied {} to {}: {journals} journal files, {segments} segments, {others} other \
             files, {bytes} bytes\n{verdict}",
            self.data_dir.display(),
            self.to.display(),
        )
    }
}
