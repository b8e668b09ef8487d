//! `anabranch inspect`: what a data directory holds, read without a running server.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

/// Describe and verify a data directory that no server is using.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch inspect ./anabranch-data
  anabranch inspect /var/lib/anabranch --json | jq .streams")]
pub(crate) struct InspectArgs {
    /// The data directory of a stopped server.
    #[arg(value_name = "DATA_DIR")]
    data_dir: PathBuf,
    /// Print one JSON document instead of text.
    #[arg(long)]
    json: bool,
}

impl InspectArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        bail!("inspect is not wired yet data_dir={} json={}", self.data_dir.display(), self.json)
    }
}
