//! `anabranch keys`: the keys that streams are encrypted with.
//!
//! The commands change the keyring file; a running server follows within a second. Material is
//! never shown.

use std::path::PathBuf;

use anabranch_server::keys::{
    CustomerKey, KeyState, KeyringError, KeyringFile, Material, SERVICE_ALIAS, is_alias,
};
use anyhow::{bail, ensure};
use clap::{Args, Subcommand};

use crate::output::{self, Align, Table};
use crate::settings::{DEFAULT_ACCOUNT_ID, DEFAULT_DATA_DIR, DEFAULT_REGION, KEYRING_NAME};
use crate::units::Instant;

/// Make, list and change the keys that streams can be encrypted with.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  anabranch keys create --alias alias/orders
  aws kinesis start-stream-encryption --stream-name orders --encryption-type KMS \\
      --key-id alias/orders
  anabranch keys list
  anabranch keys disable alias/orders      records under it cannot be read until it is enabled

The keys are in keyring.toml in the data directory, unless --keyring says otherwise. Keep a copy of
that file, apart from the data: what is encrypted with a lost key is lost.";

#[derive(Debug, Subcommand)]
enum Action {
    Create(CreateArgs),
    List(ListArgs),
    Describe(DescribeArgs),
    /// Let a key be used again.
    #[command(after_help = "Example:\n  anabranch keys enable alias/orders")]
    Enable(KeyArgs),
    /// Forbid every use of a key until it is enabled again.
    #[command(after_help = "Example:\n  anabranch keys disable alias/orders")]
    Disable(KeyArgs),
    ScheduleDeletion(ScheduleDeletionArgs),
    /// Keep a key that was going to be deleted; it is disabled then.
    #[command(after_help = "\
Example:
  anabranch keys cancel-deletion alias/orders && anabranch keys enable alias/orders")]
    CancelDeletion(KeyArgs),
    /// Give a key new material; what was encrypted with the old one stays readable.
    #[command(after_help = "\
Example:
  anabranch keys rotate alias/orders

Streams use the new material from their next StartStreamEncryption on.")]
    Rotate(KeyArgs),
    Alias(AliasArgs),
    Unalias(UnaliasArgs),
    Allow(AllowArgs),
    Limit(LimitArgs),
    /// Answer KMSOptInRequired to every use of a key, to rehearse that error.
    #[command(after_help = "\
Example:
  anabranch keys require-opt-in alias/orders; anabranch keys enable alias/orders")]
    RequireOptIn(KeyArgs),
}

#[derive(Debug, Args)]
struct FileArgs {
    /// The keyring [default: keyring.toml in the data directory]
    #[arg(long, value_name = "FILE", env = "ANABRANCH_KEYRING")]
    keyring: Option<PathBuf>,
    /// The data directory of the server
    #[arg(long, value_name = "DIR", env = "ANABRANCH_DATA_DIR", default_value = DEFAULT_DATA_DIR)]
    data_dir: PathBuf,
}

/// Whose keys.
#[derive(Debug, Args)]
struct OwnerArgs {
    /// The account of the key: twelve digits
    #[arg(long, value_name = "ID", default_value = DEFAULT_ACCOUNT_ID,
          value_parser = crate::settings::parse_account_id)]
    account_id: String,
    /// The Region of the key
    #[arg(long, value_name = "REGION", default_value = DEFAULT_REGION)]
    region: String,
}

#[derive(Debug, Args)]
struct KeyArgs {
    /// Id, ARN or alias of the key
    #[arg(value_name = "KEY")]
    key: String,
    #[command(flatten)]
    owner: OwnerArgs,
    #[command(flatten)]
    file: FileArgs,
}

/// Make a key.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch keys create --alias alias/orders
  anabranch keys create --principal arn:aws:iam::123456789012:user/alice --json | jq -r .arn")]
struct CreateArgs {
    /// Another name for it
    #[arg(long, value_name = "alias/NAME", value_parser = parse_alias)]
    alias: Option<String>,
    /// Only these may use it (repeatable); else everybody of the account
    #[arg(long = "principal", value_name = "ARN", value_parser = parse_principal)]
    principals: Vec<String>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    owner: OwnerArgs,
    #[command(flatten)]
    file: FileArgs,
}

/// List all keys.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  anabranch keys list --json | jq -r .arn")]
struct ListArgs {
    /// Print JSON lines instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: FileArgs,
}

/// Show a key.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  anabranch keys describe alias/orders")]
struct DescribeArgs {
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    key: KeyArgs,
}

/// Delete a key after a waiting time in which nobody can use it.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  anabranch keys schedule-deletion alias/orders --days 7

Records under a deleted key cannot be read any more, by anybody.")]
struct ScheduleDeletionArgs {
    /// Days to wait
    #[arg(long, value_name = "N", default_value_t = 30,
          value_parser = clap::value_parser!(u32).range(7..=30))]
    days: u32,
    #[command(flatten)]
    key: KeyArgs,
}

/// Give a key another name; the name leaves the key that had it.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  anabranch keys alias 0b1d7a52-6a0e-4a7a-9d59-0f2b3f8e6c11 alias/orders

Streams keep the key that the name stood for when their encryption was started.")]
struct AliasArgs {
    #[command(flatten)]
    key: KeyArgs,
    /// The new name
    #[arg(value_name = "alias/NAME", value_parser = parse_alias)]
    alias: String,
}

/// Take a name away from a key.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  anabranch keys unalias alias/orders")]
struct UnaliasArgs {
    /// The name
    #[arg(value_name = "alias/NAME", value_parser = parse_alias)]
    alias: String,
    #[command(flatten)]
    owner: OwnerArgs,
    #[command(flatten)]
    file: FileArgs,
}

/// Say who may use a key.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch keys allow alias/orders --principal arn:aws:iam::123456789012:user/alice
  anabranch keys allow alias/orders --everybody")]
struct AllowArgs {
    /// Only these may use it (repeatable); arn:aws:iam::ACCOUNT:root stands for a whole account
    #[arg(long = "principal", value_name = "ARN", required_unless_present = "everybody",
          value_parser = parse_principal)]
    principals: Vec<String>,
    /// Everybody of the key's account may use it
    #[arg(long, conflicts_with = "principals")]
    everybody: bool,
    #[command(flatten)]
    key: KeyArgs,
}

/// Throttle the requests to a key.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  anabranch keys limit alias/orders --requests-per-second 100
  anabranch keys limit alias/orders --off

Every put to an encrypted stream is a request, and every get of encrypted records.")]
struct LimitArgs {
    /// Requests in a second; more are answered with KMSThrottlingException
    #[arg(long, value_name = "N", required_unless_present = "off",
          value_parser = clap::value_parser!(u32).range(1..))]
    requests_per_second: Option<u32>,
    /// No limit
    #[arg(long, conflicts_with = "requests_per_second")]
    off: bool,
    #[command(flatten)]
    key: KeyArgs,
}

fn parse_alias(text: &str) -> Result<String, String> {
    if is_alias(text) && !text.starts_with("alias/aws/") {
        return Ok(text.to_owned());
    }
    Err("an alias is alias/ and letters, digits, /, _ or -; alias/aws/ is reserved".to_owned())
}

fn parse_principal(text: &str) -> Result<String, String> {
    let fields: Vec<&str> = text.splitn(6, ':').collect();
    match fields[..] {
        ["arn", _, "iam" | "sts", _, account, _] if account.len() == 12 => Ok(text.to_owned()),
        _ => Err("a principal is an ARN such as arn:aws:iam::123456789012:user/alice".to_owned()),
    }
}

impl KeysArgs {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self.action {
            Action::Create(args) => args.run(),
            Action::List(args) => args.run(),
            Action::Describe(args) => args.run(),
            Action::Enable(args) => args.set_state(KeyState::Enabled),
            Action::Disable(args) => args.set_state(KeyState::Disabled),
            Action::ScheduleDeletion(args) => args.run(),
            Action::CancelDeletion(args) => args.cancel_deletion(),
            Action::Rotate(args) => args.change(|key| {
                key.material.push(Material::random());
                Ok(format!("{} encrypts with material {} now", key.arn(), key.material.len()))
            }),
            Action::Alias(args) => args.run(),
            Action::Unalias(args) => args.run(),
            Action::Allow(args) => args.run(),
            Action::Limit(args) => args.run(),
            Action::RequireOptIn(args) => args.set_state(KeyState::OptInRequired),
        }
    }
}

fn now_secs() -> i64 {
    Instant::now().unix_ms.div_euclid(1000)
}

impl FileArgs {
    fn open(&self) -> KeyringFile {
        let in_data_dir = || self.data_dir.join(KEYRING_NAME);
        KeyringFile::new(self.keyring.clone().unwrap_or_else(in_data_dir))
    }
}

impl OwnerArgs {
    /// Place of the key that is named so.
    fn find(&self, keys: &[CustomerKey], name: &str, file: &KeyringFile) -> anyhow::Result<usize> {
        let is_named = |key: &CustomerKey| match name {
            _ if name.starts_with("alias/") => {
                let is_own = key.account_id == self.account_id && key.region == self.region;
                is_own && key.aliases.iter().any(|alias| alias == name)
            }
            _ if name.starts_with("arn:") => key.arn() == name,
            _ => key.id == name,
        };
        let Some(place) = keys.iter().position(is_named) else {
            bail!(
                "the keyring has no such key; `anabranch keys list` shows what it has key={name} \
                 keyring={}",
                file.path().display()
            );
        };
        Ok(place)
    }
}

impl KeyArgs {
    /// Changes the key and says what was done.
    fn change(
        &self,
        change: impl FnOnce(&mut CustomerKey) -> anyhow::Result<String>,
    ) -> anyhow::Result<()> {
        let file = self.file.open();
        let said = file.change(|keys| {
            let place = self.owner.find(keys, &self.key, &file)?;
            change(&mut keys[place])
        })?;
        eprintln!("{said}; a running server knows within a second");
        Ok(())
    }

    fn set_state(&self, state: KeyState) -> anyhow::Result<()> {
        self.change(|key| {
            ensure!(
                key.state != KeyState::PendingDeletion,
                "the key is going to be deleted; keep it with `anabranch keys cancel-deletion {}` \
                 first",
                self.key
            );
            key.state = state;
            Ok(format!("{} is {} now", key.arn(), state.as_str()))
        })
    }

    fn cancel_deletion(&self) -> anyhow::Result<()> {
        self.change(|key| {
            ensure!(
                key.state == KeyState::PendingDeletion,
                "the key is not going to be deleted state={}",
                key.state.as_str()
            );
            (key.state, key.delete_at) = (KeyState::Disabled, None);
            Ok(format!("{} stays, and is disabled now", key.arn()))
        })
    }
}

impl ScheduleDeletionArgs {
    fn run(&self) -> anyhow::Result<()> {
        self.key.change(|key| {
            let delete_at = now_secs() + i64::from(self.days) * 86_400;
            (key.state, key.delete_at) = (KeyState::PendingDeletion, Some(delete_at));
            let at = Instant { unix_ms: delete_at * 1000 };
            Ok(format!("{} cannot be used any more and is deleted at {at}", key.arn()))
        })
    }
}

impl AliasArgs {
    fn run(&self) -> anyhow::Result<()> {
        let file = self.key.file.open();
        let said = file.change(|keys| {
            let place = self.key.owner.find(keys, &self.key.key, &file)?;
            let (account, region) = (keys[place].account_id.clone(), keys[place].region.clone());
            let siblings =
                keys.iter_mut().filter(|k| k.account_id == account && k.region == region);
            siblings.for_each(|key| key.aliases.retain(|alias| *alias != self.alias));
            keys[place].aliases.push(self.alias.clone());
            anyhow::Ok(format!("{} stands for {} now", self.alias, keys[place].arn()))
        })?;
        eprintln!("{said}; a running server knows within a second");
        Ok(())
    }
}

impl UnaliasArgs {
    fn run(self) -> anyhow::Result<()> {
        let (alias, owner, file) = (self.alias, self.owner, self.file);
        let key = KeyArgs { key: alias.clone(), owner, file };
        key.change(|key| {
            key.aliases.retain(|other| *other != alias);
            Ok(format!("{alias} does not stand for {} any more", key.arn()))
        })
    }
}

impl AllowArgs {
    fn run(self) -> anyhow::Result<()> {
        let principals = self.principals;
        self.key.change(|key| {
            key.principals = principals;
            Ok(match key.principals.is_empty() {
                true => format!("everybody of {} may use {}", key.account_id, key.arn()),
                false => format!("{} may use {}", key.principals.join(", "), key.arn()),
            })
        })
    }
}

impl LimitArgs {
    fn run(&self) -> anyhow::Result<()> {
        self.key.change(|key| {
            key.requests_per_second = self.requests_per_second;
            Ok(match self.requests_per_second {
                Some(rate) => format!("{} takes {rate} requests in a second", key.arn()),
                None => format!("{} takes any number of requests", key.arn()),
            })
        })
    }
}

impl CreateArgs {
    fn run(self) -> anyhow::Result<()> {
        let file = self.file.open();
        let mut key = CustomerKey::new(&self.owner.account_id, &self.owner.region, now_secs());
        key.aliases.extend(self.alias);
        key.principals = self.principals;
        file.change(|keys| {
            keys.push(key.clone());
            Ok::<_, KeyringError>(())
        })?;
        if self.json {
            return output::write_json(&to_json(&key));
        }
        output::write_stdout(
            format!(
                "{}\n# It is in {}: keep a copy, for what is encrypted with a lost key is lost.\n",
                key.arn(),
                file.path().display()
            )
            .as_bytes(),
        )
    }
}

fn to_json(key: &CustomerKey) -> serde_json::Value {
    serde_json::json!({
        "id": key.id,
        "arn": key.arn(),
        "account_id": key.account_id,
        "region": key.region,
        "state": key.state.as_str(),
        "aliases": key.aliases,
        "principals": key.principals,
        "requests_per_second": key.requests_per_second,
        "material": key.material.len(),
        "created_at": key.created_at,
        "delete_at": key.delete_at,
    })
}

impl ListArgs {
    fn run(&self) -> anyhow::Result<()> {
        let keys = self.file.open().load()?;
        if self.json {
            return keys.iter().try_for_each(|key| output::write_json(&to_json(key)));
        }
        let columns = ["KEY", "ACCOUNT", "REGION", "STATE", "ALIASES", "USED BY"];
        let mut table = Table::new(&columns.map(|name| (name, Align::Left)));
        for key in &keys {
            table.row(vec![
                key.id.clone(),
                key.account_id.clone(),
                key.region.clone(),
                key.state.as_str().to_owned(),
                key.aliases.join(" "),
                used_by(key),
            ]);
        }
        output::write_stdout(table.render().as_bytes())
    }
}

fn used_by(key: &CustomerKey) -> String {
    match &key.principals[..] {
        [] if key.aliases.iter().any(|alias| alias == SERVICE_ALIAS) => {
            "account (service key)".to_owned()
        }
        [] => "account".to_owned(),
        principals => principals.join(" "),
    }
}

impl DescribeArgs {
    fn run(&self) -> anyhow::Result<()> {
        let file = self.key.file.open();
        let keys = file.load()?;
        let key = &keys[self.key.owner.find(&keys, &self.key.key, &file)?];
        if self.json {
            return output::write_json(&to_json(key));
        }
        let time = |secs: i64| Instant { unix_ms: secs * 1000 }.to_string();
        let none = || "-".to_owned();
        let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]);
        for (name, value) in [
            ("arn", key.arn()),
            ("state", key.state.as_str().to_owned()),
            ("deleted at", key.delete_at.map_or_else(none, time)),
            ("aliases", key.aliases.join(" ")),
            ("used by", used_by(key)),
            ("requests/s", key.requests_per_second.map_or_else(none, |rate| rate.to_string())),
            ("material", key.material.len().to_string()),
            ("created", time(key.created_at)),
        ] {
            table.row(vec![name.to_owned(), value]);
        }
        // The header is empty: names are on the left.
        output::write_stdout(table.render().trim_start_matches('\n').as_bytes())
    }
}
