//! Signed callers of a server whose clock is set wrong, while it runs and over restarts: they get in
//! whenever their clock and the server's agree, whatever was stored meanwhile. When their keys expire,
//! and the dates in policies, follow the wall clock, too.

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
const ALICE: &str = "AKIAALICE";
/// Expires an hour after the start.
const GOOD: &str = "AKIAGOOD";
/// Expired an hour before the start.
const EXPIRED: &str = "AKIAEXPIRED";
/// May do everything from an hour before the start until an hour after it.
const DATED: &str = "AKIADATED";
const CREDENTIALS: &str = r#"
[[credential]]
access_key_id = "AKIAALICE"
secret_access_key = "secret"
account_id = "123456789012"
user = "alice"

[[credential]]
access_key_id = "AKIAGOOD"
secret_access_key = "secret"
account_id = "123456789012"
user = "good"
expires_at = 1800003600

[[credential]]
access_key_id = "AKIAEXPIRED"
secret_access_key = "secret"
account_id = "123456789012"
user = "expired"
expires_at = 1799996400

[[credential]]
access_key_id = "AKIADATED"
secret_access_key = "secret"
account_id = "123456789012"
user = "dated"
policies = ["two-hours"]

[[policy]]
name = "two-hours"
document = '''
{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {
    "DateGreaterThan": {"aws:CurrentTime": "2027-01-15T07:00:00Z"},
    "DateLessThan": {"aws:EpochTime": "1800003600"}}}]}
'''
"#;

struct World {
    /// `None`: between two processes.
    server: Option<RunningServer>,
    disk: FakeDisk,
    clock: Arc<ManualClock>,
    files: TempDir,
    trusts_clock: bool,
}

impl World {
    async fn new() -> Self {
        let files = tempfile::tempdir().expect("a directory");
        let path = files.path().join("credentials.toml");
        replace_durably(&path, ".new", PRIVATE_FILE, CREDENTIALS.as_bytes()).expect("written");
        let mut world = Self {
            server: None,
            disk: FakeDisk::default(),
            clock: Arc::new(ManualClock::at_ms(START_MS)),
            files,
            trusts_clock: false,
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
        settings.trust_clock = self.trusts_clock;
        let server = start(settings, Arc::new(self.disk.clone()), self.clock.clone()).await;
        self.server = Some(server.expect("started"));
    }

    fn jump(&self, ms: i64) {
        self.clock.set_ms(self.clock.now_ms().saturating_add_signed(ms));
    }

    fn server(&self) -> &RunningServer {
        self.server.as_ref().expect("it runs")
    }

    /// Sends a request.
    async fn begin(&self, address: SocketAddr, head: &str, body: &str) -> TcpStream {
        let mut socket = TcpStream::connect(address).await.expect("connected");
        let length = body.len();
        let request = format!(
            "{head}Host: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        socket.write_all(request.as_bytes()).await.expect("sent");
        socket
    }

    /// Sends a request and returns status and body of the reply.
    async fn send(&self, address: SocketAddr, head: &str, body: &str) -> (u16, String) {
        let mut socket = self.begin(address, head, body).await;
        let mut received = Vec::new();
        socket.read_to_end(&mut received).await.expect("received");
        let text = String::from_utf8(received).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a reply");
        (head[9..12].parse().expect("a status"), body.to_owned())
    }

    /// A call that is signed by a clock that shows `at_ms`.
    async fn call(&self, at_ms: u64, operation: &str, request: &Value) -> (u16, String) {
        let body = request.to_string();
        let head = signed_head(ALICE, at_ms, operation, &body);
        self.send(self.server().address, &head, &body).await
    }

    /// What becomes of a call with a key, by a caller whose clock is that of the server: its error, or
    /// "ok". Its head is judged before its body is read, which is large.
    async fn outcome(&self, key: &str) -> String {
        let body = format!("{{{}}}", " ".repeat(100_000));
        let head = signed_head(key, self.clock.now_ms(), "ListStreams", &body);
        let (status, body) = self.send(self.server().address, &head, &body).await;
        if status == 200 {
            return "ok".to_owned();
        }
        let error: Value = serde_json::from_str(&body).expect("JSON");
        error["__type"].as_str().expect("a type").to_owned()
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

/// The head of a call that is signed with a key by a clock that shows `at_ms`.
fn signed_head(key: &str, at_ms: u64, operation: &str, body: &str) -> String {
    let credentials = Credentials {
        access_key_id: key.into(),
        secret_access_key: "secret".into(),
        session_token: None,
    };
    let target = format!("Kinesis_20131202.{operation}");
    let headers: &[(&str, &[u8])] = &[("host", b"localhost"), ("x-amz-target", target.as_bytes())];
    let hash = sha256_hex(body.as_bytes());
    let signed = Request {
        method: "POST",
        path: "/",
        query: "",
        headers,
        payload_sha256_hex: hash.as_str(),
    };
    let signer = Signer::new(credentials, "us-east-1", "kinesis");
    let added = signer.sign(&signed, (at_ms / 1000).cast_signed());
    format!(
        "POST / HTTP/1.1\r\nContent-Type: application/x-amz-json-1.1\r\nX-Amz-Target: {target}\r\n\
         X-Amz-Date: {}\r\nAuthorization: {}\r\n",
        added.x_amz_date, added.authorization
    )
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

#[tokio::test]
async fn a_start_that_trusts_the_clock_holds_no_deletion_and_the_next_one_compares_again() {
    let mut world = World::new().await;
    world.ok("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
    world.put("before").await;
    for (trusts_clock, deletion) in [(false, "held"), (true, "on"), (false, "held")] {
        // The machine is off.
        world.jump(2 * DAY_MS);
        world.trusts_clock = trusts_clock;
        world.restart().await;
        assert_eq!(world.deletion().await, deletion);
    }
}

async fn dates_follow(restarts: bool) {
    let mut world = World::new().await;
    world.ok("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
    let (expired, denied) = ("ExpiredTokenException", "AccessDeniedException");
    for (jump_ms, good, past, dated) in [
        (0, "ok", expired, "ok"),
        (DAY_MS, expired, expired, denied),
        // The cell's time stays where it was.
        (-2 * DAY_MS, "ok", "ok", denied),
        (DAY_MS, "ok", expired, "ok"),
        (3650 * DAY_MS, expired, expired, denied),
        (-3650 * DAY_MS, "ok", expired, "ok"),
    ] {
        world.jump(jump_ms);
        // So much passes that calls are not too many.
        world.clock.advance_ms(1000);
        if restarts {
            world.restart().await;
        }
        world.put("so that the cell's time is told").await;
        for (key, expected) in [(GOOD, good), (EXPIRED, past), (DATED, dated)] {
            assert_eq!(world.outcome(key).await, expected, "{key} after {jump_ms}");
        }
    }
}

#[tokio::test]
async fn when_keys_expire_and_dates_in_policies_follow_the_wall_clock() {
    dates_follow(false).await;
    dates_follow(true).await;
}

#[tokio::test]
async fn an_open_subscription_ends_when_the_wall_clock_says_so() {
    for key in [GOOD, DATED] {
        let world = World::new().await;
        world.ok("CreateStream", json!({"StreamName": "s", "ShardCount": 1})).await;
        let stream = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
        let consumer = json!({"StreamARN": stream, "ConsumerName": "c"});
        let consumer = world.ok("RegisterStreamConsumer", consumer).await;
        world.clock.advance_ms(60_000);
        let body = json!({
            "ConsumerARN": consumer["Consumer"]["ConsumerARN"],
            "ShardId": "shardId-000000000000",
            "StartingPosition": {"Type": "TRIM_HORIZON"},
        });
        let body = body.to_string();
        let head = signed_head(key, world.clock.now_ms(), "SubscribeToShard", &body);
        let mut socket = world.begin(world.server().address, &head, &body).await;

        // It has what comes while the key is good, and the end in place of what comes later.
        let (first, second) = ("first record", "second record");
        let in_base64 = |data: &str| base64_simd::STANDARD.encode_to_string(data);
        let mut received = Vec::new();
        let has = |received: &[u8], data: &str| {
            String::from_utf8_lossy(received).contains(&in_base64(data))
        };
        world.put(first).await;
        while !has(&received, first) {
            let read = socket.read_buf(&mut received).await.expect("received");
            assert!(read > 0, "{key}: {}", String::from_utf8_lossy(&received));
        }
        world.jump(DAY_MS);
        world.put(second).await;
        while socket.read_buf(&mut received).await.expect("received") > 0 {
            assert!(!has(&received, second), "{key}");
        }
    }
}
