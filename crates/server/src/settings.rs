//! How the server is set up. Merging of files, environment and flags is the command line's work.

use anabranch_engine::{EngineSettings, StoreOptions};
use std::net::SocketAddr;
use std::path::PathBuf;

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

/// How the server is set up.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Encryption of connections.
    pub tls: TlsSettings,
    /// Who is let in.
    pub access: Access,
    /// Account of callers that do not name one, twelve digits.
    pub account_id: String,
    /// Region of callers that do not name one.
    pub region: String,
    /// Connections open at once; further ones wait in the listen queue.
    pub max_connections: u32,
    /// Memory for request bodies in bytes; beyond it, requests wait.
    pub body_memory_bytes: u64,
    /// Whether control operations are limited to Amazon's numbers of calls a second.
    pub limit_calls: bool,
    /// File of the keys that streams can be encrypted with; need not exist.
    pub keyring: PathBuf,
    /// The log.
    pub store: StoreOptions,
    /// The service.
    pub engine: EngineSettings,
}
