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
mod constants;
mod error;
mod hex;
mod key;
mod presented;
mod request;
mod sign;
mod string_to_sign;
pub mod timestamp;
mod uri;
mod verify;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use constants::{ALGORITHM, CLOCK_TOLERANCE_SECS, EXPIRES_SECS_MAX, TERMINATOR};
pub use error::{ScopeFault, SigV4Error};
pub use hex::{HexDigest, sha256_hex};
pub use key::{SigningKey, SigningKeyCache};
pub use presented::{Credential, Placement, Presented, claimed_credential, parse};
pub use request::Request;
pub use sign::{Credentials, SignatureHeaders, Signer};
pub use timestamp::Timestamp;
pub use verify::{Verifier, check_claim, is_region_name, verify};
