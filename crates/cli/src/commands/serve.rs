//! `anabranch serve`: run a server until it is told to stop.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use crate::output;
use crate::settings::{ServeLayer, ServeSettings};

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
    bail!("serve is not wired yet listen={}", settings.listen)
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
    fn a_missing_config_file_is_named() {
        let parsed = Wrapper::try_parse_from(["serve", "--config", "/nonexistent/a.toml"]).unwrap();
        let text = format!("{:#}", parsed.args.into_settings().unwrap_err());
        assert!(text.contains("/nonexistent/a.toml"), "{text}");
    }
}
