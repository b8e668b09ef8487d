//! AWS Signature Version 4: verifying requests, and signing them.
//!
//! The files follow the specification's steps in order:
//!
//! 1. `canonical`: the request in the one form that both sides hash;
//! 2. `string_to_sign`: algorithm, timestamp, credential scope, hash of step 1;
//! 3. `key`: the signing key, derived from the secret by four HMACs, and a cache of such keys;
//! 4. `verify` and `sign`: HMAC of step 2 under step 3, compared or sent.
//!
//! `presented` reads what a request claims about itself, `error` holds every refusal with the
//! wire text of AWS. Nothing here reads a clock, a header map or a socket.
//!
//! Guarantees of [`verify()`]:
//!
//! - The payload hash is that of the body which arrived, never what a header claims. A client
//!   that signs `UNSIGNED-PAYLOAD` or a `STREAMING-*` marker is refused, as by every AWS service
//!   but S3.
//! - `host` and all `x-amz-*` headers of the request are covered by the signature, so that the
//!   operation cannot be swapped. The one exception is `x-amz-security-token`, which some SDKs
//!   add after signing and Kinesis accepts; it is a secret that the caller compares by itself.
//! - Signatures are compared in constant time.
//! - An error text never contains the secret, a derived key or the signature we expected.

mod canonical;
mod error;
mod hex;
mod key;
mod presented;
mod sign;
mod string_to_sign;
pub mod timestamp;
mod uri;
mod verify;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use error::{ScopeFault, SigV4Error};
pub use hex::{HexDigest, sha256_hex};
pub use key::{SigningKey, SigningKeyCache};
pub use presented::{Credential, Placement, Presented, claimed_credential, parse};
pub use sign::{Credentials, SignatureHeaders, Signer};
pub use timestamp::Timestamp;
pub use verify::{Verifier, is_region_name, verify};

/// The only algorithm there is for Kinesis.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Last element of every credential scope.
pub const TERMINATOR: &str = "aws4_request";
/// How far a request's timestamp may lie from our clock, either way.
pub const CLOCK_TOLERANCE_SECS: i64 = 300;
/// Longest life of a presigned request: a week.
pub const EXPIRES_SECS_MAX: u32 = 604_800;

/// The parts of an HTTP request that a signature covers.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Upper-case method.
    pub method: &'a str,
    /// Path as on the request line, still percent-encoded.
    pub path: &'a str,
    /// Query as on the request line, still percent-encoded, without `?`; empty if there is none.
    pub query: &'a str,
    /// Lower-case names with their values, in order of arrival, repeated names repeated. Over
    /// HTTP/2 the caller adds `host` from `:authority`.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// [`sha256_hex`] of the body. [`parse`] does not look at it.
    pub payload_sha256_hex: &'a str,
}

impl<'a> Request<'a> {
    /// First value of the header with this lower-case name.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
    }
}
