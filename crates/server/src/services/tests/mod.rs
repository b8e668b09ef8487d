//! Two services behind one door: each has its own names, formats, errors and refusals.

mod echo;
mod reserved_replies;

use super::Services;
use super::kinesis::Kinesis;
use crate::admin::{Admin, Server};
use crate::auth::{AuthMode, Authenticator, CredentialStore, CredentialsFile};
use crate::body::BodyMemory;
use crate::body_budget::BodyBudget;
use crate::connection::{Connected, Shares};
use crate::front_door::FrontDoor;
use crate::hosts::Hosts;
use crate::operation_schema::OperationSchema;
use crate::peer::Peer;
use crate::reply_body::ReplyMemory;
use crate::settings::Access;
use anabranch_engine::{Engine, EngineSettings, NoKeys, OneCell, StoreOptions};
use anabranch_env::{FakeDisk, ManualClock};
use anabranch_protocol::Codec;
use anabranch_protocol::sigv4::{self, Credentials, Signer, sha256_hex};
use echo::Echo;
use http::request::{Builder, Parts};
use http_body_util::BodyExt;
use std::fs::{self, Permissions};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use tokio::sync::watch;

const NOW_MS: u64 = 1_700_000_000_000;
const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const TEXT: &str = r#"{"Text":"hello"}"#;

const CREDENTIALS: &str = r#"
[[policy]]
name = "streams"
document = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kinesis:*","Resource":"*"}}'

[[policy]]
name = "echoes"
document = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"echoes:Repeat","Resource":"*"}}'

[[credential]]
access_key_id = "STREAMS"
secret_access_key = "secret"
account_id = "123456789012"
user = "alice"
policies = ["streams"]

[[credential]]
access_key_id = "ECHOES"
secret_access_key = "secret"
account_id = "123456789012"
user = "bob"
policies = ["echoes"]
"#;

/// A door with Kinesis and the echo behind it.
async fn door(mode: AuthMode) -> FrontDoor {
    door_to(mode, EngineSettings::default()).await
}

async fn door_to(mode: AuthMode, settings: EngineSettings) -> FrontDoor {
    let engine = Engine::start(
        StoreOptions { journal_file_bytes: 16 << 10, ..StoreOptions::new("/data".into()) },
        settings,
        Arc::new(FakeDisk::default()),
        Arc::new(ManualClock::at_ms(NOW_MS)),
        Arc::new(NoKeys),
    );
    let cells = OneCell::serve(engine.await.expect("the engine starts"));
    let (_, stopping) = watch::channel(false);
    let kinesis = Kinesis::new(cells.clone(), false);
    FrontDoor {
        services: Services(vec![Box::new(kinesis), Box::new(Echo)]),
        admin: Arc::new(Admin(Arc::new(Server::new(cells.durability(), None)))),
        audit: None,
        hosts: Hosts::new(&Access::Open { insecure: false }, HERE, &[]),
        authenticator: Arc::new(Authenticator::new(mode, "us-east-1", &["eu-west-3".to_owned()])),
        bodies: BodyMemory::new(1 << 20),
        replies: ReplyMemory::new(1 << 20),
        clock: Arc::new(ManualClock::at_ms(NOW_MS)),
        stopping,
    }
}

async fn open_door() -> FrontDoor {
    door(AuthMode::Open { account_id: "123456789012".into() }).await
}

fn post(path: &str, content_type: &str) -> Builder {
    http::Request::post(path).header("host", "here").header("content-type", content_type)
}

fn to(target: &str) -> Builder {
    post("/", "application/x-amz-json-1.0").header("x-amz-target", target)
}

fn parts(builder: Builder) -> Parts {
    builder.body(()).expect("a request").into_parts().0
}

/// A connection that has the least that it can have.
fn connected() -> Connected {
    let shares = Shares { connection_bodies: 0, peer_bodies: 0, connection_replies: 0 };
    Connected::new(HERE, shares, BodyBudget::new(0))
}

/// Status, content type and body of the reply.
async fn ask(door: &FrontDoor, parts: &Parts, body: &str) -> (u16, String, String) {
    let peer = Peer { address: HERE, is_tls: false };
    let service = door.services.of(parts);
    let reply = door.answer_body(service, parts, peer, &connected(), body.as_bytes()).await;
    let (head, body) = reply.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let content_type = head.headers.get("content-type").and_then(|value| value.to_str().ok());
    let body = String::from_utf8_lossy(&body).into_owned();
    (head.status.as_u16(), content_type.unwrap_or_default().to_owned(), body)
}

#[tokio::test]
async fn a_service_is_told_by_its_target_or_its_path() {
    let door = open_door().await;
    let json = "application/x-amz-json-1.0";
    for request in [to("Echo_20200101.Repeat"), post("/service/Echo/operation/Repeat", json)] {
        let expected = (200, json.to_owned(), TEXT.to_owned());
        assert_eq!(ask(&door, &parts(request), TEXT).await, expected);
    }
    let kinesis = post("/", "application/x-amz-json-1.1");
    let kinesis = parts(kinesis.header("x-amz-target", "Kinesis_20131202.ListStreams"));
    let (status, content_type, body) = ask(&door, &kinesis, "{}").await;
    assert_eq!((status, content_type.as_str()), (200, "application/x-amz-json-1.1"));
    assert!(body.contains("StreamNames"), "{body}");
}

#[tokio::test]
async fn errors_are_of_the_service_or_of_all_services() {
    let door = open_door().await;
    let cases = [
        ("Repeat", r#"{"Text":"hello!"}"#, "echo#TooLoudException"),
        ("Repeat", r#"{"Text":1}"#, "coral#SerializationException"),
        ("Repeat", "{", "coral#SerializationException"),
        ("Repeat", "{}", "coral#ValidationException"),
        ("Sing", "{}", "coral#UnsupportedOperationException"),
        ("Dance", "{}", "coral#UnknownOperationException"),
        ("Forget", "{}", "coral#InternalFailure"),
    ];
    for (operation, body, name) in cases {
        let request = parts(to(&format!("Echo_20200101.{operation}")));
        let (_, content_type, reply) = ask(&door, &request, body).await;
        assert_eq!(content_type, "application/x-amz-json-1.0");
        assert!(reply.contains(&format!(r#""__type":"com.example.{name}""#)), "{reply}");
    }
}

#[tokio::test]
async fn refusals_before_an_operation_is_known_are_the_services_own() {
    let door = open_door().await;
    let echo = post("/service/Echo/operation/Repeat", "application/x-amz-json-1.1");
    let (status, _, reply) = ask(&door, &parts(echo), TEXT).await;
    assert!(status == 400 && reply.contains("coral#UnknownOperationException"), "{reply}");
    // What is for nobody is for the first service, and Kinesis does not speak JSON 1.0.
    for target in ["Other_20200101.Repeat", "Kinesis_20131202.ListStreams"] {
        let (status, _, reply) = ask(&door, &parts(to(target)), "{}").await;
        assert_eq!((status, reply.as_str()), (404, "<UnknownOperationException/>\n"));
    }
}

#[test]
fn what_a_table_has_is_described() {
    let described = echo::DESCRIBED;
    assert_eq!(described.operations, ["Forget", "Repeat"]);
    let schemas: Vec<_> = (described.schemas)().iter().map(OperationSchema::to_json).collect();
    assert_eq!(schemas[1]["input"][0]["name"], "Text");
    assert_eq!(schemas[1]["errors"][0], "TooLoudException");
    assert_eq!(schemas[2]["supported"], false);
    let decode = |operation, body| (described.decode)(operation, Codec::Json10, body);
    assert!(decode("Repeat", TEXT.as_bytes()).is_some_and(|decoded| decoded.is_ok()));
    assert!(decode("Repeat", b"{}").is_some_and(|decoded| decoded.is_err()));
    assert!(decode("Sing", b"{}").is_none());
}

fn signed(access_key_id: &str, service: &str, body: &str) -> Parts {
    let credentials = Credentials {
        access_key_id: access_key_id.into(),
        secret_access_key: "secret".into(),
        session_token: None,
    };
    let target = "Echo_20200101.Repeat";
    let headers: &[(&str, &[u8])] = &[("host", b"here"), ("x-amz-target", target.as_bytes())];
    let hash = sha256_hex(body.as_bytes());
    let request = sigv4::Request {
        method: "POST",
        path: "/",
        query: "",
        headers,
        payload_sha256_hex: hash.as_str(),
    };
    let signer = Signer::new(credentials, "eu-west-3", service);
    let added = signer.sign(&request, (NOW_MS / 1000).cast_signed());
    let request = to(target).header("authorization", added.authorization);
    parts(request.header("x-amz-date", added.x_amz_date))
}

/// A door that [`CREDENTIALS`] open.
async fn locked_door() -> FrontDoor {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("credentials.toml");
    fs::write(&path, CREDENTIALS).expect("written");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("private");
    let now_secs = (NOW_MS / 1000).cast_signed();
    let store = CredentialStore::open(CredentialsFile::new(path), now_secs).expect("credentials");
    door(AuthMode::Sigv4(store)).await
}

#[tokio::test]
async fn signatures_and_policies_know_a_service_by_its_own_names() {
    let door = locked_door().await;
    let (status, _, reply) = ask(&door, &signed("ECHOES", "echo", TEXT), TEXT).await;
    assert_eq!((status, reply.as_str()), (200, TEXT));
    let (_, _, reply) = ask(&door, &signed("ECHOES", "kinesis", TEXT), TEXT).await;
    assert!(reply.contains("InvalidSignatureException") && reply.contains("'echo'"), "{reply}");
    let (_, _, reply) = ask(&door, &signed("STREAMS", "echo", TEXT), TEXT).await;
    assert!(reply.contains("not authorized to perform: echoes:Repeat on resource: *"), "{reply}");
}

#[tokio::test]
async fn a_body_that_does_not_parse_comes_before_the_caller_and_wrong_types_after_however_long() {
    let door = locked_door().await;
    for filler in ["x".repeat(10), "x".repeat(1 << 20)] {
        let body = |rest: &str| format!(r#"{{"Filler":"{filler}",{rest}"#);
        for (rest, of_stranger, of_caller) in [
            (r#""Text":1"#, "SerializationException\"}", "SerializationException\"}"),
            (r#""Text":1}"#, "InvalidSignatureException", "Serialization"),
            (r#""Other":1}"#, "InvalidSignatureException", "Validation"),
            (r#""Text":"hello"}"#, "InvalidSignatureException", r#"{"Text":"hello"}"#),
        ] {
            let body = body(rest);
            let stranger = signed("ECHOES", "kinesis", &body);
            let (_, _, reply) = ask(&door, &stranger, &body).await;
            assert!(reply.contains(of_stranger), "{rest}: {reply}");
            let (_, _, reply) = ask(&door, &signed("ECHOES", "echo", &body), &body).await;
            assert!(reply.contains(of_caller), "{rest}: {reply}");
        }
    }
}

/// A text of a megabyte, which takes as much memory once it is decoded.
#[test]
fn a_long_body_of_a_stranger_is_not_decoded() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let door = runtime.block_on(locked_door());
    let body = format!(r#"{{"Text":"{}"}}"#, r"\n".repeat(512 << 10));
    let taken_by = |parts: &Parts| {
        let measured = allocation_counter::measure(|| {
            runtime.block_on(ask(&door, parts, &body));
        });
        measured.bytes_max
    };
    let stranger = signed("ECHOES", "kinesis", &body);
    assert!(taken_by(&stranger) < 64 << 10, "{}", taken_by(&stranger));
    assert!(taken_by(&signed("ECHOES", "echo", &body)) > 512 << 10);
}
