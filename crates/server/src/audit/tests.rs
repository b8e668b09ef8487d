use super::*;
use crate::auth::AuthMode;
use crate::auth::Authenticator;
use crate::settings::AuditDestination;
use anabranch_env::ManualClock;
use serde_json::{Value, json};
use std::path::PathBuf;

struct World {
    log: Arc<AuditLog>,
    clock: Arc<ManualClock>,
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl World {
    fn new(with_data_calls: bool) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("audit");
        let clock = Arc::new(ManualClock::at_ms(1_700_000_000_123));
        let destination = AuditDestination::File(path.clone());
        let writer = AuditWriter::open(&destination, clock.clone()).expect("opened");
        let log = AuditLog::new(Arc::new(writer), clock.clone(), with_data_calls);
        Self { log: Arc::new(log), clock, path, _directory: directory }
    }

    fn trail(&self, kind: CallKind) -> Trail {
        let peer = Peer { address: [10, 0, 0, 7].into(), is_tls: false };
        let trail = Trail::new(Some(&self.log), "the-id", peer);
        trail.operation("kinesis", "CreateStream", kind);
        trail
    }

    /// What is in the log at the end.
    fn lines(self) -> Vec<Value> {
        self.log.writer.end();
        let text = std::fs::read_to_string(&self.path).expect("there");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

fn caller() -> Caller {
    let mode = AuthMode::Open { account_id: "123456789012".into() };
    let parts = http::Request::new(()).into_parts().0;
    let caller = Authenticator::new(mode, "eu-west-1", &[]).authenticate(&parts, b"", &[], 0);
    caller.expect("believed")
}

#[test]
fn a_line_says_who_did_what_with_which_outcome() {
    let world = World::new(false);
    let trail = world.trail(CallKind::Control);
    trail.caller(&caller());
    trail.resource(&"arn:one");
    trail.resource(&"arn:one");
    trail.resource(&"arn:\"two\"\n");
    trail.error("ResourceInUseException");
    trail.end(StatusCode::BAD_REQUEST);
    let expected = json!({
        "time": "2023-11-14T22:13:20.123Z", "requestId": "the-id", "source": "10.0.0.7",
        "principal": "arn:aws:iam::123456789012:root", "accessKeyId": "anonymous",
        "account": "123456789012", "region": "eu-west-1", "action": "kinesis:CreateStream",
        "resources": ["arn:one", "arn:\"two\"\n"], "outcome": "ResourceInUseException",
        "status": 400,
    });
    assert_eq!(world.lines(), [expected]);
}

#[test]
fn a_call_whose_client_went_away_has_a_line() {
    let world = World::new(false);
    drop(world.trail(CallKind::Control));
    let lines = world.lines();
    assert_eq!((lines[0]["outcome"].as_str(), lines.len()), (Some("unanswered"), 1));
    assert!(lines[0].get("status").is_none());
}

#[test]
fn calls_on_records_are_written_if_they_are_asked_for() {
    for with_data_calls in [false, true] {
        let world = World::new(with_data_calls);
        world.trail(CallKind::Data).end(StatusCode::OK);
        assert_eq!(world.lines().len(), usize::from(with_data_calls));
    }
}

#[test]
fn strangers_do_not_fill_the_log() {
    let world = World::new(false);
    let call = || {
        let trail = world.trail(CallKind::Data);
        trail.stranger();
        trail.error("UnrecognizedClientException");
        trail.end(StatusCode::BAD_REQUEST);
    };
    (0..1000).for_each(|_| call());
    world.clock.advance_ms(1000);
    call();
    let lines = world.lines();
    assert_eq!(lines.len() as u64, STRANGERS_PER_S + 1);
    assert!(lines[0].get("principal").is_none() && lines[0].get("leftOut").is_none());
    assert_eq!(lines.last().map(|line| &line["leftOut"]), Some(&json!(1000 - STRANGERS_PER_S)));
}

#[test]
fn what_was_for_no_operation_has_no_line() {
    let world = World::new(true);
    let peer = Peer { address: [10, 0, 0, 7].into(), is_tls: false };
    Trail::new(Some(&world.log), "id", peer).end(StatusCode::FORBIDDEN);
    Trail::new(None, "id", peer).end(StatusCode::OK);
    assert!(world.lines().is_empty());
}
