//! Keys of encryption at rest. An envelope: each StartStreamEncryption makes a random *data key*,
//! which the keyring wraps (encrypts) with the customer's key and which the catalog keeps wrapped.
//! Records are sealed with the newest data key before they go to storage ([`data_key`]) and opened
//! after they were read. Data keys stay as long as records under them may still be read.
//!
//! Invariant: neither a data key nor what it encrypts reaches the disk unencrypted while a stream
//! is encrypted; every use of a data key asks the keyring first.

mod cache;
pub(crate) mod data_key;
pub(crate) mod keyring;

use crate::state::encryption::WrappedKey;
use crate::state::scope::StreamRef;
use crate::state::stream::StreamEntry;
use data_key::DataKey;
use keyring::{KeyProblem, KeyRefusal, KeyUse, Keyring};
use std::sync::Arc;

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

impl Keys {
    /// The unwrapped data key, if `principal` may use it now.
    pub(crate) fn data_key(
        &self,
        stream: &StreamEntry,
        wrapped: &WrappedKey,
        principal: &str,
        usage: KeyUse,
    ) -> Result<Arc<DataKey>, Box<KeyRefusal>> {
        let keyring = &self.keyring;
        let refuse = |problem| {
            refusal(&stream.reference, &Arc::from(principal), usage)(problem, &wrapped.key_arn)
        };
        keyring.permit(&wrapped.key_arn, principal).map_err(refuse)?;
        // After `permit`, which is where the keyring notices that it has changed.
        let generation = keyring.generation();
        self.unwrapped.at(generation, (stream.number, wrapped.number), || {
            let context = wrap_context(&stream.reference, stream.number, wrapped.number);
            let bytes = keyring.unwrap(&wrapped.key_arn, &context, &wrapped.wrapped);
            Ok(DataKey::new(wrapped.number, &bytes.map_err(refuse)?))
        })
    }
}

pub(crate) fn refusal(
    stream: &StreamRef,
    principal: &Arc<str>,
    usage: KeyUse,
) -> impl Fn(KeyProblem, &str) -> Box<KeyRefusal> + Send + 'static {
    let (stream, principal) = (stream.clone(), principal.clone());
    move |problem, key| {
        Box::new(KeyRefusal {
            problem,
            key: Arc::from(key),
            usage,
            principal: principal.clone(),
            stream: stream.clone(),
        })
    }
}

/// What a wrapped data key is bound to: one of another stream or number does not unwrap.
pub(crate) fn wrap_context(stream: &StreamRef, number: u32, data_key: u32) -> Vec<u8> {
    format!("anabranch data key {data_key} of stream {number} {}", stream.arn()).into_bytes()
}
