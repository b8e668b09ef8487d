//! What the operations of the control plane work with.

use super::load::Loads;
use crate::components::Components;
use crate::elsewhere::Elsewhere;
use crate::keys::keyring::Keyring;
use crate::settings::EngineSettings;
use crate::stream_ledger::StreamLedger;
use crate::token::Tokens;
use anabranch_env::Clock;
use parking_lot::Mutex;
use std::sync::Arc;

/// Streams, shards, consumers, policies: what changes the catalog, and what looks at it.
#[derive(Debug)]
pub struct Control {
    pub(super) ledger: Arc<StreamLedger>,
    pub(super) settings: EngineSettings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tokens: Arc<Tokens>,
    pub(super) keyring: Arc<dyn Keyring>,
    /// What accounts use in other cells.
    pub(super) elsewhere: Arc<dyn Elsewhere>,
    /// What scaling of on-demand streams has seen.
    pub(super) loads: Mutex<Loads>,
}

impl Control {
    pub(crate) fn new(
        ledger: Arc<StreamLedger>,
        settings: EngineSettings,
        tokens: Arc<Tokens>,
        components: &Components,
    ) -> Self {
        let Components { clock, keyring, elsewhere, .. } = components.clone();
        Self { ledger, settings, clock, tokens, keyring, elsewhere, loads: Mutex::default() }
    }
}
