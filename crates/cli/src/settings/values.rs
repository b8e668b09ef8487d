//! What the values of single settings mean.

use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use anabranch_server::AdminListen;
use anyhow::{Context, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Deserializer};

use crate::units::parse_span;

/// The admin listener's port.
const ADMIN_PORT: u16 = 4569;
/// Longest span of any setting.
const SPAN_MAX: Duration = Duration::from_secs(3600);

/// How long requests under way may take when the server stops.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// When a put is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// After `fdatasync`: an acknowledged record survives the loss of power.
    Sync,
    /// After the write; the sync follows within so many milliseconds. The loss of power loses up
    /// to that much; the death of the process loses nothing.
    Interval(u64),
    /// Nothing is written to the disk: for tests, and for use as a mock.
    Memory,
}

/// What happens when the memory for records is full, where they are kept nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MemoryFull {
    /// Writes are refused until records expire.
    Refuse,
    /// The oldest records go.
    DropOldest,
}

impl FromStr for Durability {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "sync" => Ok(Durability::Sync),
            None if text == "memory" => Ok(Durability::Memory),
            Some(("interval", ms)) => match ms.parse() {
                Ok(ms) if ms > 0 => Ok(Durability::Interval(ms)),
                _ => Err(format!("not a positive number of milliseconds interval={ms:?}")),
            },
            _ => Err(format!("use sync, interval=MS or memory durability={text:?}")),
        }
    }
}

impl<'de> Deserialize<'de> for Durability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Durability {
    pub(crate) fn to_text(self) -> String {
        match self {
            Durability::Sync => "sync".to_owned(),
            Durability::Interval(ms) => format!("interval={ms}"),
            Durability::Memory => "memory".to_owned(),
        }
    }
}

/// Where to listen for probes and the operator. Servers with a port of the system's choosing are
/// many on one machine: each of them has such an admin port, too.
pub(super) fn merge_admin(text: Option<&str>, listen: SocketAddr) -> anyhow::Result<AdminListen> {
    match text {
        Some("off") => Ok(AdminListen::Off),
        Some(text) => {
            let address = text.parse();
            let address =
                address.with_context(|| format!("use ADDR:PORT or off admin_listen={text:?}"))?;
            Ok(AdminListen::At(address))
        }
        None => {
            let port = if listen.port() == 0 { 0 } else { ADMIN_PORT };
            Ok(AdminListen::IfFree(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)))
        }
    }
}

/// A span of at most an hour.
pub(super) fn span(
    setting: &str,
    text: Option<&str>,
    default: Duration,
) -> anyhow::Result<Duration> {
    let span = text.map(parse_span).transpose().map_err(anyhow::Error::msg);
    let span = span.with_context(|| format!("{setting} is not valid"))?.unwrap_or(default);
    ensure!(span <= SPAN_MAX, "{setting} must be at most an hour span={span:?}");
    Ok(span)
}

/// What a list of texts means.
pub(super) fn parse_all<T: FromStr<Err = String>>(
    setting: &str,
    texts: Option<Vec<String>>,
) -> anyhow::Result<Vec<T>> {
    let texts = texts.unwrap_or_default();
    let parsed = texts.iter().map(|text| text.parse().map_err(anyhow::Error::msg));
    parsed.collect::<anyhow::Result<_>>().with_context(|| format!("{setting} is not valid"))
}
