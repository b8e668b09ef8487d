//! What the operations of the data plane work with.

use super::seats::Seats;
use crate::components::Components;
use crate::keys::Keys;
use crate::settings::EngineSettings;
use crate::stream_ledger::StreamLedger;
use crate::token::Tokens;
use anabranch_env::{ByteBudget, Clock};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

/// Records: putting, reading and pushing them.
#[derive(Debug)]
pub struct Data {
    pub(super) ledger: Arc<StreamLedger>,
    pub(super) settings: EngineSettings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tokens: Arc<Tokens>,
    pub(super) keys: Keys,
    /// Where the next record of an evenly distributed stream goes.
    pub(super) next_even: AtomicU32,
    /// Who holds which subscription.
    pub(super) seats: Seats,
    /// Memory for large events, shared by all subscriptions.
    pub(super) event_room: ByteBudget,
}

impl Data {
    pub(crate) fn new(
        ledger: Arc<StreamLedger>,
        settings: EngineSettings,
        tokens: Arc<Tokens>,
        components: &Components,
    ) -> Self {
        let Components { clock, keyring, .. } = components.clone();
        Self {
            event_room: ByteBudget::new(settings.event_room_bytes),
            ledger,
            settings,
            clock,
            tokens,
            keys: Keys::new(keyring),
            next_even: AtomicU32::new(0),
            seats: Seats::default(),
        }
    }
}
