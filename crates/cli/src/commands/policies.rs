//! `anabranch credentials policy`, `attach`, `detach`, `unrestrict`: what keys may do.

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use anabranch_server::auth::{Credential, CredentialsFile};

use super::credential_output::{public_json, summary};
use crate::output::{self, Align, Table};

/// Give a key a policy: from then on it may do what its policies allow, and nothing else.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  anabranch credentials attach --file keys.toml AKIAIOSFODNN7EXAMPLE put-orders")]
pub(super) struct AttachArgs {
    #[command(flatten)]
    key: KeyArgs,
    /// A policy of the file.
    #[arg(value_name = "POLICY")]
    policy: String,
}

/// Take a policy away from a key; without any left it may do nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  anabranch credentials detach --file keys.toml AKIAIOSFODNN7EXAMPLE put-orders")]
pub(super) struct DetachArgs {
    #[command(flatten)]
    key: KeyArgs,
    /// A policy that the key has.
    #[arg(value_name = "POLICY")]
    policy: String,
}

/// Let a key do everything in its account, as one that never had a policy.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  anabranch credentials unrestrict --file keys.toml AKIAIOSFODNN7EXAMPLE")]
pub(super) struct UnrestrictArgs {
    #[command(flatten)]
    key: KeyArgs,
}

#[derive(Debug, Args)]
struct KeyArgs {
    /// The credentials file.
    #[arg(long, value_name = "FILE", env = "ANABRANCH_CREDENTIALS")]
    file: PathBuf,
    /// The access key id.
    #[arg(value_name = "ACCESS_KEY_ID")]
    access_key_id: String,
    /// Print the key as one JSON object
    #[arg(long)]
    json: bool,
}

/// Put, show, list and remove the policies of a credentials file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch credentials policy put --file keys.toml put-orders put-orders.json
  anabranch credentials policy show --file keys.toml put-orders
  anabranch credentials policy list --file keys.toml
  anabranch credentials policy remove --file keys.toml put-orders")]
pub(super) struct PolicyArgs {
    #[command(subcommand)]
    action: PolicyAction,
}

#[derive(Debug, Subcommand)]
enum PolicyAction {
    /// Add a policy, or replace the one of this name.
    #[command(after_help = "\
Example:
  anabranch credentials policy put --file keys.toml put-orders put-orders.json")]
    Put {
        #[command(flatten)]
        policy: OnePolicy,
        /// The JSON document; - reads standard input.
        #[arg(value_name = "DOCUMENT")]
        document: PathBuf,
    },
    /// Print a policy's document.
    #[command(after_help = "\
Example:
  anabranch credentials policy show --file keys.toml put-orders")]
    Show(OnePolicy),
    /// List the policies and the keys that have them.
    #[command(after_help = "\
Example:
  anabranch credentials policy list --file keys.toml")]
    List {
        /// The credentials file.
        #[arg(long, value_name = "FILE", env = "ANABRANCH_CREDENTIALS")]
        file: PathBuf,
    },
    /// Remove a policy that no key has.
    #[command(after_help = "\
Example:
  anabranch credentials policy remove --file keys.toml put-orders")]
    Remove(OnePolicy),
}

#[derive(Debug, Args)]
struct OnePolicy {
    /// The credentials file; created if missing.
    #[arg(long, value_name = "FILE", env = "ANABRANCH_CREDENTIALS")]
    file: PathBuf,
    /// The policy's name.
    #[arg(value_name = "POLICY")]
    name: String,
}

impl AttachArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let policy = self.policy;
        self.key.change(|names| {
            let mut names = names.unwrap_or_default();
            if !names.contains(&policy) {
                names.push(policy);
            }
            Ok(Some(names))
        })
    }
}

impl DetachArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let policy = self.policy;
        self.key.change(|names| {
            let mut names = names.unwrap_or_default();
            let Some(at) = names.iter().position(|name| *name == policy) else {
                return Err(format!("the key does not have policy `{policy}`"));
            };
            names.remove(at);
            Ok(Some(names))
        })
    }
}

impl UnrestrictArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        self.key.change(|_| Ok(None))
    }
}

impl KeyArgs {
    fn change(
        self,
        change: impl FnOnce(Option<Vec<String>>) -> Result<Option<Vec<String>>, String>,
    ) -> anyhow::Result<()> {
        let file = CredentialsFile::new(self.file);
        let changed = file.change_policies(&self.access_key_id, change)?;
        if self.json {
            return output::write_json(&public_json(&changed));
        }
        let text = format!("{} may do: {}\n", changed.access_key_id, summary(&changed));
        output::write_stdout(text.as_bytes())
    }
}

impl PolicyArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        match self.action {
            PolicyAction::Put { policy: OnePolicy { file, name }, document } => {
                let text = read(&document)
                    .with_context(|| format!("cannot read {}", document.display()))?;
                let is_replaced = CredentialsFile::new(file).put_policy(&name, &text)?;
                eprintln!("{} policy {name}", if is_replaced { "replaced" } else { "added" });
                Ok(())
            }
            PolicyAction::Show(OnePolicy { file, name }) => {
                let policies = CredentialsFile::new(file).policies()?;
                let Some(policy) = policies.iter().find(|policy| *policy.name == *name) else {
                    bail!("the file has no such policy name={name}");
                };
                let end = if policy.document.ends_with('\n') { "" } else { "\n" };
                output::write_stdout(format!("{}{end}", policy.document).as_bytes())
            }
            PolicyAction::List { file } => list(&CredentialsFile::new(file)),
            PolicyAction::Remove(OnePolicy { file, name }) => {
                if !CredentialsFile::new(file).remove_policy(&name)? {
                    bail!("the file has no such policy name={name}");
                }
                eprintln!("removed policy {name}");
                Ok(())
            }
        }
    }
}

fn list(file: &CredentialsFile) -> anyhow::Result<()> {
    let credentials = file.load()?;
    let columns = ["POLICY", "KEYS"];
    let mut table = Table::new(&columns.map(|name| (name, Align::Left)));
    for policy in file.policies()? {
        let has_it = |credential: &&Credential| {
            let attached = credential.policies.as_ref();
            attached.is_some_and(|attached| attached.names.contains(&policy.name))
        };
        let keys: Vec<&str> =
            credentials.iter().filter(has_it).map(|key| &*key.access_key_id).collect();
        table.row(vec![policy.name.to_string(), keys.join(", ")]);
    }
    output::write_stdout(table.render().as_bytes())
}

/// A document of reasonable length; what is longer is cut, and refused for its length.
fn read(path: &PathBuf) -> std::io::Result<String> {
    let mut text = String::new();
    let limit = anabranch_policy::TEXT_BYTES_MAX as u64 + 1;
    match path.as_os_str() == "-" {
        true => std::io::stdin().take(limit).read_to_string(&mut text)?,
        false => std::fs::File::open(path)?.take(limit).read_to_string(&mut text)?,
    };
    Ok(text)
}
