//! A running engine, for the tests that look inside. The others have the world of `tests/engine`.

use crate::engine::Engine;
use crate::keys::keyring::Keyring;
use crate::settings::EngineSettings;
use crate::state::scope::Scope;
use crate::streams::NewStream;
use anabranch_env::{FakeDisk, ManualClock};
use anabranch_storage::StoreOptions;
use std::sync::Arc;

/// An engine with a stream, and whose that is.
pub(crate) async fn start(keyring: impl Keyring + 'static, new: NewStream) -> (Arc<Engine>, Scope) {
    let settings = EngineSettings { transition_ms: 0, ..EngineSettings::default() };
    let options =
        StoreOptions { journal_file_bytes: 16 << 10, ..StoreOptions::new("/data".into()) };
    let (disk, clock) = (FakeDisk::default(), ManualClock::at_ms(1_700_000_000_000));
    let engine =
        Engine::start(options, settings, Arc::new(disk), Arc::new(clock), Arc::new(keyring)).await;
    let engine = engine.expect("the engine starts");
    let scope = Scope { account: Arc::from("123456789012"), region: Arc::from("us-east-1") };
    engine.control.create_stream(&scope, new).await.expect("created");
    (engine, scope)
}
