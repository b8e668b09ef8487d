//! Encryption in the catalog: applying its commands, and its part of the snapshot.

use super::{Catalog, Effect, intern};
use crate::state::command::{StartEncryption, StopEncryption};
use crate::state::encryption::{Encryption, WrappedKey};
use crate::state::machine::Place;
use minicbor::{Decode, Encode};
use std::sync::Arc;

impl Catalog {
    pub(super) fn start_encryption(
        &mut self,
        start: &StartEncryption,
        place: Place,
    ) -> Option<Effect> {
        self.change(start.stream, |stream| {
            let data_key = WrappedKey {
                number: start.data_key,
                key_arn: intern(&start.key_arn),
                wrapped: start.wrapped.clone(),
                started_ms: place.arrival_ms,
                retired_ms: None,
            };
            let deletion_ms = place.arrival_ms.min(start.deletion_ms.unwrap_or(u64::MAX));
            let horizon_ms = stream.retention.trim_horizon_ms(deletion_ms);
            stream.encryption.start(intern(&start.key_id), data_key, horizon_ms);
            stream.updating_until_ms = place.arrival_ms + start.transition_ms;
        })
    }

    pub(super) fn stop_encryption(
        &mut self,
        stop: &StopEncryption,
        place: Place,
    ) -> Option<Effect> {
        self.change(stop.stream, |stream| {
            let deletion_ms = place.arrival_ms.min(stop.deletion_ms.unwrap_or(u64::MAX));
            let horizon_ms = stream.retention.trim_horizon_ms(deletion_ms);
            stream.encryption.stop(place.arrival_ms, horizon_ms);
            stream.updating_until_ms = place.arrival_ms + stop.transition_ms;
        })
    }
}

#[derive(Encode, Decode)]
pub(super) struct EncryptionState {
    #[n(0)]
    key_id: Option<String>,
    #[n(1)]
    data_keys: Vec<DataKeyState>,
    #[n(2)]
    next_number: u32,
    #[n(3)]
    stopped_ms: Vec<u64>,
}

#[derive(Encode, Decode)]
struct DataKeyState {
    #[n(0)]
    number: u32,
    #[n(1)]
    key_arn: String,
    #[cbor(n(2), with = "minicbor::bytes")]
    wrapped: Vec<u8>,
    #[n(3)]
    started_ms: u64,
    #[n(4)]
    retired_ms: Option<u64>,
}

impl EncryptionState {
    /// Nothing for a stream that was never encrypted.
    pub(super) fn of(encryption: &Encryption) -> Option<Self> {
        let data_keys = encryption.data_keys.iter().map(|data_key| DataKeyState {
            number: data_key.number,
            key_arn: data_key.key_arn.to_string(),
            wrapped: data_key.wrapped.clone(),
            started_ms: data_key.started_ms,
            retired_ms: data_key.retired_ms,
        });
        (encryption.next_number > 0).then(|| Self {
            key_id: encryption.key_id.as_deref().map(str::to_owned),
            data_keys: data_keys.collect(),
            next_number: encryption.next_number,
            stopped_ms: encryption.stopped_ms.clone(),
        })
    }
}

impl From<EncryptionState> for Encryption {
    fn from(state: EncryptionState) -> Self {
        let data_keys = state.data_keys.into_iter().map(|data_key| {
            Arc::new(WrappedKey {
                number: data_key.number,
                key_arn: Arc::from(data_key.key_arn),
                wrapped: data_key.wrapped,
                started_ms: data_key.started_ms,
                retired_ms: data_key.retired_ms,
            })
        });
        Self {
            key_id: state.key_id.map(Arc::from),
            data_keys: data_keys.collect(),
            next_number: state.next_number,
            stopped_ms: state.stopped_ms,
        }
    }
}
