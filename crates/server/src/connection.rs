//! Sockets: accepting, TLS, HTTP/1.1 and HTTP/2 on one port, and ending well.

use crate::request::FrontDoor;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// How long a client may take for its headers, idle time on a kept connection included.
const HEADER_PATIENCE: Duration = Duration::from_secs(75);
/// How long a client may take to agree on TLS.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// How long requests under way may take when the server is told to stop.
const DRAIN_PATIENCE: Duration = Duration::from_secs(10);
/// Pause after an accept that failed for want of something, such as file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Bytes of headers of one HTTP/2 request.
const H2_HEADER_BYTES: u32 = 64 << 10;
/// Requests under way on one HTTP/2 connection.
const H2_STREAMS: u32 = 256;
/// Bytes that a client may send ahead on one HTTP/2 stream and connection.
const H2_STREAM_WINDOW: u32 = 1 << 20;
const H2_CONNECTION_WINDOW: u32 = 4 << 20;
/// Read buffer of an HTTP/1.1 connection: large bodies arrive in few pieces.
const H1_BUFFER_BYTES: usize = 1 << 20;

/// Accepts and serves until `stop` says so, then lets requests under way finish.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    door: Arc<FrontDoor>,
    max_connections: u32,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(max_connections as usize));
    let graceful = GracefulShutdown::new();
    let builder = Arc::new(http_builder());
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place.expect("never closed"),
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let socket = match accepted {
            Ok((socket, _)) => socket,
            Err(error) => {
                if is_lasting(&error) {
                    tracing::warn!(%error, "cannot accept connections; trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                continue;
            }
        };
        // A reply is written at once or not at all: waiting for more only adds latency.
        let _ = socket.set_nodelay(true);
        let (door, builder, tls) = (door.clone(), builder.clone(), tls.clone());
        let watcher = graceful.watcher();
        tokio::spawn(async move {
            match tls {
                None => serve_one(socket, &builder, door, watcher).await,
                Some(tls) => {
                    if let Some(stream) = handshake(&tls, socket).await {
                        serve_one(stream, &builder, door, watcher).await;
                    }
                }
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_PATIENCE, graceful.shutdown()).await.is_err() {
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

async fn handshake(
    tls: &TlsAcceptor,
    socket: TcpStream,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    tokio::time::timeout(HANDSHAKE_PATIENCE, tls.accept(socket)).await.ok()?.ok()
}

fn http_builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .max_buf_size(H1_BUFFER_BYTES)
        .half_close(true);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(H2_HEADER_BYTES)
        .max_concurrent_streams(H2_STREAMS)
        .initial_stream_window_size(H2_STREAM_WINDOW)
        .initial_connection_window_size(H2_CONNECTION_WINDOW);
    builder
}

async fn serve_one<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    builder: &auto::Builder<TokioExecutor>,
    door: Arc<FrontDoor>,
    watcher: Watcher,
) {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let door = door.clone();
        async move { Ok::<_, Infallible>(door.answer(request).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection.into_owned()).await {
        // The client's business: it broke the connection or the protocol.
        tracing::debug!(%error, "a connection ended with an error");
    }
}
