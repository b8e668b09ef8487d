//! StartStreamEncryption and StopStreamEncryption.

use super::control::Control;
use crate::error::{
    ChangeFailure, DataKeyLimit, EncryptionError, EncryptionLimit, Interrupted, KeyNotInUse,
};
use crate::keys::keyring::{DataKeyBytes, KeyUse};
use crate::keys::{refusal, wrap_context};
use crate::lookup::find_active;
use crate::state::command::{Command, StartEncryption, StopEncryption};
use crate::state::scope::Scope;
use crate::state::stream::StreamEntry;
use anabranch_model::{limits, retention::HOUR_MS};
use std::sync::Arc;

/// The window of the limits on changes.
const DAY_MS: u64 = 24 * HOUR_MS;

/// A change of a stream's encryption, as it is asked for.
#[derive(Clone, Debug)]
pub struct KeyRequest {
    /// The account of the caller and the Region: what short names of keys are names in.
    pub caller: Scope,
    /// ARN of the caller.
    pub principal: Arc<str>,
    /// The key as the caller named it.
    pub key_id: String,
}

impl Control {
    /// Encrypts what is put from now on, or puts a new key into the place of the old one.
    ///
    /// # Errors
    /// When the stream is not active, the key cannot be used, or a limit is reached.
    pub async fn start_encryption(
        &self,
        scope: &Scope,
        name: &str,
        request: KeyRequest,
    ) -> Result<(), EncryptionError> {
        let stream =
            find_active(self.ledger.view().streams(), scope, name, self.ledger.now_ms())?.clone();
        let KeyRequest { caller, principal, key_id } = request;
        let refuse = refusal(&stream.reference, &principal, KeyUse::Encrypt);
        let keyring = self.keyring.clone();
        // A service key that is named for the first time is written to the disk.
        let named = key_id.clone();
        let resolved = tokio::task::spawn_blocking(move || keyring.resolve(&caller, &named)).await;
        let key_arn = resolved
            .map_err(|_| ChangeFailure::from(Interrupted))?
            .map_err(|problem| refuse(problem, &key_id))?;
        let keyring = self.keyring.clone();
        keyring.permit(&key_arn, &principal).map_err(|problem| refuse(problem, &key_arn))?;
        let (scope, name, settings) = (scope.clone(), name.to_owned(), self.settings.clone());
        let deletion_ms = Some(self.ledger.store().deletion_ms());
        self.ledger
            .change(move |catalog, now_ms| {
                let stream = find_active(catalog.streams(), &scope, &name, now_ms)?;
                check_start(stream, settings.limit_streams, now_ms)?;
                let number = stream.encryption.next_number;
                let mut data_key = DataKeyBytes::default();
                anabranch_env::fill_random(&mut data_key[..]);
                let wrapped = keyring
                    .wrap(
                        &key_arn,
                        &wrap_context(&stream.reference, stream.number, number),
                        &data_key,
                    )
                    .map_err(|problem| refuse(problem, &key_arn))?;
                let command = StartEncryption {
                    stream: stream.number,
                    data_key: number,
                    key_id,
                    key_arn: key_arn.to_string(),
                    wrapped,
                    transition_ms: settings.transition_ms,
                    deletion_ms,
                };
                Ok((Command::StartEncryption(command), ()))
            })
            .await
    }

    /// Stops encrypting. What is encrypted stays so. Nothing happens if the stream is not
    /// encrypted.
    ///
    /// # Errors
    /// When the stream is not active, the key is not the one in use, or a limit is reached.
    pub async fn stop_encryption(
        &self,
        scope: &Scope,
        name: &str,
        request: KeyRequest,
    ) -> Result<(), EncryptionError> {
        let stream =
            find_active(self.ledger.view().streams(), scope, name, self.ledger.now_ms())?.clone();
        if stream.encryption.current().is_none() {
            return Ok(());
        }
        let KeyRequest { caller, key_id, .. } = request;
        let (keyring, named) = (self.keyring.clone(), key_id.clone());
        let resolved = tokio::task::spawn_blocking(move || keyring.resolve(&caller, &named)).await;
        // A key that is gone can still be named as it was named when encryption was started.
        let key_arn = resolved.map_err(|_| ChangeFailure::from(Interrupted))?.ok();
        let (scope, name, settings) = (scope.clone(), name.to_owned(), self.settings.clone());
        let deletion_ms = Some(self.ledger.store().deletion_ms());
        self.ledger
            .change(move |catalog, now_ms| {
                let stream = find_active(catalog.streams(), &scope, &name, now_ms)?;
                check_stop(stream, &key_id, key_arn.as_deref(), settings.limit_streams, now_ms)?;
                let (stream, transition_ms) = (stream.number, settings.transition_ms);
                let stop = StopEncryption { stream, transition_ms, deletion_ms };
                Ok((Command::StopEncryption(stop), ()))
            })
            .await
    }
}

fn check_start(stream: &StreamEntry, is_limited: bool, now_ms: u64) -> Result<(), EncryptionError> {
    let reference = || stream.reference.clone();
    let limit = limits::ENCRYPTION_CHANGES_A_DAY;
    if is_limited && stream.encryption.starts_since(now_ms.saturating_sub(DAY_MS)) >= limit {
        return Err(EncryptionLimit { stream: reference(), stops: false, limit }.into());
    }
    // The catalog is in memory: without the limit above it would grow with every call.
    let limit = limits::DATA_KEYS_MAX;
    let horizon_ms = stream.retention.trim_horizon_ms(now_ms);
    if stream.encryption.needed_data_keys(horizon_ms) >= limit {
        return Err(DataKeyLimit { stream: reference(), limit }.into());
    }
    Ok(())
}

/// Whether encryption can be stopped in the name of this key.
fn check_stop(
    stream: &StreamEntry,
    key_id: &str,
    key_arn: Option<&str>,
    is_limited: bool,
    now_ms: u64,
) -> Result<(), EncryptionError> {
    let encryption = &stream.encryption;
    let in_use = encryption.current().map(|data_key| &*data_key.key_arn);
    let is_same_name = encryption.key_id.as_deref() == Some(key_id);
    if !is_same_name && (key_arn.is_none() || key_arn != in_use) {
        let (stream, key_id) = (stream.reference.clone(), key_id.to_owned());
        return Err(KeyNotInUse { stream, key_id }.into());
    }
    let limit = limits::ENCRYPTION_CHANGES_A_DAY;
    if is_limited && encryption.stops_since(now_ms.saturating_sub(DAY_MS)) >= limit {
        let stream = stream.reference.clone();
        return Err(EncryptionLimit { stream, stops: true, limit }.into());
    }
    Ok(())
}
