//! A server from the moment on that it listens, and until it does no more.

mod wire;

use anabranch_engine::ShardRates;
use anabranch_env::{FakeDisk, Fault, ManualClock};
use anabranch_server::{AdminListen, RunningServer, StartingServer, bind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const LIST: &str = "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
                    Content-Type: application/x-amz-json-1.1\r\n\
                    X-Amz-Target: Kinesis_20131202.ListStreams\r\nContent-Length: 2\r\n\r\n{}";

/// Longer than any answer takes, so that a missing one is a failure and no hang.
const PATIENCE: Duration = Duration::from_secs(20);

struct World {
    disk: FakeDisk,
    _keyring: tempfile::TempDir,
}

impl World {
    fn bind() -> (Self, StartingServer) {
        let keyring = tempfile::tempdir().expect("a directory");
        let mut settings = wire::settings(keyring.path(), ShardRates::OFF, 16 << 10);
        settings.admin_listen = AdminListen::At(([127, 0, 0, 1], 0).into());
        let starting = bind(settings, Arc::new(ManualClock::at_ms(1_700_000_000_000)));
        let world = Self { disk: FakeDisk::default(), _keyring: keyring };
        (world, starting.expect("listens"))
    }

    async fn start() -> (Self, RunningServer) {
        let (world, starting) = Self::bind();
        let server = starting.open(Arc::new(world.disk.clone())).await.expect("started");
        (world, server)
    }
}

async fn send(address: SocketAddr, request: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.expect("connected");
    socket.write_all(request.as_bytes()).await.expect("sent");
    socket
}

/// Status and body of the reply that comes before the server closes.
async fn receive(mut socket: TcpStream) -> (u16, String) {
    let mut received = Vec::new();
    let reading = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut received));
    reading.await.expect("an answer").expect("received");
    let text = String::from_utf8(received).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a reply");
    (head[9..12].parse().expect("a status"), body.to_owned())
}

async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let head = format!("GET {path} HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n");
    receive(send(address, &head).await).await
}

fn word(status: u16, word: &str) -> (u16, String) {
    (status, format!("{{\"status\":\"{word}\"}}"))
}

#[tokio::test]
async fn probes_hear_that_it_starts_and_callers_wait_for_it() {
    let (world, starting) = World::bind();
    let (main, admin) = (starting.address, starting.admin_address.expect("an admin listener"));
    assert_eq!(get(admin, "/live").await, word(200, "starting"));
    assert_eq!(get(admin, "/ready").await, word(503, "starting"));
    for address in [main, admin] {
        assert_eq!(get(address, "/_anabranch/live").await, word(200, "starting"));
        assert_eq!(get(address, "/_anabranch/ready").await, word(503, "starting"));
        let (status, health) = get(address, "/_anabranch/health").await;
        assert!(status == 200 && health.contains("\"status\":\"starting\""), "{health}");
    }
    let early = send(main, LIST).await;
    let server = starting.open(Arc::new(world.disk.clone())).await.expect("started");
    assert_eq!(get(admin, "/ready").await, word(200, "ready"));
    assert_eq!(get(main, "/_anabranch/ready").await, word(200, "ok"));
    let (status, listed) = receive(early).await;
    assert!(status == 200 && listed.contains("StreamNames"), "{listed}");
    server.stop().await;
}

#[tokio::test]
async fn callers_of_a_server_that_cannot_start_are_turned_away() {
    let (world, starting) = World::bind();
    let main = starting.address;
    let early = send(main, LIST).await;
    // Answered, so that the caller before is waiting by now.
    assert_eq!(get(main, "/_anabranch/live").await, word(200, "starting"));
    world.disk.fail_after(0, Fault::Dead);
    starting.open(Arc::new(world.disk.clone())).await.expect_err("the disk is broken");
    assert_eq!(receive(early).await.0, 503);
}

#[tokio::test]
async fn a_draining_server_answers_and_tells_probes_that_it_drains() {
    let (_world, server) = World::start().await;
    let (main, admin) = (server.address, server.admin_address.expect("an admin listener"));
    server.drain();
    assert_eq!(get(admin, "/ready").await, word(503, "draining"));
    assert_eq!(get(admin, "/live").await, word(200, "draining"));
    assert_eq!(get(main, "/_anabranch/ready").await, word(503, "stopping"));
    assert_eq!(receive(send(main, LIST).await).await.0, 200);
    server.stop().await;
    for address in [main, admin] {
        TcpStream::connect(address).await.expect_err("nobody listens");
    }
}

#[tokio::test]
async fn the_main_port_tells_probes_a_word_and_has_nothing_for_the_operator() {
    let (_world, server) = World::start().await;
    let (main, admin) = (server.address, server.admin_address.expect("an admin listener"));
    assert_eq!(get(main, "/_anabranch/health").await, word(200, "ok"));
    assert_eq!(get(main, "/_anabranch/live").await, word(200, "ready"));
    assert_eq!(get(main, "/_anabranch/ready").await, word(200, "ok"));
    for (method, path, there) in
        [("GET", "status", 200), ("POST", "resume-deletion", 200), ("GET", "nothing", 404)]
    {
        let request = format!(
            "{method} /_anabranch/{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let on_main = receive(send(main, &request).await).await;
        assert_eq!(on_main, (404, String::new()), "{path}");
        assert_eq!(receive(send(admin, &request).await).await.0, there, "{path}");
    }
    let health = get(admin, "/health").await.1;
    for name in ["deletion", "refusedForMemory", "durability", "version"] {
        assert!(health.contains(name), "{health}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_admin_listener_has_no_services_and_status_without_credentials_has_its_hosts() {
    let (_world, server) = World::start().await;
    let admin = server.admin_address.expect("an admin listener");
    assert_eq!(receive(send(admin, LIST).await).await.0, 404);
    assert_eq!(get(admin, "/status").await.0, 403);
    let status = "GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let (status, body) = receive(send(admin, status).await).await;
    assert!(status == 200 && body.contains("recovery"), "{body}");
    server.stop().await;
}
