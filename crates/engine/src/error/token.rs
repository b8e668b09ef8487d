//! What can be wrong with the token of a page.

/// A name beside a token that is another stream's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token is of another stream")]
pub struct TokenOfAnotherStream;

/// A token that is not one that this service made for this call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid token")]
pub struct TokenInvalid;

/// A token that is too old.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("token expired")]
pub struct TokenExpired;
