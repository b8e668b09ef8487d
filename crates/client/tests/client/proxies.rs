//! Through proxies that are real, if small.

use std::fs;

use anabranch_client::{Connection, Failure, Proxy, ProxyServer, Sent};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

use crate::listener::{
    Identity, Listener, NO_STREAMS, Seen, answer, ask_by, connection, read_request,
};

/// "Aladdin", "open sesame".
const AUTHORIZATION: &str = "basic qwxhzgrpbjpvcgvuihnlc2ftzq==";

/// Digs the tunnel that is asked for, if the user is known.
async fn tunnel<S: AsyncRead + AsyncWrite + Unpin>(mut client: S, seen: Seen) {
    let Some(head) = read_request(&mut client).await else { return };
    let head = head.to_ascii_lowercase();
    seen.lock().unwrap().push(head.clone());
    if !head.contains(&format!("proxy-authorization: {AUTHORIZATION}\r\n")) {
        let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
        client.write_all(refusal.as_bytes()).await.unwrap();
        return;
    }
    let target = head.strip_prefix("connect ").unwrap().split(' ').next().unwrap();
    let mut server = TcpStream::connect(target).await.unwrap();
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

fn through(mut connection: Connection, proxy: &str) -> Connection {
    connection.proxy = Proxy::Server(ProxyServer {
        url: proxy.to_owned(),
        user: Some("Aladdin".to_owned()),
        password: Some("open sesame".to_owned()),
        except: String::new(),
    });
    connection
}

/// A service over TLS, and a connection that trusts it as long as the folder is there.
async fn service() -> (Listener, Connection, Identity, tempfile::TempDir) {
    let identity = Identity::new();
    let listener = Listener::answering_over_tls(&identity).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ca.pem"), &identity.pem).unwrap();
    let mut connection = connection(listener.tls_url());
    connection.ca_bundle = Some(folder.path().join("ca.pem"));
    (listener, connection, identity, folder)
}

#[tokio::test]
async fn tls_goes_through_a_tunnel() {
    let (service, connection, _, _folder) = service().await;
    let proxy = Listener::new(tunnel).await;
    ask_by(through(connection, &proxy.url())).await.unwrap();
    let port = service.address.port();
    let [head] = &proxy.seen()[..] else { panic!("{:?}", proxy.seen()) };
    assert!(head.starts_with(&format!("connect localhost:{port} http/1.1\r\n")), "{head}");
    let [request] = &service.seen()[..] else { panic!("{:?}", service.seen()) };
    assert!(request.starts_with("POST / HTTP/1.1\r\n"), "{request}");
    assert!(!request.to_ascii_lowercase().contains("proxy-authorization"), "{request}");
}

#[tokio::test]
async fn a_proxy_may_speak_tls_itself() {
    let (service, connection, identity, _folder) = service().await;
    let acceptor = identity.acceptor();
    let proxy = Listener::new(move |stream, seen| {
        let acceptor = acceptor.clone();
        async move { tunnel(acceptor.accept(stream).await.unwrap(), seen).await }
    })
    .await;
    ask_by(through(connection, &proxy.tls_url())).await.unwrap();
    assert_eq!((proxy.seen().len(), service.seen().len()), (1, 1));
}

#[tokio::test]
async fn a_proxy_that_refuses_was_sent_nothing() {
    let (service, connection, _, _folder) = service().await;
    let proxy = Listener::new(tunnel).await;
    let mut connection = through(connection, &proxy.url());
    if let Proxy::Server(server) = &mut connection.proxy {
        server.password = None;
    }
    let failure = ask_by(connection).await.unwrap_err();
    assert!(
        matches!(&failure, Failure::NotReached { cause, .. } if cause.contains("authorization")),
        "{failure:?}"
    );
    assert_eq!(failure.sent(), Sent::NotSent);
    assert!(service.seen().is_empty());
}

#[tokio::test]
async fn plain_requests_are_forwarded() {
    // The proxy answers in place of a service that is nowhere.
    let proxy = Listener::new(|stream, seen| answer(stream, seen, "200 OK", NO_STREAMS)).await;
    ask_by(through(connection("http://kinesis.test:4567"), &proxy.url())).await.unwrap();
    let [request] = &proxy.seen()[..] else { panic!("{:?}", proxy.seen()) };
    assert!(request.starts_with("POST http://kinesis.test:4567/ HTTP/1.1\r\n"), "{request}");
    let request = request.to_ascii_lowercase();
    assert!(request.contains(&format!("proxy-authorization: {AUTHORIZATION}\r\n")), "{request}");
    assert!(request.contains("host: kinesis.test:4567\r\n"), "{request}");
}

#[tokio::test]
async fn a_forwarding_proxy_that_breaks_may_have_passed_it_on() {
    let proxy = Listener::new(|mut stream, _| async move {
        read_request(&mut stream).await.unwrap();
    })
    .await;
    let failure = ask_by(through(connection("http://kinesis.test"), &proxy.url())).await;
    assert_eq!(failure.unwrap_err().sent(), Sent::MaybeSent);
}

#[tokio::test]
async fn excepted_hosts_are_reached_directly() {
    let (service, connection, _, _folder) = service().await;
    let proxy = Listener::new(tunnel).await;
    let mut connection = through(connection, &proxy.url());
    if let Proxy::Server(server) = &mut connection.proxy {
        server.except = "example.org,localhost".to_owned();
    }
    ask_by(connection).await.unwrap();
    assert_eq!((proxy.seen().len(), service.seen().len()), (0, 1));
}
