//! `anabranch credentials`: the key pairs that a server accepts.
//!
//! A secret is printed once, by `add`, and never again.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};

use crate::units::Instant;

/// Add, list and remove the access keys that a server accepts.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CredentialsArgs {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  anabranch credentials add --file keys.toml --user alice
  anabranch credentials list --file keys.toml
  anabranch credentials remove --file keys.toml AKIAIOSFODNN7EXAMPLE
  anabranch serve --credentials keys.toml --listen 0.0.0.0:4567";

#[derive(Debug, Subcommand)]
enum Action {
    Add(AddArgs),
    List(ListArgs),
    Remove(RemoveArgs),
}

/// Add a key pair, print it once, and say how to use it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch credentials add --file keys.toml --user alice
  anabranch credentials add --file keys.toml --user ci --session-token T --expires 12h")]
struct AddArgs {
    /// The credentials file; created if missing.
    #[arg(long, value_name = "FILE", env = "ANABRANCH_CREDENTIALS")]
    file: PathBuf,
    /// The user that the key belongs to: the last part of its ARN.
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The account of the user: twelve digits.
    #[arg(long, value_name = "ID", default_value = crate::settings::DEFAULT_ACCOUNT_ID,
          value_parser = crate::settings::parse_account_id)]
    account_id: String,
    /// Use this access key id instead of a new random one.
    #[arg(long, value_name = "KEY", requires = "secret_access_key")]
    access_key_id: Option<String>,
    /// Use this secret instead of a new random one.
    #[arg(long, value_name = "SECRET", requires = "access_key_id", hide_env_values = true)]
    secret_access_key: Option<String>,
    /// Callers must present this session token too.
    #[arg(long, value_name = "TOKEN")]
    session_token: Option<String>,
    /// The key stops working then: RFC 3339, unix seconds, or a span from now such as 12h.
    #[arg(long, value_name = "TIME", value_parser = crate::units::parse_future)]
    expires: Option<Instant>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// List the keys of a file, without their secrets.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  anabranch credentials list --file keys.toml --json")]
struct ListArgs {
    /// The credentials file.
    #[arg(long, value_name = "FILE", env = "ANABRANCH_CREDENTIALS")]
    file: PathBuf,
    /// Print JSON lines instead of a table.
    #[arg(long)]
    json: bool,
}

/// Remove a key; a running server refuses it from its next reload on.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  anabranch credentials remove --file keys.toml AKIAIOSFODNN7EXAMPLE")]
struct RemoveArgs {
    /// The credentials file.
    #[arg(long, value_name = "FILE", env = "ANABRANCH_CREDENTIALS")]
    file: PathBuf,
    /// The access key id to remove.
    #[arg(value_name = "ACCESS_KEY_ID")]
    access_key_id: String,
}

impl CredentialsArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::Add(args) => args.run(),
            Action::List(args) => args.run(),
            Action::Remove(args) => args.run(),
        }
    }
}

impl AddArgs {
    fn run(self) -> anyhow::Result<()> {
        bail!(
            "credentials add is not wired yet file={} user={} account={} given_key={} token={} \
             expires={} json={}",
            self.file.display(),
            self.user,
            self.account_id,
            self.access_key_id.is_some() && self.secret_access_key.is_some(),
            self.session_token.is_some(),
            self.expires.map_or_else(|| "never".to_owned(), |at| at.to_string()),
            self.json
        )
    }
}

impl ListArgs {
    fn run(self) -> anyhow::Result<()> {
        bail!("credentials list is not wired yet file={} json={}", self.file.display(), self.json)
    }
}

impl RemoveArgs {
    fn run(self) -> anyhow::Result<()> {
        bail!(
            "credentials remove is not wired yet file={} key={}",
            self.file.display(),
            self.access_key_id
        )
    }
}
