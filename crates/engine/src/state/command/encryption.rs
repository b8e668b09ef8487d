//! Commands about encryption.

use minicbor::{Decode, Encode};

/// See [`super::Command::StartEncryption`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct StartEncryption {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// Number of the data key within the stream.
    #[n(1)]
    pub data_key: u32,
    /// The key as the caller named it.
    #[n(2)]
    pub key_id: String,
    /// The key.
    #[n(3)]
    pub key_arn: String,
    /// The data key, encrypted by the keyring.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub wrapped: Vec<u8>,
    /// How long it stays UPDATING, in milliseconds.
    #[n(5)]
    pub transition_ms: u64,
    /// Data keys that only records need which had expired by then may be forgotten, epoch
    /// milliseconds; by the frame's arrival time if it is earlier or this is not there.
    #[n(6)]
    pub deletion_ms: Option<u64>,
}

/// See [`super::Command::StopEncryption`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct StopEncryption {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// How long it stays UPDATING, in milliseconds.
    #[n(1)]
    pub transition_ms: u64,
    /// As in [`StartEncryption`].
    #[n(2)]
    pub deletion_ms: Option<u64>,
}
