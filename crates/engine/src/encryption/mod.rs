//! Encryption at rest: StartStreamEncryption, StopStreamEncryption, and what puts and gets need.
//!
//! An envelope. Each StartStreamEncryption makes a random *data key*, which the keyring wraps
//! (encrypts) with the customer's key and which the catalog keeps wrapped. Records are sealed with
//! the newest data key before they go to storage ([`data_key`]) and opened after they were read.
//! Data keys stay as long as records under them may still be read.
//!
//! Invariant: neither a data key nor what it encrypts reaches the disk unencrypted while a stream
//! is encrypted; every use of a data key asks the keyring first.

mod cache;
pub(crate) mod data_key;
pub(crate) mod keyring;
mod open;
mod state;

use crate::catalog::command::{Command, StartEncryption, StopEncryption};
use crate::engine::{Engine, find_active};
use crate::error::EngineError;
use crate::scope::{Scope, StreamRef};
use crate::stream::Stream;
use anabranch_model::{limits, retention::HOUR_MS};
use data_key::DataKey;
use keyring::{DataKeyBytes, KeyProblem, KeyRefusal, KeyUse, Keyring};
use std::sync::Arc;

pub use open::OpenRun;
pub use state::{Encryption, WrappedKey};

/// The window of the limits on changes.
const DAY_MS: u64 = 24 * HOUR_MS;

/// The keyring and what was unwrapped with it.
#[derive(Debug)]
pub(crate) struct Keys {
    keyring: Arc<dyn Keyring>,
    unwrapped: cache::DataKeyCache,
}

impl Keys {
    pub(crate) fn new(keyring: Arc<dyn Keyring>) -> Self {
        Self { keyring, unwrapped: Default::default() }
    }
}

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

impl Engine {
    /// Encrypts what is put from now on, or puts a new key into the place of the old one.
    ///
    /// # Errors
    /// When the stream is not active, the key cannot be used, or a limit is reached.
    pub async fn start_encryption(
        self: &Arc<Self>,
        scope: &Scope,
        name: &str,
        request: KeyRequest,
    ) -> Result<(), EngineError> {
        let stream = find_active(&self.catalog.read(), scope, name, self.now_ms())?.clone();
        let KeyRequest { caller, principal, key_id } = request;
        let refuse = refusal(&stream.reference, &principal, KeyUse::Encrypt);
        let keyring = self.keys.keyring.clone();
        // A service key that is named for the first time is written to the disk.
        let named = key_id.clone();
        let resolved = tokio::task::spawn_blocking(move || keyring.resolve(&caller, &named)).await;
        let key_arn = resolved
            .map_err(|_| EngineError::Interrupted)?
            .map_err(|problem| refuse(problem, &key_id))?;
        let keyring = self.keys.keyring.clone();
        keyring.permit(&key_arn, &principal).map_err(|problem| refuse(problem, &key_arn))?;
        let (scope, name, settings) = (scope.clone(), name.to_owned(), self.settings.clone());
        self.change(move |catalog, now_ms| {
            let stream = find_active(catalog, &scope, &name, now_ms)?;
            check_start(stream, settings.limit_streams, now_ms)?;
            let number = stream.encryption.next_number;
            let mut data_key = DataKeyBytes::default();
            anabranch_env::fill_random(&mut data_key[..]);
            let wrapped = keyring
                .wrap(&key_arn, &wrap_context(&stream.reference, stream.number, number), &data_key)
                .map_err(|problem| refuse(problem, &key_arn))?;
            let command = StartEncryption {
                stream: stream.number,
                data_key: number,
                key_id,
                key_arn: key_arn.to_string(),
                wrapped,
                transition_ms: settings.transition_ms,
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
        self: &Arc<Self>,
        scope: &Scope,
        name: &str,
        request: KeyRequest,
    ) -> Result<(), EngineError> {
        let stream = find_active(&self.catalog.read(), scope, name, self.now_ms())?.clone();
        if stream.encryption.current().is_none() {
            return Ok(());
        }
        let KeyRequest { caller, key_id, .. } = request;
        let (keyring, named) = (self.keys.keyring.clone(), key_id.clone());
        let resolved = tokio::task::spawn_blocking(move || keyring.resolve(&caller, &named)).await;
        // A key that is gone can still be named as it was named when encryption was started.
        let key_arn = resolved.map_err(|_| EngineError::Interrupted)?.ok();
        let (scope, name, settings) = (scope.clone(), name.to_owned(), self.settings.clone());
        self.change(move |catalog, now_ms| {
            let stream = find_active(catalog, &scope, &name, now_ms)?;
            check_stop(stream, &key_id, key_arn.as_deref(), settings.limit_streams, now_ms)?;
            let (stream, transition_ms) = (stream.number, settings.transition_ms);
            Ok((Command::StopEncryption(StopEncryption { stream, transition_ms }), ()))
        })
        .await
    }

    /// The data key that seals what is put into the stream now; `None` if it is not encrypted.
    pub(crate) fn sealing_key(
        &self,
        stream: &Stream,
        principal: &str,
    ) -> Result<Option<Arc<DataKey>>, EngineError> {
        let Some(wrapped) = stream.encryption.current() else { return Ok(None) };
        self.data_key(stream, wrapped, principal, KeyUse::Encrypt).map(Some)
    }

    fn data_key(
        &self,
        stream: &Stream,
        wrapped: &WrappedKey,
        principal: &str,
        usage: KeyUse,
    ) -> Result<Arc<DataKey>, EngineError> {
        let keyring = &self.keys.keyring;
        let refuse = |problem| {
            refusal(&stream.reference, &Arc::from(principal), usage)(problem, &wrapped.key_arn)
        };
        keyring.permit(&wrapped.key_arn, principal).map_err(refuse)?;
        // After `permit`, which is where the keyring notices that it has changed.
        let generation = keyring.generation();
        self.keys.unwrapped.at(generation, (stream.number, wrapped.number), || {
            let context = wrap_context(&stream.reference, stream.number, wrapped.number);
            let bytes = keyring.unwrap(&wrapped.key_arn, &context, &wrapped.wrapped);
            Ok(DataKey::new(wrapped.number, &bytes.map_err(refuse)?))
        })
    }
}

fn refusal(
    stream: &StreamRef,
    principal: &Arc<str>,
    usage: KeyUse,
) -> impl Fn(KeyProblem, &str) -> EngineError + Send + 'static {
    let (stream, principal) = (stream.clone(), principal.clone());
    move |problem, key| {
        EngineError::Key(Box::new(KeyRefusal {
            problem,
            key: Arc::from(key),
            usage,
            principal: principal.clone(),
            stream: stream.clone(),
        }))
    }
}

/// What a wrapped data key is bound to: one of another stream or number does not unwrap.
fn wrap_context(stream: &StreamRef, number: u32, data_key: u32) -> Vec<u8> {
    format!("anabranch data key {data_key} of stream {number} {}", stream.arn()).into_bytes()
}

fn check_start(stream: &Stream, is_limited: bool, now_ms: u64) -> Result<(), EngineError> {
    let reference = || stream.reference.clone();
    let limit = limits::ENCRYPTION_CHANGES_A_DAY;
    if is_limited && stream.encryption.starts_since(now_ms.saturating_sub(DAY_MS)) >= limit {
        return Err(EngineError::EncryptionLimit { stream: reference(), stops: false, limit });
    }
    // The catalog is in memory: without the limit above it would grow with every call.
    let limit = limits::DATA_KEYS_MAX;
    let horizon_ms = stream.retention.trim_horizon_ms(now_ms);
    if stream.encryption.needed_data_keys(horizon_ms) >= limit {
        return Err(EngineError::DataKeyLimit { stream: reference(), limit });
    }
    Ok(())
}

/// Whether encryption can be stopped in the name of this key.
fn check_stop(
    stream: &Stream,
    key_id: &str,
    key_arn: Option<&str>,
    is_limited: bool,
    now_ms: u64,
) -> Result<(), EngineError> {
    let encryption = &stream.encryption;
    let in_use = encryption.current().map(|data_key| &*data_key.key_arn);
    let is_same_name = encryption.key_id.as_deref() == Some(key_id);
    if !is_same_name && (key_arn.is_none() || key_arn != in_use) {
        let (stream, key_id) = (stream.reference.clone(), key_id.to_owned());
        return Err(EngineError::KeyNotInUse { stream, key_id });
    }
    let limit = limits::ENCRYPTION_CHANGES_A_DAY;
    if is_limited && encryption.stops_since(now_ms.saturating_sub(DAY_MS)) >= limit {
        let stream = stream.reference.clone();
        return Err(EngineError::EncryptionLimit { stream, stops: true, limit });
    }
    Ok(())
}
