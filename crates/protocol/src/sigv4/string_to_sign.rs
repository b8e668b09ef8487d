//! Step 2: the string to sign.
//!
//! ```text
//! AWS4-HMAC-SHA256 \n
//! YYYYMMDDTHHMMSSZ \n
//! date/region/service/aws4_request \n
//! hex(SHA-256(canonical request))
//! ```

use super::{ALGORITHM, Timestamp, sha256_hex};

/// Writes the string to sign for a canonical request.
pub(super) fn string_to_sign(timestamp: &Timestamp, scope: &str, canonical: &[u8]) -> String {
    let hash = sha256_hex(canonical);
    [ALGORITHM, "\n", timestamp.as_str(), "\n", scope, "\n", hash.as_str()].concat()
}
