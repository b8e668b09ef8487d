//! A server on a fake disk and a clock that the test moves, and a client that speaks to it over
//! a socket, in JSON and in CBOR.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use anabranch_engine::{EngineSettings, ShardRates, StoreOptions};
use anabranch_env::{FakeDisk, ManualClock};
use anabranch_server::{
    Access, AdminListen, RunningServer, ServerMemory, ServerSettings, TlsSettings, start,
};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const ACCOUNT: &str = "123456789012";
const START_MS: u64 = 1_700_000_000_000;

/// The codecs of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Json,
    Cbor,
}

pub(crate) const CODECS: [Codec; 2] = [Codec::Json, Codec::Cbor];

/// A server, its disk and its clock.
pub(crate) struct World {
    pub(crate) server: RunningServer,
    pub(crate) disk: FakeDisk,
    pub(crate) clock: Arc<ManualClock>,
    connection: TcpStream,
    _keyring: TempDir,
}

/// An open server's settings.
pub(crate) fn settings(
    keyring: &Path,
    rates: ShardRates,
    journal_file_bytes: u64,
) -> ServerSettings {
    ServerSettings {
        listen: ([127, 0, 0, 1], 0).into(),
        admin_listen: AdminListen::Off,
        connection_threads: 2,
        drain_timeout: Duration::from_secs(10),
        trust_clock: false,
        tls: TlsSettings::Off,
        access: Access::Open { insecure: false },
        allowed_hosts: Vec::new(),
        audit: None,
        account_id: ACCOUNT.to_owned(),
        region: "us-east-1".to_owned(),
        regions: Vec::new(),
        max_connections: 10,
        memory: ServerMemory {
            body_bytes: 1 << 26,
            reply_bytes: 1 << 26,
            request_bytes: 1 << 22,
            window_bytes: 1 << 22,
        },
        limit_calls: true,
        keyring: keyring.join("keyring.toml"),
        store: StoreOptions {
            journal_file_bytes,
            tail_cache_bytes: 3 * journal_file_bytes,
            ..StoreOptions::new(PathBuf::from("/data"))
        },
        engine: EngineSettings { rates, transition_ms: 0, ..EngineSettings::default() },
    }
}

/// What was answered; errors as type and message, whatever the codec.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    codec: Codec,
}

impl World {
    /// A server without rates of shards and visible transitions, but with all other limits. Its
    /// journal files are so small that there are soon segments.
    pub(crate) async fn new() -> Self {
        Self::with(ShardRates::OFF, 16 << 10).await
    }

    /// As [`World::new`], with these rates of shards and journal files of this size.
    pub(crate) async fn with(rates: ShardRates, journal_file_bytes: u64) -> Self {
        let (disk, clock) = (FakeDisk::default(), Arc::new(ManualClock::at_ms(START_MS)));
        let keyring = tempfile::tempdir().expect("a directory");
        let settings = settings(keyring.path(), rates, journal_file_bytes);
        let server = start(settings, Arc::new(disk.clone()), clock.clone()).await;
        let server = server.expect("started");
        let connection = TcpStream::connect(server.address).await.expect("connected");
        Self { server, disk, clock, connection, _keyring: keyring }
    }

    /// Sends a request and reads the reply, on one connection for all.
    pub(crate) async fn send(&mut self, codec: Codec, operation: &str, request: &Value) -> Reply {
        self.begin(codec, operation, request).await;
        let (status, body) = self.receive().await;
        Reply { status, body, codec }
    }

    /// Sends a request.
    pub(crate) async fn begin(&mut self, codec: Codec, operation: &str, request: &Value) {
        let (name, body) = match codec {
            Codec::Json => ("json", request.to_string().into_bytes()),
            Codec::Cbor => ("cbor", to_cbor(request)),
        };
        let head = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-{name}-1.1\r\n\
             X-Amz-Target: Kinesis_20131202.{operation}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let sent = [head.into_bytes(), body].concat();
        self.connection.write_all(&sent).await.expect("sent");
    }

    /// Reads on, whatever comes, until these bytes have come.
    pub(crate) async fn receive_until(&mut self, wanted: &[u8]) {
        let mut received = Vec::new();
        while !received.windows(wanted.len()).any(|bytes| bytes == wanted) {
            let read = self.connection.read_buf(&mut received).await.expect("received");
            assert!(read > 0, "the server hung up");
        }
    }

    async fn receive(&mut self) -> (u16, Vec<u8>) {
        let mut received = Vec::new();
        let head_end = loop {
            if let Some(at) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            let read = self.connection.read_buf(&mut received).await.expect("received");
            assert!(read > 0, "the server hung up");
        };
        let head = String::from_utf8_lossy(&received[..head_end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.expect("a length").parse().expect("a number");
        let mut body = received.split_off(head_end);
        while body.len() < length {
            let read = self.connection.read_buf(&mut body).await.expect("received");
            assert!(read > 0, "the server hung up");
        }
        (head[9..12].parse().expect("a status"), body)
    }

    /// A request that must succeed, in JSON; its answer, or null if it has none.
    pub(crate) async fn ok(&mut self, operation: &str, request: Value) -> Value {
        let reply = self.send(Codec::Json, operation, &request).await;
        let text = String::from_utf8_lossy(&reply.body);
        assert_eq!(reply.status, 200, "{operation}: {text}");
        serde_json::from_slice(&reply.body).unwrap_or_default()
    }

    /// A request that must be refused like this in both codecs.
    pub(crate) async fn refused(
        &mut self,
        operation: &str,
        request: Value,
        (status, kind, message): (u16, &str, Option<&str>),
    ) {
        for codec in CODECS {
            let reply = self.send(codec, operation, &request).await;
            let (got_kind, got_message) = reply.error();
            let got = (reply.status, &*got_kind, got_message.as_deref());
            assert_eq!(got, (status, kind, message), "{operation} in {codec:?}");
        }
    }
}

impl Reply {
    /// The answer, whatever the codec: blobs as base64, times in milliseconds.
    pub(crate) fn value(&self) -> Value {
        match self.codec {
            Codec::Json => in_ms(serde_json::from_slice(&self.body).expect("JSON")),
            Codec::Cbor => from_cbor(&mut &self.body[..]).expect("no break"),
        }
    }

    /// `__type` and message of an error.
    pub(crate) fn error(&self) -> (String, Option<String>) {
        match self.codec {
            Codec::Json => {
                let error: Value = serde_json::from_slice(&self.body).expect("JSON");
                let text = |name: &str| error[name].as_str().map(str::to_owned);
                (text("__type").expect("a type"), text("message"))
            }
            Codec::Cbor => cbor_error(&self.body),
        }
    }
}

/// Times are seconds in JSON, and the only numbers that may have a fraction.
fn in_ms(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(in_ms).collect(),
        Value::Object(members) => {
            let member = |(name, value): (String, Value)| match value.as_f64() {
                Some(secs) if name.ends_with("Timestamp") => {
                    (name, Value::from((secs * 1000.0).round() as u64))
                }
                _ => (name, in_ms(value)),
            };
            members.into_iter().map(member).collect()
        }
        other => other,
    }
}

/// One item. `None`: the end of a list or map of indefinite length.
fn from_cbor(body: &mut &[u8]) -> Option<Value> {
    let mut take = |count: usize| {
        let (taken, rest) = body.split_at(count);
        *body = rest;
        taken.to_vec()
    };
    let first = take(1)[0];
    let (major, info) = (first >> 5, first & 31);
    let argument = match info {
        0..=23 => u64::from(info),
        24..=27 => take(1 << (info - 24)).iter().fold(0, |all, byte| all << 8 | u64::from(*byte)),
        _ => u64::MAX,
    };
    let count = usize::try_from(argument).expect("a count");
    match (major, info) {
        (0, _) => Some(argument.into()),
        (2, _) => Some(base64_simd::STANDARD.encode_to_string(take(count)).into()),
        (3, _) => Some(String::from_utf8(take(count)).expect("UTF-8").into()),
        (4, _) => Some((0..count).map_while(|_| from_cbor(body)).collect()),
        (5, _) => {
            let mut members = serde_json::Map::new();
            while members.len() < count
                && let Some(name) = from_cbor(body)
            {
                let name = name.as_str().expect("a name").to_owned();
                members.insert(name, from_cbor(body).expect("a value"));
            }
            Some(members.into())
        }
        // A time.
        (6, 1) => from_cbor(body),
        (7, 31) => None,
        (7, 20 | 21) => Some((info == 21).into()),
        (7, 22) => Some(Value::Null),
        other => panic!("no test receives {other:?}"),
    }
}

/// A map of indefinite length from texts to texts.
fn cbor_error(mut body: &[u8]) -> (String, Option<String>) {
    let mut take = |count: usize| {
        let (taken, rest) = body.split_at(count);
        body = rest;
        taken.to_vec()
    };
    assert_eq!(take(1), [0xbf]);
    let (mut kind, mut message) = (None, None);
    let mut name = None;
    loop {
        let length = match take(1)[0] {
            0xff => return (kind.expect("a type"), message),
            short @ 0x60..=0x77 => usize::from(short - 0x60),
            0x78 => usize::from(take(1)[0]),
            0x79 => usize::from(u16::from_be_bytes(take(2).try_into().expect("two bytes"))),
            other => panic!("no text: {other:#x}"),
        };
        let text = String::from_utf8(take(length)).expect("UTF-8");
        match name.take().as_deref() {
            None => name = Some(text),
            Some("__type") => kind = Some(text),
            Some(other) => {
                assert_eq!(other, "message");
                message = Some(text);
            }
        }
    }
}

/// Blobs stay base64 texts, which the service reads in CBOR, too.
fn to_cbor(value: &Value) -> Vec<u8> {
    let head =
        |major: u8, count: usize| [&[major << 5 | 27][..], &(count as u64).to_be_bytes()].concat();
    let text = |text: &str| [head(3, text.len()), text.as_bytes().to_vec()].concat();
    match value {
        Value::String(string) => text(string),
        Value::Number(number) => head(0, number.as_u64().expect("a count") as usize),
        Value::Array(items) => {
            [head(4, items.len()), items.iter().flat_map(to_cbor).collect()].concat()
        }
        Value::Object(members) => {
            let members_bytes =
                members.iter().flat_map(|(name, value)| [text(name), to_cbor(value)].concat());
            [head(5, members.len()), members_bytes.collect()].concat()
        }
        other => panic!("no test sends {other}"),
    }
}
