//! Starting and stopping the server.

use crate::admin::{Admin, Server};
use crate::audit::{AuditLog, AuditWriter};
use crate::auth::{AuthMode, Authenticator, CredentialStore, CredentialsError, CredentialsFile};
use crate::body::{BODY_BYTES_MAX, BodyMemory};
use crate::connection::{self, Lanes, Limits, RequestMemory, Shares};
use crate::entrance::{Entrance, Opener};
use crate::front_door::FrontDoor;
use crate::hosts::Hosts;
use crate::keys::{KeyStore, KeyringError, KeyringFile};
use crate::reply_body::ReplyMemory;
use crate::services::Services;
use crate::settings::{Access, AdminListen, ServerSettings, TlsSettings};
use crate::tls::{Tls, TlsError};
use anabranch_engine::{Cells, Durability, Engine, OneCell, StartError, StoreOptions};
use anabranch_env::files::{self, ForeignOwner};
use anabranch_env::{AgreedClock, Clock, Disk};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
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
    /// The address of the admin listener cannot be had.
    #[error(
        "cannot listen for probes and the operator address={address} error={error}; give another \
         address with --admin-listen, or `--admin-listen off`"
    )]
    ListenForAdmin {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        error: std::io::Error,
    },
    /// The data directory belongs to another user.
    #[error(
        "the data directory belongs to another user, who could not use what this one leaves in it, \
         and can exchange it: {}",
        owner.remedy(path)
    )]
    ForeignDirectory {
        /// The directory.
        path: PathBuf,
        /// That user.
        owner: ForeignOwner,
    },
    /// There are no threads to serve connections.
    #[error(
        "cannot start threads for connections error={0}; raise the limits of processes and of open files"
    )]
    Threads(std::io::Error),
    /// The credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The keyring cannot be used.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The audit log cannot be opened.
    #[error("cannot open the audit log error={0}")]
    Audit(std::io::Error),
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
    /// Where it tells probes and the operator how it is, in plain HTTP.
    pub admin_address: Option<SocketAddr>,
    /// Whether it speaks TLS.
    pub is_tls: bool,
    /// The service behind it. Changes that take a while end with the server.
    pub cells: Arc<dyn Cells>,
    watched: Watched,
    admin: Arc<Admin>,
    listening: Listening,
}

/// The files that are looked at again while the server runs.
#[derive(Debug)]
struct Watched {
    authenticator: Arc<Authenticator>,
    keyring: Arc<KeyStore>,
    tls: Option<Tls>,
    audit: Option<Arc<AuditWriter>>,
}

impl Watched {
    fn look(&self) {
        self.authenticator.look();
        self.keyring.look();
        if let Some(tls) = &self.tls {
            tls.look();
        }
        if let Some(audit) = &self.audit {
            audit.reopen();
        }
    }
}

impl RunningServer {
    /// The URL to give to clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_tls { "https" } else { "http" }, self.address)
    }

    /// Looks at credentials, keyring and TLS files at once, takes over what has changed, and opens
    /// the audit log anew. What
    /// cannot be used leaves what is in force, and the log says why. Reads files: not for a thread
    /// that must not wait.
    pub fn reload(&self) {
        self.watched.look();
    }

    /// Has probes told that nothing new is to be sent here; what comes is answered all the same.
    pub fn drain(&self) {
        self.admin.0.drain();
    }

    /// Stops accepting, lets requests under way finish, and closes the log.
    pub async fn stop(mut self) {
        self.drain();
        self.listening.end().await;
        let (cells, audit, listening) = (self.cells, self.watched.audit, self.listening);
        let shut_down = move || {
            cells.all().iter().for_each(|cell| cell.store().shut_down());
            // What its connections still note is in the audit log.
            drop(listening);
            if let Some(audit) = audit {
                audit.end();
            }
        };
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
    bind(settings, clock)?.open(disk).await
}

/// A server that listens and tells probes how it is, and has not read its data yet.
#[derive(Debug)]
pub struct StartingServer {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it tells probes and the operator how it is.
    pub admin_address: Option<SocketAddr>,
    settings: ServerSettings,
    clock: Arc<dyn Clock>,
    watched: Watched,
    admin: Arc<Admin>,
    opener: Opener,
    listening: Listening,
}

/// Has a server listen. What is wrong with its files other than the data is found here.
///
/// # Errors
/// When it cannot, with what to do about it.
pub fn bind(settings: ServerSettings, clock: Arc<dyn Clock>) -> Result<StartingServer, ServeError> {
    check_directory(&settings.store)?;
    let authenticator = Arc::new(authenticator(&settings, &*clock)?);
    let tls = Tls::open(&settings.tls, &settings.store.directory, clock.clone())?;
    let acceptor = tls.as_ref().map(Tls::acceptor).transpose()?;
    // The address before the rest: a taken one is found before gigabytes of journal are read.
    let listener = listen(settings.listen)
        .map_err(|error| ServeError::Listen { address: settings.listen, error })?;
    let address = local_address(&listener, settings.listen)?;
    let admin_listener = listen_for_admin(settings.admin_listen)?;
    // Signatures and certificates are judged by the wall clock, as their makers do; whatever is stored or
    // deleted, by what can be believed of it.
    let clock: Arc<dyn Clock> = Arc::new(AgreedClock::new(clock));
    let keyring = KeyStore::open(KeyringFile::new(settings.keyring.clone()), clock.clone())?;
    let audit = settings.audit.as_ref();
    let audit = audit.map(|audit| AuditWriter::open(&audit.destination, clock.clone()));
    let audit = audit.transpose().map_err(ServeError::Audit)?.map(Arc::new);
    let watched = Watched { authenticator, keyring: Arc::new(keyring), tls, audit };
    let admin =
        Arc::new(Admin(Arc::new(Server::new(settings.store.durability, watched.audit.clone()))));
    let (entrance, opener) = Entrance::new(admin.clone());
    let lanes = Arc::new(Lanes::start(settings.connection_threads).map_err(ServeError::Threads)?);
    let mut listening = Listening::new(lanes.clone());
    let mut admin_address = None;
    if let Some(listener) = admin_listener {
        admin_address = Some(local_address(&listener, address)?);
        listening.admin = Some(Listening::spawn(&listening.stop_admin, |stopped| {
            let entrance = entrance.of_admin();
            let lanes = Arc::new(Lanes::here());
            connection::serve(listener, None, entrance, admin_limits(), lanes, stopped)
        }));
    }
    let limits = limits(&settings);
    listening.main = Some(Listening::spawn(&listening.stop, |stopped| {
        connection::serve(listener, acceptor, entrance, limits, lanes, stopped)
    }));
    Ok(StartingServer {
        address,
        admin_address,
        settings,
        clock,
        watched,
        admin,
        opener,
        listening,
    })
}

/// Whoever owns a data directory, or may write there, can put other files in place of the server's. An
/// owner who is another user is refused: it is also who starts the server otherwise, and cannot read
/// what this process would leave. An open mode is not, volumes that are mounted for one container are
/// often so.
fn check_directory(store: &StoreOptions) -> Result<(), ServeError> {
    if store.durability == Durability::Memory {
        return Ok(());
    }
    let path = &store.directory;
    // One that is not there yet will be ours; one that cannot be looked at cannot be opened either.
    if let Ok(Some(owner)) = files::foreign_owner(path) {
        return Err(ServeError::ForeignDirectory { path: path.clone(), owner });
    }
    if matches!(files::access(path, 0o022), Ok(files::Access::Others)) {
        let path = path.display();
        tracing::warn!(%path, "others can write to the data directory: run `chmod 700` on it");
    }
    Ok(())
}

/// Connections of the admin listener at once: probes and an operator.
const ADMIN_CONNECTIONS: u32 = 64;
/// How long a probe's request may take when the server ends.
const ADMIN_DRAIN: Duration = Duration::from_secs(1);
/// Bytes of requests under way there, beside the first of each connection.
const ADMIN_REQUEST_BYTES: u64 = 1 << 20;

fn admin_limits() -> Limits {
    Limits {
        connections: ADMIN_CONNECTIONS,
        // No body is read there.
        shares: Shares { connection_bodies: 0, peer_bodies: 0, connection_replies: 0 },
        requests: RequestMemory::new(ADMIN_REQUEST_BYTES, 0),
        drain_timeout: ADMIN_DRAIN,
    }
}

/// The main listener's. A connection, and all of a peer, may have three quarters of the memory for bodies:
/// behind a proxy everybody is one peer, and bodies of a connection that wait hold up the others.
fn limits(settings: &ServerSettings) -> Limits {
    let memory = &settings.memory;
    Limits {
        connections: settings.max_connections,
        shares: Shares {
            connection_bodies: (memory.body_bytes / 4 * 3).max(BODY_BYTES_MAX as u64),
            peer_bodies: (memory.body_bytes / 4 * 3).max(BODY_BYTES_MAX as u64),
            connection_replies: memory.reply_bytes / 2,
        },
        requests: RequestMemory::new(memory.request_bytes, memory.window_bytes),
        drain_timeout: settings.drain_timeout,
    }
}

impl StartingServer {
    /// Reads the data and lets requests in.
    ///
    /// # Errors
    /// When it cannot, with what to do about it. It listens no more then.
    pub async fn open(self, disk: Arc<dyn Disk>) -> Result<RunningServer, ServeError> {
        let Self { address, admin_address, settings, clock, watched, admin, opener, listening } =
            self;
        let keyring = watched.keyring.clone();
        let audit = watched.audit.clone().zip(settings.audit.as_ref()).map(|(writer, settings)| {
            Arc::new(AuditLog::new(writer, clock.clone(), settings.with_data_calls))
        });
        let (store, engine) = (settings.store, settings.engine);
        let engine = Engine::start(store, engine, disk, clock.clone(), keyring).await?;
        if settings.trust_clock {
            engine.store().resume_deletion();
        }
        let cells = OneCell::serve(engine);
        warn_of_hidden_regions(&*cells, &settings.region, &settings.regions);
        let bodies = BodyMemory::new(settings.memory.body_bytes);
        admin.0.has_started(cells.clone(), bodies.refusals());
        opener.open(Arc::new(FrontDoor {
            services: Services::new(&cells, settings.limit_calls),
            admin: admin.clone(),
            authenticator: watched.authenticator.clone(),
            hosts: Hosts::new(&settings.access, settings.listen.ip(), &settings.allowed_hosts),
            audit,
            bodies,
            replies: ReplyMemory::new(settings.memory.reply_bytes),
            clock,
            stopping: listening.stop.subscribe(),
        }));
        let is_tls = settings.tls != TlsSettings::Off;
        Ok(RunningServer { address, admin_address, is_tls, cells, watched, admin, listening })
    }
}

/// The tasks that accept connections. They are told to end when this is dropped.
#[derive(Debug)]
struct Listening {
    /// Turns true when nothing new is accepted any more.
    stop: watch::Sender<bool>,
    /// The same of the admin listener, which is the last to go.
    stop_admin: watch::Sender<bool>,
    main: Option<JoinHandle<()>>,
    admin: Option<JoinHandle<()>>,
    /// What connections have begun goes on there until the store is shut down.
    _lanes: Arc<Lanes>,
}

impl Listening {
    fn new(lanes: Arc<Lanes>) -> Self {
        let (stop, stop_admin) = (watch::channel(false).0, watch::channel(false).0);
        Self { stop, stop_admin, main: None, admin: None, _lanes: lanes }
    }

    fn spawn<F: Future<Output = ()> + Send + 'static>(
        stop: &watch::Sender<bool>,
        serve: impl FnOnce(watch::Receiver<bool>) -> F,
    ) -> JoinHandle<()> {
        let serving = serve(stop.subscribe());
        #[expect(clippy::disallowed_methods, reason = "whoever stops the server waits for it")]
        tokio::spawn(serving)
    }

    /// Lets requests under way finish. A panic there was reported, and stops nothing.
    async fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(main) = self.main.take() {
            let _ = main.await;
        }
        self.stop_admin.send_replace(true);
        if let Some(admin) = self.admin.take() {
            let _ = admin.await;
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.stop_admin.send_replace(true);
    }
}

fn local_address(listener: &TcpListener, wanted: SocketAddr) -> Result<SocketAddr, ServeError> {
    listener.local_addr().map_err(|error| ServeError::Listen { address: wanted, error })
}

/// The admin listener. If nobody has asked for its address, a second server on the machine goes
/// without: whether it is well is told on the main port, too, and nothing else.
fn listen_for_admin(wanted: AdminListen) -> Result<Option<TcpListener>, ServeError> {
    let address = match wanted {
        AdminListen::Off => return Ok(None),
        AdminListen::At(address) | AdminListen::IfFree(address) => address,
    };
    match (listen(address), wanted) {
        (Ok(listener), _) => Ok(Some(listener)),
        (Err(error), AdminListen::IfFree(_)) => {
            tracing::warn!(
                %address,
                %error,
                "no admin listener, its address is taken, perhaps by another server on this machine: \
                 nobody can ask for the status, or have deletion go on; give this one its own address \
                 with --admin-listen, or `--admin-listen off`"
            );
            Ok(None)
        }
        (Err(error), _) => Err(ServeError::ListenForAdmin { address, error }),
    }
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
            let now_secs = (clock.wall_ms() / 1000).cast_signed();
            let file = CredentialsFile::new(path.clone());
            AuthMode::Sigv4(CredentialStore::open(file, now_secs)?)
        }
        Access::Open { insecure } => {
            let is_open = |address: &SocketAddr| !insecure && !address.ip().is_loopback();
            let admin = settings.admin_listen.address();
            let addresses = [Some(settings.listen), admin].into_iter().flatten();
            if let Some(address) = addresses.into_iter().find(is_open) {
                return Err(ServeError::Unprotected(address));
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
