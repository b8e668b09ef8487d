//! What clients bring back: iterators and page tokens. Mostly with the seal of the data directory
//! on an arbitrary payload, else the seal would be all that is tested.
//!
//! Input: one byte (0 to 4: the purpose of a sealed payload; else: text as it is), then the rest.
#![no_main]

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use anabranch_engine::command::Command;
use anabranch_engine::{
    Boundless, ConsumerPageRequest, Engine, EngineSettings, GetRequest, NewStream, NoKeys, OneCell,
    Scope, ShardPageRequest, ShardRates, StoreOptions, StreamPageRequest, StreamRef,
};
use anabranch_env::{FakeDisk, ManualClock};
use anabranch_storage::inspect::inspect;
use aws_lc_rs::hmac;
use base64_simd::STANDARD;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::Runtime;

struct Fixture {
    runtime: Runtime,
    engine: Arc<Engine>,
    scope: Scope,
    key: hmac::Key,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(fixture);

fuzz_target!(|input: &[u8]| {
    let Fixture { runtime, engine, scope, key } = &*FIXTURE;
    let Some((purpose, rest)) = input.split_first() else { return };
    let token = match purpose {
        0..=4 => sealed(key, purpose + 1, rest),
        _ => String::from_utf8_lossy(rest).into_owned(),
    };
    let token = token.as_str();
    if let Ok(iterator) = engine.data.open_iterator(token) {
        let (iterator, principal) = (&iterator, "arn");
        let get = GetRequest { scope, principal, iterator, records_max: 10, dry_run: false };
        let _ = runtime.block_on(engine.data.get_records(get, &Boundless));
    }
    if let Ok(token) = engine.control.open_shard_token(token) {
        let next = ShardPageRequest::Next { token: &token, name: None, limit: Some(2) };
        let _ = engine.control.list_shards(scope, &next);
    }
    let page = StreamPageRequest { token: Some(token), ..StreamPageRequest::default() };
    let _ = OneCell::serve(engine.clone()).list_streams(scope, &page);
    let consumers = ConsumerPageRequest {
        stream: &engine.named(StreamRef { scope: scope.clone(), name: "one".into() }),
        created_secs: None,
        token: Some(token),
        limit: None,
    };
    let _ = engine.control.list_consumers(&consumers);
});

/// As the engine's `token.rs`.
fn sealed(key: &hmac::Key, purpose: u8, payload: &[u8]) -> String {
    let mut bytes = vec![purpose];
    bytes.extend_from_slice(payload);
    let tag = hmac::sign(key, &bytes);
    bytes.extend_from_slice(&tag.as_ref()[..16]);
    STANDARD.encode_to_string(bytes)
}

fn fixture() -> Fixture {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let disk = FakeDisk::default();
    let directory = PathBuf::from("/data");
    let settings = EngineSettings {
        shard_limit: 100,
        transition_ms: 0,
        rates: ShardRates::OFF,
        limit_streams: false,
        ..EngineSettings::default()
    };
    let options = StoreOptions::new(directory.clone());
    let clock = Arc::new(ManualClock::at_ms(1_700_000_000_000));
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    let engine = runtime.block_on(async {
        let engine =
            Engine::start(options, settings, Arc::new(disk.clone()), clock, Arc::new(NoKeys));
        let engine = engine.await.expect("an empty directory opens");
        for name in ["one", "two"] {
            let new = NewStream { shard_count: Some(4), ..NewStream::named(name) };
            engine.control.create_stream(&scope, new).await.expect("created");
        }
        engine
    });
    let report = inspect(&disk, &directory).expect("a data directory");
    let secret =
        report.commands.iter().find_map(|command| match Command::decode(&command.payload) {
            Ok(Command::InstallSecret(install)) => Some(install.secret),
            _ => None,
        });
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret.expect("the first command"));
    Fixture { runtime, engine, scope, key }
}
