//! What is wrong with bytes that no value can be made of.

/// Why a body could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The body does not parse. The service answers without a message.
    #[error("the body does not parse")]
    Malformed,
    /// The body parses, but a member has another type. Carries the text the service prints.
    #[error("{0}")]
    Mismatch(String),
}
