//! Signed callers of a server whose clock is set wrong, while it runs and over restarts: they get in
//! whenever their clock and the server's agree, whatever was stored meanwhile.

mod wire;

use anabranch_engine::ShardRates;
use anabranch_env::files::{PRIVATE_FILE, replace_durably};
use anabranch_env::{Clock, FakeDisk, ManualClock};
use anabranch_protocol::sigv4::{Credentials, Request, Signer, sha256_hex};
use anabranch_server::{Access, AdminListen, RunningServer, start};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const START_MS: u64 = 1_800_000_000_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const CREDENTIALS: &str = r#"
[[credential]]
access_key_id = "AKIAALICE"
secret_access_key = "secret"
account_id = "123456789012"
user = "alice"
"#;

struct World {
    /// `None`: between two processes.
    server: Option<RunningServer>,
    disk: FakeDisk,
    clock: Arc<ManualClock>,
    files: TempDir,
    signer: Signer,
}

impl World {
    async fn new() -> Self {
        let files = tempfile::tempdir().expect("a directory");
        let path = files.path().join("credentials.toml");
        replace_durably(&path, ".new", PRIVATE_FILE, CREDENTIALS.as_bytes()).expect("written");
        let credentials = Credentials {
            access_key_id: "AKIAALICE".into(),
            secret_access_key: "secret".into(),
            session_token: None,
        };
        let mut world = Self {
            server: None,
            disk: FakeDisk::default(),
            clock: Arc::new(ManualClock::at_ms(START_MS)),
            files,
            signer: Signer::new(credentials, "us-east-1", "kinesis"),
        };
        world.restart().await;
        world
    }

    async fn restart(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop().await;
        }
        let mut settings = wire::settings(self.files.path(), ShardRates::OFF, 16 << 10);
        settings.admin_listen = AdminListen::At(([127, 0, 0, 1], 0).into());
        settings.access = Access::Credentials(self.files.path().join("credentials.toml"));
        let server = start(settings, Arc::new(self.disk.clone()), self.clock.clone()).await;
        self.server = Some(server.expect("started"));
    }

    fn jump(&self, ms: i64) {
        self.clock.set_ms(self.clock.now_ms().saturating_add_signed(ms));
    }

    fn server(&self) -> &RunningServer {
        self.server.as_ref().expect("it runs")
    }

    /// Sends a request and returns status and body of the reply.
    async fn send(&self, address: SocketAddr, head: &str, body: &str) -> (u16, String) {
        let mut socket = TcpStream::connect(address).await.expect("connected");
        let length = body.len();
        let request = format!(
            "{head}Host: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        socket.write_all(request.as_bytes()).await.expect("sent");
        let mut received = Vec::new();
        socket.read_to_end(&mut received).await.expect("received");
        let text = String::from_utf8(received).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a reply");
        (head[9..12].parse().expect("a status"), body.to_owned())
    }

    /// A call that is signed by a clock that shows `at_ms`.
    async fn call(&self, at_ms: u64, operation: &str, request: &Value) -> (u16, String) {
        let (target, body) = (format!("Kinesis_20131202.{operation}"), request.to_string());
        let headers: &[(&str, &[u8])] =
            &[("host", b"localhost"), ("x-amz-target", target.as_bytes())];
        let hash = sha256_hex(body.as_bytes());
        let signed = Request {
            method: "POST",
            path: "/",
            query: "",
            headers,
            payload_sha256_hex: hash.as_str(),
        };
        let added = self.signer.sign(&signed, (at_ms / 1000).cast_signed());
        let head = format!(
            "POST / HTTP/1.1\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: {target}\r\n\
             X-Amz-Date: {}\r\nAuthorization: {}\r\n",
            added.x_amz_date, added.authorization
        );
        self.send(self.server().address, &head, &body).await
    }

    /// A call that must succeed of a caller whose clock is that of the server.
    async fn ok(&self, operation: &str, request: Value) -> Value {
        let (status, body) = self.call(self.clock.now_ms(), operation, &request).await;
        assert_eq!(status, 200, "{operation}: {body}");
        serde_json::from_str(&body).unwrap_or_default()
    }

    async fn put(&self, data: &str) {
        self.ok("PutRecord", put_of(data)).await;
    }

    async fn deletion(&self) -> String {
        let address = self.server().admin_address.expect("an admin listener");
        let (status, body) = self.send(address, "GET /health HTTP/1.1\r\n", "").await;
        assert_eq!(status, 200, "{body}");
        let health: Value = serde_json::from_str(&body).expect("JSON");
        health["deletion"].as_str().expect("a text").to_owned()
    }

    async fn records(&self) -> usize {
        let shard = "shardId-000000000000";
        let from =
            json!({"StreamName": "s", "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"});
        let iterator = self.ok("GetShardIterator", from).await["ShardIterator"].take();
        let reply = self.ok("GetRecords", json!({"ShardIterator": iterator})).await;
        reply["Records"].as_array().expect("a list").len()
    }
}

fn put_of(data: &str) -> Value {
    let data = base64_simd::STANDARD.encode_to_string(data);
    json!({"StreamName": "s", "PartitionKey": "k", "Data": data})
}

async fn walk(jump_ms: i64, restarts: bool) {
    let mut world = World::new().await;
    world.ok("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
    world.put("before").await;
    assert_eq!(world.deletion().await, "on");

    world.jump(jump_ms);
    for data in ["one", "two"] {
        let right_ms = world.clock.now_ms().saturating_add_signed(-jump_ms);
        let (status, body) = world.call(right_ms, "PutRecord", &put_of("right")).await;
        assert_eq!(status, 400, "{body}");
        assert!(body.contains("InvalidSignatureException"), "{body}");
        world.put(data).await;
        let deletion = if jump_ms > 0 { "held" } else { "on" };
        assert_eq!(world.deletion().await, deletion, "{jump_ms}");
        world.clock.advance_ms(6000);
        if restarts {
            world.restart().await;
        }
    }

    world.jump(-jump_ms);
    world.put("right at once").await;
    assert_eq!(world.deletion().await, "on", "{jump_ms}");
    if restarts {
        world.restart().await;
        world.put("after a restart").await;
    }
    assert_eq!(world.records().await, 4 + usize::from(restarts), "{jump_ms}");
}

#[tokio::test]
async fn signed_callers_get_in_once_the_clock_is_right() {
    for jump_ms in [HOUR_MS, 2 * DAY_MS, 3650 * DAY_MS] {
        for restarts in [false, true] {
            walk(jump_ms, restarts).await;
            walk(-jump_ms, restarts).await;
        }
    }
}
