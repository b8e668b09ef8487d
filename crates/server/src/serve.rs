//! Starting and stopping the server.

use crate::admin::{Admin, Server};
use crate::auth::{AuthMode, Authenticator, CredentialStore, CredentialsError, CredentialsFile};
use crate::body::BodyMemory;
use crate::connection;
use crate::front_door::FrontDoor;
use crate::hosts::Hosts;
use crate::keys::{KeyStore, KeyringError, KeyringFile};
use crate::services::Services;
use crate::settings::{Access, ServerSettings, TlsSettings};
use crate::tls::{Tls, TlsError};
use anabranch_engine::{Cells, Engine, OneCell, StartError};
use anabranch_env::{Clock, Disk};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Nobody would be kept out.
    #[error(
        "refusing to listen on {0}, which is not a loopback address, without credentials; add \
         some with `anabranch credentials add` and give --credentials FILE, or accept everybody \
         with --insecure-anonymous"
    )]
    Unprotected(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen address={address} error={error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// The credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The keyring cannot be used.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The data directory cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// A server at work.
#[derive(Debug)]
pub struct RunningServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether it speaks TLS.
    pub is_tls: bool,
    /// The service behind it.
    pub cells: Arc<dyn Cells>,
    watched: Watched,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// The files that are looked at again while the server runs.
#[derive(Debug)]
struct Watched {
    authenticator: Arc<Authenticator>,
    keyring: Arc<KeyStore>,
    tls: Option<Tls>,
}

impl Watched {
    fn look(&self) {
        self.authenticator.look();
        self.keyring.look();
        if let Some(tls) = &self.tls {
            tls.look();
        }
    }
}

impl RunningServer {
    /// The URL to give to clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_tls { "https" } else { "http" }, self.address)
    }

    /// Looks at credentials, keyring and TLS files at once, and takes over what has changed. What
    /// cannot be used leaves what is in force, and the log says why. Reads files: not for a thread
    /// that must not wait.
    pub fn reload(&self) {
        self.watched.look();
    }

    /// Stops accepting, lets requests under way finish, and closes the log.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // A panic there was reported; the log is closed all the same.
        let _ = self.serving.await;
        let cells = self.cells;
        let shut_down = move || cells.all().iter().for_each(|cell| cell.store().shut_down());
        let _ = tokio::task::spawn_blocking(shut_down).await;
    }
}

/// Starts a server.
///
/// # Errors
/// When it cannot, with what to do about it.
pub async fn start(
    settings: ServerSettings,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
) -> Result<RunningServer, ServeError> {
    let authenticator = Arc::new(authenticator(&settings, &*clock)?);
    let tls = Tls::open(&settings.tls, &settings.store.directory, clock.clone())?;
    let acceptor = tls.as_ref().map(Tls::acceptor).transpose()?;
    // The address first: a taken one is found before gigabytes of journal are read.
    let listen_error = |error| ServeError::Listen { address: settings.listen, error };
    let listener = listen(settings.listen).map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;
    let keyring = KeyStore::open(KeyringFile::new(settings.keyring), clock.clone())?;
    let keyring = Arc::new(keyring);
    let watched = Watched { authenticator: authenticator.clone(), keyring: keyring.clone(), tls };
    let engine = Engine::start(settings.store, settings.engine, disk, clock, keyring).await?;
    let cells = OneCell::serve(engine);
    warn_of_hidden_regions(&*cells, &settings.region, &settings.regions);
    let (stop, stopped) = watch::channel(false);
    let hosts = Hosts::new(&settings.access, settings.listen.ip(), &settings.allowed_hosts);
    let door = Arc::new(FrontDoor {
        services: Services::new(&cells, settings.limit_calls),
        admin: Admin(Server { cells: cells.clone(), stopping: stopped.clone() }),
        cells: cells.clone(),
        authenticator,
        hosts,
        bodies: BodyMemory::new(settings.body_memory_bytes),
        stopping: stopped.clone(),
    });
    let serving = connection::serve(listener, acceptor, door, settings.max_connections, stopped);
    #[expect(clippy::disallowed_methods, reason = "whoever stops the server waits for it")]
    let serving = tokio::spawn(serving);
    let is_tls = settings.tls != TlsSettings::Off;
    Ok(RunningServer { address, is_tls, cells, watched, stop, serving })
}

/// Connections that may wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 4096;

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // A restart must not wait for connections of the last process to be forgotten.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn authenticator(
    settings: &ServerSettings,
    clock: &dyn Clock,
) -> Result<Authenticator, ServeError> {
    let mode = match &settings.access {
        Access::Credentials(path) => {
            let now_secs = (clock.now_ms() / 1000).cast_signed();
            let file = CredentialsFile::new(path.clone());
            AuthMode::Sigv4(CredentialStore::open(file, now_secs)?)
        }
        Access::Open { insecure } => {
            if !insecure && !settings.listen.ip().is_loopback() {
                return Err(ServeError::Unprotected(settings.listen));
            }
            AuthMode::Open { account_id: Arc::from(settings.account_id.as_str()) }
        }
    };
    Ok(Authenticator::new(mode, &settings.region, &settings.regions))
}

/// Streams are where they were made, and nobody can name their Region any more.
fn warn_of_hidden_regions(cells: &dyn Cells, default_region: &str, regions: &[String]) {
    let is_known = |name: &str| name == default_region || regions.iter().any(|known| known == name);
    let found = cells.all().iter().flat_map(|cell| cell.control.regions());
    let mut hidden: Vec<_> = found.filter(|name| !is_known(name)).collect();
    hidden.dedup();
    if !hidden.is_empty() {
        let regions = hidden.join(",");
        tracing::warn!(
            regions,
            "there are streams in Regions that are not listed, which nobody reaches; list them with \
             --regions aws,NAME"
        );
    }
}
