//! Connections to the endpoint under test, and the requests on them.
//!
//! hyper's connection API is used bare: no pool, no retries, no redirects. One request is one
//! exchange on a known connection, and what fails is counted, not hidden.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anabranch_protocol::sigv4::{self, HexDigest, Signer, Timestamp, sha256_hex};
use anyhow::{Context, anyhow, bail, ensure};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::bench::scan;

const X_AMZ_TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const X_AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
const X_AMZ_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const JSON: &str = "application/x-amz-json-1.1";

/// How requests say who sends them.
#[derive(Debug)]
pub(crate) enum Auth {
    /// They do not.
    None,
    /// A well-formed header with a signature of zeros: some emulators look no further.
    Dummy { region: String },
    /// SigV4.
    Signed(Box<Signer>),
}

/// How to reach the endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) http2: bool,
    pub(crate) ca_bundle: Option<PathBuf>,
    /// Accept any certificate.
    pub(crate) insecure: bool,
    pub(crate) timeout: Duration,
}

/// Everything that requests have in common.
#[derive(Debug)]
pub(crate) struct Wire {
    host: String,
    port: u16,
    /// Host and, unless it is the scheme's own, port.
    authority: String,
    uri: Uri,
    tls: Option<(Arc<rustls::ClientConfig>, ServerName<'static>)>,
    http2: bool,
    timeout: Duration,
    auth: Auth,
}

/// The fixed part of the requests of one operation.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    target: String,
    headers: HeaderMap,
}

/// An open connection.
#[derive(Debug)]
enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// A connection that is opened when it is needed, and opened again when the server closed it.
#[derive(Debug)]
pub(crate) struct Session {
    wire: Arc<Wire>,
    connection: Option<Connection>,
}

/// Why there is no reply.
#[derive(Debug)]
pub(crate) enum Lost {
    /// Nothing was sent.
    Connect(anyhow::Error),
    Timeout,
    Broken(hyper::Error),
}

impl Lost {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Lost::Connect(_) => "cannot connect",
            Lost::Timeout => "timeout",
            Lost::Broken(_) => "connection broken",
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lost::Connect(error) => write!(f, "{error:#}"),
            Lost::Timeout => f.write_str(self.name()),
            Lost::Broken(error) => write!(f, "{}: {error}", self.name()),
        }
    }
}

impl Wire {
    pub(crate) fn new(target: &Target, auth: Auth) -> anyhow::Result<Self> {
        let uri: Uri = target
            .url
            .parse()
            .with_context(|| format!("the endpoint is not a URL endpoint={}", target.url))?;
        let host = uri.host().context("the endpoint has no host")?.to_owned();
        let (secure, scheme_port) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => bail!("the endpoint is neither http nor https endpoint={}", target.url),
        };
        let port = uri.port_u16().unwrap_or(scheme_port);
        let authority = if port == scheme_port { host.clone() } else { format!("{host}:{port}") };
        let tls = match secure {
            false => None,
            true => {
                let name = host.trim_matches(['[', ']']).to_owned();
                let name = ServerName::try_from(name).context("host of the endpoint")?;
                Some((Arc::new(tls_config(target)?), name))
            }
        };
        let scheme = if secure { "https" } else { "http" };
        // HTTP/1.1 sends the path alone; HTTP/2 takes scheme and authority from the URI.
        let uri = match target.http2 {
            true => format!("{scheme}://{authority}/").parse().context("endpoint")?,
            false => Uri::from_static("/"),
        };
        let (http2, timeout) = (target.http2, target.timeout);
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(Wire { host, port, authority, uri, tls, http2, timeout, auth })
    }

    pub(crate) fn is_signed(&self) -> bool {
        matches!(self.auth, Auth::Signed(_))
    }

    pub(crate) fn operation(&self, name: &str) -> Operation {
        let target = format!("Kinesis_20131202.{name}");
        let mut headers = HeaderMap::new();
        if !self.http2 {
            headers.insert(HOST, text_value(&self.authority));
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        headers.insert(X_AMZ_TARGET, text_value(&target));
        if let Auth::Dummy { region } = &self.auth {
            let timestamp = Timestamp::from_unix(unix_seconds());
            let authorization = format!(
                "AWS4-HMAC-SHA256 Credential=AKIAANABRANCHBENCH00/{}/{region}/kinesis/\
                 aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
                 Signature={:064}",
                timestamp.date(),
                0
            );
            headers.insert(AUTHORIZATION, text_value(&authorization));
            headers.insert(X_AMZ_DATE, text_value(timestamp.as_str()));
        }
        Operation { target, headers }
    }

    /// A request that is ready to send. `sha256` is the body's, if it is known already.
    pub(crate) fn request(
        &self,
        operation: &Operation,
        body: Bytes,
        sha256: Option<HexDigest>,
    ) -> Request<Full<Bytes>> {
        let mut headers = operation.headers.clone();
        if let Auth::Signed(signer) = &self.auth {
            let sha256 = sha256.unwrap_or_else(|| sha256_hex(&body));
            let signed = [
                ("content-type", JSON.as_bytes()),
                ("host", self.authority.as_bytes()),
                ("x-amz-target", operation.target.as_bytes()),
            ];
            let request = sigv4::Request {
                method: "POST",
                path: "/",
                query: "",
                headers: &signed,
                payload_sha256_hex: sha256.as_str(),
            };
            let signature = signer.sign(&request, unix_seconds());
            headers.insert(AUTHORIZATION, text_value(&signature.authorization));
            headers.insert(X_AMZ_DATE, text_value(&signature.x_amz_date));
            if let Some(token) = &signature.x_amz_security_token {
                headers.insert(X_AMZ_SECURITY_TOKEN, text_value(token));
            }
        }
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        request
    }

    async fn connect(&self) -> anyhow::Result<Connection> {
        tokio::time::timeout(self.timeout, self.connect_unbounded())
            .await
            .with_context(|| format!("connecting took too long endpoint={}", self.authority))?
            .with_context(|| format!("cannot connect endpoint={}", self.authority))
    }

    async fn connect_unbounded(&self) -> anyhow::Result<Connection> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => self.handshake(stream).await,
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                let stream = connector.connect(name.clone(), stream).await?;
                let chosen = stream.get_ref().1.alpn_protocol();
                ensure!(!self.http2 || chosen == Some(b"h2"), "the server does not offer HTTP/2");
                self.handshake(stream).await
            }
        }
    }

    async fn handshake<S>(&self, stream: S) -> anyhow::Result<Connection>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        // A connection's error also fails the request on it, where it is counted.
        if self.http2 {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .initial_stream_window_size(4 << 20)
                .initial_connection_window_size(16 << 20)
                .handshake(io)
                .await?;
            tokio::spawn(connection);
            Ok(Connection::Http2(sender))
        } else {
            let (sender, connection) = http1::handshake(io).await?;
            tokio::spawn(connection);
            Ok(Connection::Http1(sender))
        }
    }
}

impl Session {
    pub(crate) fn new(wire: &Arc<Wire>) -> Self {
        Session { wire: Arc::clone(wire), connection: None }
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Opens the connection now instead of with the first request.
    pub(crate) async fn open(&mut self) -> anyhow::Result<()> {
        self.connection = Some(self.wire.connect().await?);
        Ok(())
    }

    /// Another session on the same connection, which only HTTP/2 can share.
    pub(crate) fn share(&self) -> Session {
        let connection = match &self.connection {
            Some(Connection::Http2(sender)) => Some(Connection::Http2(sender.clone())),
            _ => None,
        };
        Session { wire: Arc::clone(&self.wire), connection }
    }

    /// Sends a request and reads the whole reply into `reply`, whose memory is reused.
    ///
    /// A connection that the server closed between two requests is replaced, because nothing was
    /// sent on it; a request that was sent is never sent again.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        reply: &mut Vec<u8>,
    ) -> Result<StatusCode, Lost> {
        let idle = match self.connection.take() {
            Some(connection) => connection.into_ready().await,
            None => None,
        };
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.wire.connect().await.map_err(Lost::Connect)?,
        };
        let exchange = async {
            let response = connection.send(request).await?;
            let status = response.status();
            let mut body = response.into_body();
            reply.clear();
            while let Some(frame) = body.frame().await {
                if let Some(data) = frame?.data_ref() {
                    reply.extend_from_slice(data);
                }
            }
            Ok(status)
        };
        match tokio::time::timeout(self.wire.timeout, exchange).await {
            Ok(Ok(status)) => {
                self.connection = Some(connection);
                Ok(status)
            }
            Ok(Err(error)) => Err(Lost::Broken(error)),
            Err(_) => Err(Lost::Timeout),
        }
    }

    /// Sends a request and returns when its reply begins.
    pub(crate) async fn open_reply(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> anyhow::Result<(StatusCode, Incoming)> {
        let connection = self.connection.as_mut().context("the session is not open")?;
        let sending = tokio::time::timeout(self.wire.timeout, connection.send(request));
        let response = sending.await.context("no reply in time")??;
        Ok((response.status(), response.into_body()))
    }

    /// Calls an operation outside the measured load. The inner error is the service's.
    pub(crate) async fn call(
        &mut self,
        operation: &str,
        input: &serde_json::Value,
    ) -> anyhow::Result<Result<serde_json::Value, ServiceError>> {
        let body = Bytes::from(serde_json::to_vec(input)?);
        let request = self.wire.request(&self.wire.operation(operation), body, None);
        let mut reply = Vec::new();
        let status = self
            .exchange(request, &mut reply)
            .await
            .map_err(|lost| anyhow!("{operation}: {lost}"))?;
        if status == StatusCode::OK {
            // Operations without output answer with an empty body.
            let value = if reply.is_empty() {
                serde_json::Value::Null
            } else {
                serde_json::from_slice(&reply)
                    .with_context(|| format!("{operation}: the reply is not JSON"))?
            };
            return Ok(Ok(value));
        }
        let code = scan::error_code(status.as_u16(), &reply);
        let text = String::from_utf8_lossy(&reply).into_owned();
        Ok(Err(ServiceError { operation: operation.to_owned(), code, text }))
    }
}

/// An error reply of the service.
#[derive(Debug)]
pub(crate) struct ServiceError {
    operation: String,
    pub(crate) code: String,
    text: String,
}

impl From<ServiceError> for anyhow::Error {
    fn from(error: ServiceError) -> Self {
        anyhow!("{} failed: {} {}", error.operation, error.code, error.text)
    }
}

impl Connection {
    /// The connection when it is done with its last request, `None` if it was closed.
    async fn into_ready(mut self) -> Option<Self> {
        let ready = match &mut self {
            Connection::Http1(sender) => sender.ready().await,
            Connection::Http2(sender) => sender.ready().await,
        };
        ready.is_ok().then_some(self)
    }

    async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<http::Response<Incoming>, hyper::Error> {
        match self {
            Connection::Http1(sender) => sender.send_request(request).await,
            Connection::Http2(sender) => sender.send_request(request).await,
        }
    }
}

/// Values made here are ASCII without control characters, but an endpoint or a token comes from
/// the user; one that is no header value is sent as an empty one and refused by the server.
fn text_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn unix_seconds() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn tls_config(target: &Target) -> anyhow::Result<rustls::ClientConfig> {
    let roots = if target.insecure {
        None
    } else {
        let mut roots = rustls::RootCertStore::empty();
        // Some systems have odd certificates among the good ones; those are left out.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = &target.ca_bundle {
            for certificate in CertificateDer::pem_file_iter(path)
                .with_context(|| format!("cannot read the CA bundle path={}", path.display()))?
            {
                roots.add(certificate.context("CA bundle")?)?;
            }
        }
        Some(roots)
    };
    let mut config = anabranch_client::client_config(roots);
    let protocol: &[u8] = if target.http2 { b"h2" } else { b"http/1.1" };
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(config)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use anabranch_protocol::sigv4::Credentials;

    use super::*;

    fn wire(url: &str, http2: bool, auth: Auth) -> anyhow::Result<Wire> {
        let timeout = Duration::from_secs(1);
        let target =
            Target { url: url.to_owned(), http2, ca_bundle: None, insecure: true, timeout };
        Wire::new(&target, auth)
    }

    #[test]
    fn understands_endpoints() {
        let plain = wire("http://127.0.0.1:4567", false, Auth::None).unwrap();
        assert_eq!((plain.authority.as_str(), plain.port), ("127.0.0.1:4567", 4567));
        assert_eq!(plain.uri, "/");
        let secure = wire("https://example.org", true, Auth::None).unwrap();
        assert_eq!((secure.authority.as_str(), secure.port), ("example.org", 443));
        assert!(secure.tls.is_some());
        assert_eq!(secure.uri, "https://example.org/");
        let six = wire("http://[::1]:80", false, Auth::None).unwrap();
        assert_eq!((six.host.as_str(), six.authority.as_str()), ("::1", "[::1]"));
        for url in ["127.0.0.1:4567", "ftp://x", "not a url"] {
            assert!(wire(url, false, Auth::None).is_err(), "{url}");
        }
    }

    #[test]
    fn a_dummy_signature_has_the_right_shape() {
        let auth = Auth::Dummy { region: "us-east-1".to_owned() };
        let wire = wire("http://127.0.0.1:4567", false, auth).unwrap();
        let operation = wire.operation("PutRecords");
        let request = wire.request(&operation, Bytes::from_static(b"{}"), None);
        let header = request.headers()[AUTHORIZATION].to_str().unwrap();
        assert!(header.starts_with("AWS4-HMAC-SHA256 Credential=AKIA"), "{header}");
        let (_, signature) = header.split_once("Signature=").unwrap();
        assert_eq!(signature, "0".repeat(64));
        assert_eq!(request.headers()["x-amz-target"], "Kinesis_20131202.PutRecords");
        assert_eq!(request.headers()["host"], "127.0.0.1:4567");
    }

    #[test]
    fn signs_with_the_token() {
        let credentials = Credentials {
            access_key_id: "AKID".to_owned(),
            secret_access_key: "secret".to_owned(),
            session_token: Some("token".to_owned()),
        };
        let auth = Auth::Signed(Box::new(Signer::new(credentials, "eu-west-1", "kinesis")));
        let wire = wire("http://h:1", false, auth).unwrap();
        let operation = wire.operation("PutRecord");
        let request = wire.request(&operation, Bytes::from_static(b"{}"), None);
        let header = request.headers()[AUTHORIZATION].to_str().unwrap();
        assert!(header.contains("/eu-west-1/kinesis/aws4_request"), "{header}");
        let names = "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
        assert!(header.contains(names), "{header}");
        assert_eq!(request.headers()["x-amz-security-token"], "token");
    }
}
