//! Commands about resource policies, and about tags of fan-out consumers.

use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// See [`super::Command::PutPolicy`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PutPolicy {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// The policy as it was put.
    #[n(1)]
    pub policy: String,
    /// Name of the stream's consumer that it is of; else it is the stream's own.
    #[n(2)]
    pub consumer: Option<String>,
}

/// See [`super::Command::DeletePolicy`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DeletePolicy {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// Name of the stream's consumer that it is of; else it is the stream's own.
    #[n(1)]
    pub consumer: Option<String>,
}

/// See [`super::Command::TagConsumer`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TagConsumer {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// The consumer's name.
    #[n(1)]
    pub consumer: String,
    /// The tags.
    #[n(2)]
    pub tags: BTreeMap<String, String>,
}

/// See [`super::Command::UntagConsumer`].
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct UntagConsumer {
    /// The stream's number.
    #[n(0)]
    pub stream: u32,
    /// The consumer's name.
    #[n(1)]
    pub consumer: String,
    /// Keys of the tags.
    #[n(2)]
    pub keys: Vec<String>,
}
