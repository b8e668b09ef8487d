//! Customers' keys: the keyring file, and what a running server does with it.

mod file;
mod store;
#[cfg(test)]
mod tests;

pub use file::{CustomerKey, KeyState, KeyringError, KeyringFile, Material, is_alias};
pub use store::{KeyStore, SERVICE_ALIAS};
