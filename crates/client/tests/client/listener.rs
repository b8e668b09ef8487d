//! A listener on a port of its own that treats each connection as the test says, and tells what came.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anabranch_client::{Client, Connection, EndpointChoice, Proxy, Retries};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What the listener has read, in order.
pub(crate) type Seen = Arc<Mutex<Vec<String>>>;

pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Seen,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listener {
    /// Gives each connection to `treat`, one after another.
    pub(crate) async fn new<Treat, Treated>(treat: Treat) -> Self
    where
        Treat: Fn(TcpStream, Seen) -> Treated + Send + Sync + 'static,
        Treated: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Seen::default();
        let theirs = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(treat(stream, Arc::clone(&theirs)));
            }
        });
        Self { address, seen, task }
    }

    /// A server that takes connections and says nothing.
    pub(crate) async fn silent() -> Self {
        Self::new(|stream, _| async move {
            let _held = stream;
            std::future::pending().await
        })
        .await
    }

    /// A server that answers every request alike.
    pub(crate) async fn answering(status: &'static str, body: &'static str) -> Self {
        Self::new(move |stream, seen| answer(stream, seen, status, body)).await
    }

    /// The same over TLS.
    pub(crate) async fn answering_over_tls(identity: &Identity) -> Self {
        let acceptor = identity.acceptor();
        Self::new(move |stream, seen| {
            let acceptor = acceptor.clone();
            async move {
                // Who does not trust us ends the handshake.
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer(stream, seen, "200 OK", NO_STREAMS).await;
                }
            }
        })
        .await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn tls_url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// The answer to ListStreams of a server without streams.
pub(crate) const NO_STREAMS: &str = r#"{"HasMoreStreams":false,"StreamNames":[]}"#;

/// Answers requests until the client leaves.
pub(crate) async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    seen: Seen,
    status: &str,
    body: &str,
) {
    while let Some(head) = read_request(&mut stream).await {
        seen.lock().unwrap().push(head);
        let text = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The head of the next request, whose body is read, too. `None` when there is no more.
pub(crate) async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.to_ascii_lowercase();
    let length = length.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some(head)
}

/// A certificate for localhost that signs itself.
pub(crate) struct Identity {
    pub(crate) pem: String,
    certificate: CertificateDer<'static>,
    key: rcgen::KeyPair,
}

impl Identity {
    pub(crate) fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self { pem: made.cert.pem(), certificate: made.cert.der().clone(), key: made.signing_key }
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.acceptor_of(b"http/1.1")
    }

    pub(crate) fn acceptor_of(&self, protocol: &[u8]) -> TlsAcceptor {
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.clone()], key)
            .unwrap();
        config.alpn_protocols = vec![protocol.to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A connection that asks nothing of the environment and sends once.
pub(crate) fn connection(url: impl Into<String>) -> Connection {
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    Connection {
        endpoint: EndpointChoice::Url(url.into()),
        region: Some("us-east-1".to_owned()),
        credentials: Some(SharedCredentialsProvider::new(credentials)),
        proxy: Proxy::Never,
        retries: Retries::Off,
        ..Connection::default()
    }
}

/// What comes of asking for the streams.
pub(crate) async fn ask(client: &Client) -> Result<(), anabranch_client::Failure> {
    client.list_streams().send().await.map(|_| ()).map_err(|error| client.failure(&error))
}

pub(crate) async fn ask_by(connection: Connection) -> Result<(), anabranch_client::Failure> {
    ask(&connection.client().await.unwrap()).await
}
