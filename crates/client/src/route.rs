//! How a connection is made: straight, through a proxy that forwards (`http://` endpoints), or
//! through a tunnel that a proxy digs (`https://` ones, by `CONNECT`).
//!
//! Whatever fails here fails before a byte of a request has left.

use std::error::Error as StdError;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use rustls::ClientConfig;
use thiserror::Error;
use tower_service::Service;

use crate::proxy::{Proxies, Via};

type BoxError = Box<dyn StdError + Send + Sync>;

/// The SDK's own limit.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_millis(3_100);

/// Why there is no connection, beside what the network says.
#[derive(Debug, Error)]
pub(crate) enum RouteError {
    #[error("no connection within {} ms", limit.as_millis())]
    TooSlow { limit: Duration },
    #[error("the proxy is neither http:// nor https:// proxy={proxy}")]
    ProxyScheme { proxy: Uri },
}

/// Makes connections.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    tcp: HttpConnector,
    tls: Arc<ClientConfig>,
    /// To a proxy, which speaks HTTP/1.1 only.
    tls_of_proxy: Arc<ClientConfig>,
    proxies: Arc<Proxies>,
    connect_timeout: Duration,
}

impl Route {
    /// `tls` is for the service, and for a proxy too.
    pub(crate) fn new(tls: &ClientConfig, proxies: Arc<Proxies>) -> Self {
        let offering = |protocols: &[&[u8]]| {
            let mut tls = tls.clone();
            tls.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            Arc::new(tls)
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Self {
            tcp,
            tls: offering(&[b"h2", b"http/1.1"]),
            tls_of_proxy: offering(&[b"http/1.1"]),
            proxies,
            connect_timeout: CONNECT_TIMEOUT,
        }
    }

    /// The same with another limit for making a connection.
    pub(crate) fn within(&self, connect_timeout: Duration) -> Self {
        Self { connect_timeout, ..self.clone() }
    }

    async fn connect(self, destination: Uri) -> Result<Stream, BoxError> {
        let Some(via) = self.proxies.via(&destination) else {
            let mut connector = HttpsConnector::from((self.tcp, self.tls));
            return Ok(Stream::new(connector.call(destination).await?, false));
        };
        let Via { uri, authorization } = via;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(RouteError::ProxyScheme { proxy: uri }.into());
        }
        let mut to_proxy = HttpsConnector::from((self.tcp, self.tls_of_proxy));
        if destination.scheme_str() != Some("https") {
            return Ok(Stream::new(to_proxy.call(uri).await?, true));
        }
        let mut tunnel = Tunnel::new(uri, to_proxy);
        if let Some(value) = authorization {
            tunnel = tunnel.with_auth(value);
        }
        let mut connector = HttpsConnector::from((tunnel, self.tls));
        Ok(Stream::new(connector.call(destination).await?, false))
    }
}

impl Service<Uri> for Route {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let limit = self.connect_timeout;
        let connecting = self.clone().connect(destination);
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(outcome) => outcome,
                Err(_) => Err(RouteError::TooSlow { limit }.into()),
            }
        })
    }
}

/// TCP, perhaps TLS, perhaps within what leads to a proxy.
trait Wire: Read + Write + Connection + Send + Unpin {}

impl<T: Read + Write + Connection + Send + Unpin> Wire for T {}

/// A connection.
pub(crate) struct Stream {
    wire: Box<dyn Wire>,
    /// Whether a proxy reads the requests, which then name the whole URL.
    is_forwarded: bool,
}

impl Stream {
    fn new<T>(stream: MaybeHttpsStream<T>, is_forwarded: bool) -> Self
    where
        T: Read + Write + Connection + Send + Unpin + 'static,
    {
        Self { wire: Box::new(stream), is_forwarded }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        self.wire.connected().proxy(self.is_forwarded)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.wire).poll_read(context, buffer)
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.wire).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.wire).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.wire).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.wire).poll_write_vectored(context, parts)
    }
}
