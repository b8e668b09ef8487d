//! Commands about fan-out consumers.

use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// See [`super::Command::RegisterConsumer`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RegisterConsumer {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// The consumer's name.
    #[n(1)]
    pub name: String,
    /// Its creation time, epoch seconds; later than that of an earlier one of the same name.
    #[n(2)]
    pub created_secs: u64,
    /// Tags.
    #[n(3)]
    pub tags: BTreeMap<String, String>,
    /// How long it stays CREATING, in milliseconds.
    #[n(4)]
    pub transition_ms: u64,
}

/// See [`super::Command::DeregisterConsumer`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DeregisterConsumer {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// The consumer's name.
    #[n(1)]
    pub name: String,
    /// When it is gone, epoch milliseconds.
    #[n(2)]
    pub gone_at_ms: u64,
}
