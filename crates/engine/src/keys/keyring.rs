//! What the engine asks of whoever keeps the customers' keys.

use crate::state::scope::{Scope, StreamRef};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// 256 bits that encrypt records; wiped when dropped.
pub type DataKeyBytes = Zeroizing<[u8; 32]>;

/// A store of customers' keys: the local counterpart of KMS.
///
/// All methods answer from memory, except [`Keyring::resolve`], which may write to the disk.
pub trait Keyring: Send + Sync + fmt::Debug {
    /// The ARN of the key that a caller of this account and Region names: by id, ARN, alias or
    /// ARN of an alias. Makes the account's service key when that is named for the first time; it
    /// is durable when this returns.
    ///
    /// # Errors
    /// When there is no such key.
    fn resolve(&self, caller: &Scope, name: &str) -> Result<Arc<str>, KeyProblem>;

    /// Whether `principal` may use the key now. Counts as one request to it.
    ///
    /// # Errors
    /// When not, with the reason.
    fn permit(&self, key_arn: &str, principal: &str) -> Result<(), KeyProblem>;

    /// Encrypts a data key under the key's newest material, bound to `context`.
    ///
    /// # Errors
    /// When the key is not there or cannot be used.
    fn wrap(
        &self,
        key_arn: &str,
        context: &[u8],
        data_key: &DataKeyBytes,
    ) -> Result<Vec<u8>, KeyProblem>;

    /// The data key that [`Keyring::wrap`] encrypted for the same context.
    ///
    /// # Errors
    /// When the key is not there or cannot be used, or the bytes are not from it.
    fn unwrap(
        &self,
        key_arn: &str,
        context: &[u8],
        wrapped: &[u8],
    ) -> Result<DataKeyBytes, KeyProblem>;

    /// Changes whenever anything about any key may have changed: what was unwrapped before is
    /// then no longer to be used.
    fn generation(&self) -> u64;
}

/// Why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyProblem {
    /// There is no such key.
    NotFound,
    /// Its owner has disabled it.
    Disabled,
    /// It is going to be deleted.
    PendingDeletion,
    /// The principal is not among those who may use it.
    AccessDenied,
    /// The account has not subscribed to the key service.
    OptInRequired,
    /// More requests in a second than the key allows.
    Throttled,
    /// It is not the key, or not the material, that the data key was encrypted with.
    WrongMaterial,
    /// The keyring itself cannot be read or written.
    Unavailable,
}

/// What a key was wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// To encrypt records.
    Encrypt,
    /// To decrypt records.
    Decrypt,
}

/// A key that could not be used.
#[derive(Clone, Debug)]
pub struct KeyRefusal {
    /// Why.
    pub problem: KeyProblem,
    /// The key: its ARN, or what the caller called it if there is none.
    pub key: Arc<str>,
    /// What for.
    pub usage: KeyUse,
    /// Who wanted to.
    pub principal: Arc<str>,
    pub stream: StreamRef,
}

impl fmt::Display for KeyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { problem, key, usage, principal, stream } = self;
        write!(
            f,
            "key refused problem={problem:?} key={key} usage={usage:?} principal={principal} \
             stream={stream}"
        )
    }
}

impl std::error::Error for KeyRefusal {}

/// A keyring without keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoKeys;

impl Keyring for NoKeys {
    fn resolve(&self, _: &Scope, _: &str) -> Result<Arc<str>, KeyProblem> {
        Err(KeyProblem::NotFound)
    }

    fn permit(&self, _: &str, _: &str) -> Result<(), KeyProblem> {
        Err(KeyProblem::NotFound)
    }

    fn wrap(&self, _: &str, _: &[u8], _: &DataKeyBytes) -> Result<Vec<u8>, KeyProblem> {
        Err(KeyProblem::NotFound)
    }

    fn unwrap(&self, _: &str, _: &[u8], _: &[u8]) -> Result<DataKeyBytes, KeyProblem> {
        Err(KeyProblem::NotFound)
    }

    fn generation(&self) -> u64 {
        0
    }
}
