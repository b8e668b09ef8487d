//! How the server is set up. Merging of files, environment and flags is the command line's work.

use anabranch_engine::{EngineSettings, StoreOptions};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Who is let in.
#[derive(Clone, Debug)]
pub enum Access {
    /// Callers with an access key of this file.
    Credentials(PathBuf),
    /// Everybody. On an address that is not loopback only if `insecure` says so.
    Open {
        /// Whether to listen off loopback all the same.
        insecure: bool,
    },
}

/// A host that requests may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedHost {
    /// Every one.
    Any,
    /// This one.
    Name {
        /// A name or a number, IPv6 in brackets.
        name: String,
        /// `None`: on any port.
        port: Option<u16>,
    },
}

impl std::str::FromStr for AllowedHost {
    type Err = String;

    /// `NAME`, `NAME:PORT`, or `*` for every host.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let host = text.parse::<http::uri::Authority>();
        let host = host.ok().filter(|host| !host.host().is_empty() && !text.contains('@'));
        let host = host.ok_or_else(|| format!("use NAME, NAME:PORT or * host={text:?}"))?;
        Ok(Self::Name { name: host.host().to_owned(), port: host.port_u16() })
    }
}

impl std::fmt::Display for AllowedHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Name { name, port: None } => f.write_str(name),
            Self::Name { name, port: Some(port) } => write!(f, "{name}:{port}"),
        }
    }
}

/// Where probes and the operator are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminListen {
    /// Nowhere.
    Off,
    /// Here.
    At(SocketAddr),
    /// Here, unless somebody else has the address.
    IfFree(SocketAddr),
}

impl AdminListen {
    /// The address, if there is one.
    #[must_use]
    pub fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) | Self::IfFree(address) => Some(address),
        }
    }
}

/// Where the audit log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditDestination {
    /// Standard error, between the lines of the log.
    StandardError,
    /// This file, at its end.
    File(PathBuf),
}

/// Who did what, as JSON lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditSettings {
    /// Where it goes.
    pub destination: AuditDestination,
    /// Whether calls on records are in it as well.
    pub with_data_calls: bool,
}

/// Encryption of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsSettings {
    /// None.
    Off,
    /// A certificate and its key, PEM.
    Files {
        /// The chain.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// A certificate for localhost, made at the first start and kept as `tls-cert.pem` and
    /// `tls-key.pem` in the data directory.
    SelfSigned,
}

/// What a server may hold for its clients, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerMemory {
    /// For request bodies; beyond it, requests wait. What is made of a body takes about twice as much
    /// besides.
    pub body_bytes: u64,
    /// For large replies, and for reading them; beyond it, they wait.
    pub reply_bytes: u64,
    /// For requests under way beside the first of each connection; beyond it, they are refused.
    pub request_bytes: u64,
    /// For what known clients may send ahead over HTTP/2; beyond it, they send less ahead.
    pub window_bytes: u64,
}

impl ServerMemory {
    /// What a connection takes at most beside all this: buffers of its socket and of TLS, the windows of
    /// a stranger, the head of a request.
    pub const CONNECTION_BYTES: u64 = 96 << 10;
}

/// How the server is set up.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where probes and the operator are answered, in plain HTTP. Without it the main address tells
    /// probes a word each, and nobody the status.
    pub admin_listen: AdminListen,
    /// Threads that serve connections; 0 is taken as 1. Each has its own, so as many as processors are best.
    pub connection_threads: usize,
    /// How long requests under way may take when the server stops.
    pub drain_timeout: Duration,
    /// Whether the wall clock is right, whatever was known before: data is deleted by it at once.
    pub trust_clock: bool,
    /// Encryption of connections.
    pub tls: TlsSettings,
    /// Who is let in.
    pub access: Access,
    /// Hosts and origins that are answered besides loopback and `listen` without credentials; the
    /// only hosts with credentials, unless there are none.
    pub allowed_hosts: Vec<AllowedHost>,
    /// The audit log; `None`: there is none.
    pub audit: Option<AuditSettings>,
    /// Account of callers that do not name one, twelve digits.
    pub account_id: String,
    /// Region of callers that do not name one.
    pub region: String,
    /// The Regions that there are besides. Signatures for another are refused; callers without
    /// credentials that name another are in `region`.
    pub regions: Vec<String>,
    /// Connections open at once; further ones wait in the listen queue.
    pub max_connections: u32,
    /// What the server may hold for its clients.
    pub memory: ServerMemory,
    /// Whether control operations are limited to Amazon's numbers of calls a second.
    pub limit_calls: bool,
    /// File of the keys that streams can be encrypted with; need not exist.
    pub keyring: PathBuf,
    /// The log.
    pub store: StoreOptions,
    /// The service.
    pub engine: EngineSettings,
}
