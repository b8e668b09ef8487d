//! Sockets: accepting, TLS, HTTP/1.1 and HTTP/2 on one port, and ending well.

use crate::idle::{IDLE_PATIENCE, Idle};
use crate::peer::Peer;
use crate::reply::Reply;
use crate::reply_body::ReplyMemory;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// How long a client may take for its headers, idle time on a kept connection included: an idle
/// connection is not told from a slow one.
const HEADER_PATIENCE: Duration = IDLE_PATIENCE;
/// How long a client may take to agree on TLS.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// Pause after an accept that failed for want of something, such as file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Bytes of headers of one HTTP/2 request.
const H2_HEADER_BYTES: u32 = 64 << 10;
/// Requests under way on one HTTP/2 connection.
const H2_STREAMS: u32 = 256;
/// Bytes that a client may send ahead on one HTTP/2 stream and connection.
const H2_STREAM_WINDOW: u32 = 1 << 20;
const H2_CONNECTION_WINDOW: u32 = 4 << 20;
/// Bytes of headers of one HTTP/1.1 request, and of a piece of its body. Callers are not known
/// yet and no memory is counted, so it is no more than what the largest request needs.
const H1_BUFFER_BYTES: usize = 64 << 10;
/// Memory for large replies; beyond it, they wait.
const REPLY_MEMORY_BYTES: usize = 256 << 20;

/// What answers the requests of all connections.
pub(crate) trait Answering: Send + Sync + 'static {
    /// Whatever the request, there is an answer.
    fn answer(
        &self,
        request: http::Request<Incoming>,
        peer: Peer,
    ) -> impl Future<Output = Reply> + Send;
}

/// What all connections share.
struct Shared<A> {
    door: A,
    replies: ReplyMemory,
    http: auto::Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
}

/// Accepts and serves until `stop` says so, then lets requests under way finish, for as long as
/// `drain_timeout`.
pub(crate) async fn serve<A: Answering>(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    door: A,
    max_connections: u32,
    drain_timeout: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(max_connections as usize));
    let graceful = GracefulShutdown::new();
    let replies = ReplyMemory::new(REPLY_MEMORY_BYTES);
    let shared = Arc::new(Shared { door, replies, http: http_builder(), tls });
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place.expect("never closed"),
            _ = stop.wait_for(|stop| *stop) => break,
        };
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
        // A reply is written at once or not at all: waiting for more only adds latency.
        let _ = socket.set_nodelay(true);
        let (shared, watcher) = (shared.clone(), graceful.watcher());
        #[expect(
            clippy::disallowed_methods,
            reason = "ends with its connection, which is bounded"
        )]
        tokio::spawn(async move {
            shared.serve_socket(socket, address.ip(), watcher).await;
            drop(place);
        });
    }
    drop(listener);
    if timeout(drain_timeout, graceful.shutdown()).await.is_err() {
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

impl<A: Answering> Shared<A> {
    async fn serve_socket(self: Arc<Self>, socket: TcpStream, address: IpAddr, watcher: Watcher) {
        let socket = Idle::new(socket);
        let peer = Peer { address, is_tls: self.tls.is_some() };
        let Some(tls) = &self.tls else { return self.serve_stream(socket, peer, watcher).await };
        if let Ok(Ok(stream)) = timeout(HANDSHAKE_PATIENCE, tls.accept(socket)).await {
            self.serve_stream(stream, peer, watcher).await;
        }
    }

    async fn serve_stream<S>(self: &Arc<Self>, stream: S, peer: Peer, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let shared = self.clone();
        let service = service_fn(move |request: http::Request<Incoming>| {
            let shared = shared.clone();
            async move {
                let reply = shared.door.answer(request, peer).await;
                Ok::<_, Infallible>(shared.replies.admit(reply).await)
            }
        });
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection.into_owned()).await {
            // The client's business: it broke the connection or the protocol.
            tracing::debug!(%error, "a connection ended with an error");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply_body::ReplyBody;
    use http::Response;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tokio::time::Instant;

    const REPLY_BYTES: usize = 1 << 20;
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

    /// A connection to a server that answers everything with [`REPLY_BYTES`].
    fn connect(replies: &ReplyMemory) -> (DuplexStream, JoinHandle<()>) {
        let (client, server) = duplex(1000);
        let replies = replies.clone();
        let service = service_fn(move |_: http::Request<Incoming>| {
            let replies = replies.clone();
            async move {
                let reply = Response::new(ReplyBody::new(vec![7; REPLY_BYTES]));
                Ok::<_, Infallible>(replies.admit(reply).await)
            }
        });
        let io = TokioIo::new(Idle::new(server));
        let serving = http_builder().serve_connection(io, service).into_owned();
        // How it ends is not what is asked here, but that it does.
        (client, tokio::spawn(async move { drop(serving.await) }))
    }

    #[tokio::test(start_paused = true)]
    async fn connections_on_which_nothing_happens_are_ended() {
        let with_settings = [PREFACE, SETTINGS].concat();
        for sent in [b"".as_slice(), &PREFACE[..9], &with_settings, b"GET / HT"] {
            let started = Instant::now();
            let (mut client, serving) = connect(&ReplyMemory::new(REPLY_BYTES));
            client.write_all(sent).await.expect("there is room");
            serving.await.expect("no panic");
            assert_eq!(started.elapsed().as_secs(), IDLE_PATIENCE.as_secs());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_that_nobody_reads_gives_its_memory_back() {
        let replies = ReplyMemory::new(REPLY_BYTES);
        let (mut client, serving) = connect(&replies);
        client.write_all(REQUEST).await.expect("there is room");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(replies.taken_bytes(), REPLY_BYTES);
        serving.await.expect("no panic");
        assert_eq!(replies.taken_bytes(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_reply_arrives_whole() {
        let replies = ReplyMemory::new(REPLY_BYTES);
        let (mut client, serving) = connect(&replies);
        client.write_all(REQUEST).await.expect("there is room");
        client.shutdown().await.expect("open");
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.expect("read");
        serving.await.expect("no panic");
        let head = received.len() - REPLY_BYTES;
        let length = format!("content-length: {REPLY_BYTES}\r\n");
        assert!(String::from_utf8_lossy(&received[..head]).contains(&length));
        assert!(received[head..].iter().all(|byte| *byte == 7));
        assert_eq!(replies.taken_bytes(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn headers_without_end_are_refused() {
        let (mut client, _serving) = connect(&ReplyMemory::new(REPLY_BYTES));
        let header = format!("X: {}\r\n", "y".repeat(1000));
        client.write_all(b"GET / HTTP/1.1\r\n").await.expect("open");
        while client.write_all(header.as_bytes()).await.is_ok() {}
        let mut start = [0; 12];
        client.read_exact(&mut start).await.expect("an answer");
        assert_eq!(&start, b"HTTP/1.1 431");
    }
}
