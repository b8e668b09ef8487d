//! `anabranch credentials`: the key pairs that a server accepts.
//!
//! A secret is printed once, by `add`, and never again.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use anabranch_server::auth::{Credential, CredentialsFile, NewCredential, Secret};

use super::credential_output::{public_json, summary};
use super::policies::{AttachArgs, DetachArgs, PolicyArgs, UnrestrictArgs};
use crate::output::{self, Align, Table};
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
  anabranch credentials policy put --file keys.toml put-orders put-orders.json
  anabranch credentials attach --file keys.toml AKIAIOSFODNN7EXAMPLE put-orders
  anabranch serve --credentials keys.toml --listen 0.0.0.0:4567";

#[derive(Debug, Subcommand)]
enum Action {
    Add(AddArgs),
    List(ListArgs),
    Remove(RemoveArgs),
    Attach(AttachArgs),
    Detach(DetachArgs),
    Unrestrict(UnrestrictArgs),
    Policy(PolicyArgs),
}

/// Add a key pair, print it once, and say how to use it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch credentials add --file keys.toml --user alice
  anabranch credentials add --file keys.toml --user ci --session-token - --expires 12h < token
  anabranch credentials add --file keys.toml --user app \\
      --access-key-id AKIAIOSFODNN7EXAMPLE --secret-access-key @/run/secrets/app

A secret is `-` for a line of standard input (the secret before the token), `@FILE` for the first line
of a file, or itself, which whoever lists processes can see.")]
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
    /// The key is a session of this role: arn:aws:sts::ACCOUNT:assumed-role/ROLE/USER.
    #[arg(long, value_name = "NAME")]
    role: Option<String>,
    /// A policy of the file that the key has; can be given several times. Without one, the key may
    /// do everything in its account.
    #[arg(long = "policy", value_name = "POLICY")]
    policies: Vec<String>,
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
            Action::Attach(args) => args.run(),
            Action::Detach(args) => args.run(),
            Action::Unrestrict(args) => args.run(),
            Action::Policy(args) => args.run(),
        }
    }
}

impl AddArgs {
    fn run(self) -> anyhow::Result<()> {
        let given = [
            ("--secret-access-key", &self.secret_access_key),
            ("--session-token", &self.session_token),
        ];
        for (flag, secret) in given {
            if secret.as_deref().is_some_and(is_plain) {
                eprintln!(
                    "warning: {flag} was given on the command line, which whoever lists processes can \
                     see, and shells keep; use `-` or `@FILE`, and another secret if others are on this machine"
                );
            }
        }
        let mut input = std::io::stdin().lines();
        let mut read = |given: Option<String>| {
            given.map(|given| read_secret(&given, || input.next())).transpose()
        };
        let secret = read(self.secret_access_key)?;
        let session_token = read(self.session_token)?;
        let key_pair = self.access_key_id.zip(secret);
        let new = NewCredential {
            account_id: self.account_id,
            user: self.user,
            expires_at: self.expires.map(|at| at.unix_ms.div_euclid(1000)),
            key_pair,
            session_token,
            role: self.role,
            policies: (!self.policies.is_empty()).then_some(self.policies),
        };
        let file = CredentialsFile::new(self.file);
        let now_secs = Instant::now().unix_ms.div_euclid(1000);
        let added = file.add(&new, &aws_lc_rs::rand::SystemRandom::new(), now_secs)?;
        match self.json {
            true => output::write_json(&secrets_json(&added)),
            false => output::write_stdout(how_to_use(&added, &file).as_bytes()),
        }
    }
}

/// Whether it is the secret itself.
fn is_plain(given: &str) -> bool {
    given != "-" && !given.starts_with('@')
}

/// A secret as it is given: `-`, `@FILE`, or itself.
fn read_secret(
    given: &str,
    next_line: impl FnOnce() -> Option<std::io::Result<String>>,
) -> anyhow::Result<Secret> {
    let text = if given == "-" {
        let line = next_line().context("standard input has no line for the secret")?;
        line.context("cannot read standard input")?
    } else if let Some(path) = given.strip_prefix('@') {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
        text.lines().next().unwrap_or_default().to_owned()
    } else {
        given.to_owned()
    };
    Ok(Secret::new(text))
}

/// The one place where a secret is shown: its owner must learn it once.
fn secrets_json(added: &Credential) -> serde_json::Value {
    let mut shown = public_json(added);
    shown["secret_access_key"] = added.secret_access_key.expose().into();
    if let Some(token) = &added.session_token {
        shown["session_token"] = token.expose().into();
    }
    shown
}

fn how_to_use(added: &Credential, file: &CredentialsFile) -> String {
    let token = added
        .session_token
        .as_ref()
        .map(|token| format!("export AWS_SESSION_TOKEN={}\n", token.expose()))
        .unwrap_or_default();
    format!(
        "# Shown once; it is in {} as well. For AWS clients:\n\
         export AWS_ACCESS_KEY_ID={}\n\
         export AWS_SECRET_ACCESS_KEY={}\n{token}\
         # For the server: anabranch serve --credentials {}\n",
        file.path().display(),
        added.access_key_id,
        added.secret_access_key.expose(),
        file.path().display()
    )
}

impl ListArgs {
    fn run(self) -> anyhow::Result<()> {
        let credentials = CredentialsFile::new(self.file).load()?;
        if self.json {
            return credentials.iter().try_for_each(|c| output::write_json(&public_json(c)));
        }
        let columns = ["ACCESS KEY", "ACCOUNT", "USER", "EXPIRES", "POLICIES"];
        let mut table = Table::new(&columns.map(|name| (name, Align::Left)));
        for credential in &credentials {
            let expires = credential.expires_at.map(|secs| Instant { unix_ms: secs * 1000 });
            table.row(vec![
                credential.access_key_id.to_string(),
                credential.account_id.to_string(),
                credential.user.to_string(),
                expires.map_or_else(|| "never".to_owned(), |at| at.to_string()),
                summary(credential),
            ]);
        }
        output::write_stdout(table.render().as_bytes())
    }
}

impl RemoveArgs {
    fn run(self) -> anyhow::Result<()> {
        let file = CredentialsFile::new(self.file);
        if !file.remove(&self.access_key_id)? {
            bail!("the file has no such key access_key_id={}", self.access_key_id);
        }
        eprintln!("removed {}; a running server refuses it from now on", self.access_key_id);
        Ok(())
    }
}
