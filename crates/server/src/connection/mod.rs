//! Sockets: accepting, TLS, HTTP/1.1 and HTTP/2 on one port, and ending well.

mod answering;
mod connected;
mod http1;
mod http2;
mod idle;
mod lanes;
mod pace;
mod places;
mod request_body;
mod request_memory;
#[cfg(test)]
mod tests;
mod version;
mod windows;

pub(crate) use answering::Answering;
pub(crate) use connected::{Connected, Shares};
pub(crate) use lanes::Lanes;
pub(crate) use pace::LEAST_BYTES_PER_SECOND;
pub(crate) use request_body::RequestBody;
pub(crate) use request_memory::RequestMemory;

use crate::peer::Peer;
use http2::Requests;
use idle::Idle;
use pace::IDLE_PATIENCE;
use places::{Place, Places};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use version::Version;

/// How long a client may take to agree on TLS.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// Pause after an accept that failed for want of something, such as file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a listener's connections may have.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Connections open at once.
    pub(crate) connections: u32,
    pub(crate) shares: Shares,
    pub(crate) requests: RequestMemory,
    /// How long requests under way may take when the server stops.
    pub(crate) drain_timeout: Duration,
}

/// What all connections share.
struct Shared<A> {
    requests: Arc<Requests<A>>,
    tls: Option<TlsAcceptor>,
    stop: watch::Receiver<bool>,
}

/// Accepts and serves until `stop` says so, then lets requests under way finish.
pub(crate) async fn serve<A: Answering>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    door: A,
    limits: Limits,
    lanes: Arc<Lanes>,
    mut stop: watch::Receiver<bool>,
) {
    let places = Places::new(limits.connections, limits.shares);
    let requests = Arc::new(Requests { door, memory: limits.requests });
    let shared = Arc::new(Shared { requests, tls, stop: stop.clone() });
    // Each connection has a sender: when the last one is gone, they all are.
    let (alive, mut all_ended) = mpsc::channel::<Infallible>(1);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (socket, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if is_lasting(&error) {
                    tracing::warn!(%error, "cannot accept connections; trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        let place = tokio::select! {
            place = places.enter(address.ip()) => place,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        // A reply is written at once or not at all: waiting for more only adds latency.
        let _ = socket.set_nodelay(true);
        let (shared, alive) = (shared.clone(), alive.clone());
        lanes.serve(socket, move |socket| async move {
            shared.serve_place(socket, &place).await;
            drop((place, alive));
        });
    }
    drop((listener, alive));
    if timeout(limits.drain_timeout, all_ended.recv()).await.is_err() {
        tracing::warn!("connections were still busy when the server stopped");
    }
}

/// Whether accepting failed for a reason that stays for a while.
fn is_lasting(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

impl<A: Answering> Shared<A> {
    /// Serves a connection until it ends or its place goes to another.
    async fn serve_place(&self, socket: TcpStream, place: &Place) {
        let connected = &place.connected;
        let peer = Peer { address: connected.address(), is_tls: self.tls.is_some() };
        tokio::select! {
            () = self.serve_socket(Idle::new(socket), peer, connected) => {}
            () = connected.evicted() => {
                tracing::debug!(peer = %peer.address, "a connection was ended to make room");
            }
        }
    }

    async fn serve_socket<S>(&self, socket: S, peer: Peer, connected: &Arc<Connected>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(tls) = &self.tls else { return self.serve_stream(socket, peer, connected).await };
        let mut stop = self.stop.clone();
        let agreed = tokio::select! {
            agreed = timeout(HANDSHAKE_PATIENCE, tls.accept(socket)) => agreed,
            // Nothing is under way.
            _ = stop.wait_for(|stop| *stop) => return,
        };
        if let Ok(Ok(stream)) = agreed {
            self.serve_stream(stream, peer, connected).await;
        }
    }

    async fn serve_stream<S>(&self, stream: S, peer: Peer, connected: &Arc<Connected>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut stop = self.stop.clone();
        let told = tokio::select! {
            told = timeout(IDLE_PATIENCE, version::tell(stream)) => told,
            // Nothing is under way.
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match told {
            Ok(Ok((Version::Http1, stream))) => {
                http1::serve(stream, &self.requests.door, peer, connected, stop).await;
            }
            Ok(Ok((Version::Http2, stream))) => {
                http2::serve(stream, &self.requests, peer, connected, stop).await;
            }
            Ok(Err(_)) | Err(_) => {}
        }
    }
}
